/** The contract file, what is made from it, and planted faults in it. */
import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { contractCode, contractPage, readContract, reviewWarning } from './lib/telemetry-contract.ts'

const read = (path: string) => readFileSync(new URL(`../${path}`, import.meta.url), 'utf8')
const text = read('packages/runtime/src/observability/contract.v1.json')
const contract = readContract(text)

describe('telemetry contract', () => {
  it('OBS-042: the generated code and page are up to date', () => {
    expect(read('packages/runtime/src/observability/contract.generated.ts')).toBe(contractCode(contract))
    expect(read('docs/reference/telemetry.md')).toBe(contractPage(contract))
    expect(contractCode({ ...contract, version: 2 })).not.toBe(contractCode(contract))
  })

  it('OBS-043: the contract warns 100 days after its last review, and not before', () => {
    const reviewed = Date.parse(contract.reviewed_on)
    expect(reviewWarning(contract, reviewed + 100 * 86_400_000)).toBeNull()
    expect(reviewWarning(contract, reviewed + 101 * 86_400_000)).toContain('101 days ago')
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
      text.replace('"labels": ["signalbox.workflow.id"', '"labels": ["signalbox.run.id"'),
    ],
    ['an attribute listed twice', text.replace('"name": "signalbox.run.branch"', '"name": "signalbox.run.segment"')],
    ['a histogram without bounds', text.replace('"instrument": "counter"', '"instrument": "histogram"')],
    ['a type that does not exist', text.replace('"type": "int"', '"type": "integer"')],
  ])('planted: %s is refused', (_what, broken) => {
    expect(broken).not.toBe(text)
    expect(() => readContract(broken)).toThrow()
  })
})
