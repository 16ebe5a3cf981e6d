/** The contract file, what is made from it, and planted faults in it. */
import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { contract as gate } from './gates/contract.ts'
import { contractCode } from './lib/telemetry-code.ts'
import { readContract } from './lib/telemetry-contract.ts'

const read = (path: string) => readFileSync(new URL(`../${path}`, import.meta.url), 'utf8')
const text = read('packages/runtime/src/observability/contract.v1.json')
const contract = readContract(text)

describe('telemetry contract', () => {
  const file = (path: string) => ({ path, text: read(path) })
  const files = [
    file('packages/runtime/src/observability/contract.v1.json'),
    file('packages/runtime/src/observability/contract.generated.ts'),
    file('docs/reference/telemetry.md'),
    file('docs/reference/telemetry.schema.json'),
  ]
  const reviewed = Date.parse(contract.reviewed_on)
  const DAY = 86_400_000

  it('OBS-042: the generated code, page and schema are up to date; a stale one fails the gate', () => {
    expect(gate(files, reviewed)).toEqual([])
    for (const [place, { path }] of files.entries()) {
      const stale = files.map((each, at) => (at === place ? { ...each, text: `${each.text} ` } : each))
      const found = gate(stale, reviewed)
      expect(found.map((each) => each.file)).toEqual(place === 0 ? [] : [path])
    }
    expect(gate([{ path: files[0]?.path ?? '', text: '{}' }], reviewed)).toHaveLength(1)
    expect(gate([], reviewed)).toHaveLength(1)
    expect(contractCode({ ...contract, version: 2 })).not.toBe(contractCode(contract))
  })

  it('OBS-043: the gate warns from the 101st day after the last review, and does not fail', () => {
    expect(gate(files, reviewed + 99 * DAY)).toEqual([])
    expect(gate(files, reviewed + 100 * DAY)).toEqual([])
    expect(gate(files, reviewed + 101 * DAY)).toMatchObject([
      { level: 'warn', message: expect.stringMatching(/101 days ago/) },
    ])
  })

  it('OBS-044: it names the ten fields, each once', () => {
    const fields = contract.attributes.flatMap((attribute) => attribute.field ?? []).sort()
    expect(fields).toEqual([
      'approval_decision',
      'approval_required',
      'checkpoint_id',
      'cost_estimate',
      'latency_ms',
      'run_id',
      'tool_name',
      'tool_risk_class',
      'user_request_id',
      'workflow_id',
    ])
  })

  it.each([
    [
      'an unknown attribute in a span',
      text.replace('"required": ["signalbox.run.segment"', '"required": ["signalbox.nothing"'),
    ],
    [
      'a label of high cardinality',
      text.replace('"required": ["signalbox.workflow.id"', '"required": ["signalbox.run.id"'),
    ],
    ['an attribute listed twice', text.replace('"name": "signalbox.run.branch"', '"name": "signalbox.run.segment"')],
    ['a histogram without bounds', text.replace('"instrument": "counter"', '"instrument": "histogram"')],
    ['a condition on an unknown value', text.replace('in parked stopped', 'in parked resting')],
    [
      'a condition on an unknown attribute',
      text
        .replace('"signalbox.policy.verdict"}', '"signalbox.nothing"}')
        .replaceAll('": "signalbox.policy.verdict"', '": "signalbox.nothing"'),
    ],
    ['a requirement level that does not exist', text.replace('"recommended"', '"suggested"')],
    ['an attribute at two levels', text.replace('"recommended": ["', '"recommended": ["signalbox.run.segment", "')],
    ['metrics that were one before and differ', text.replace('4194304, 16777216, 67108864]', '4194304]')],
    ['a type that does not exist', text.replace('"type": "int"', '"type": "integer"')],
  ])('planted: %s is refused', (_what, broken) => {
    expect(broken).not.toBe(text)
    expect(() => readContract(broken)).toThrow()
  })
})
