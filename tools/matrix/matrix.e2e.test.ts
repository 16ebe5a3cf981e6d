import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { GATES } from '../../packages/runtime/src/testing/matrix/gates.ts'
import { CHECKS } from '../full/checks.ts'
import { RuleRunner } from '../rules/runner.ts'
import { REMOVALS } from './removals.ts'

const root = fileURLToPath(new URL('../..', import.meta.url))
/** What `npm test` takes out; the full test takes out every gate. */
const SAMPLE = ['policy denies', 'approval missing']

describe('the matrix without a gate', () => {
  let runner: RuleRunner
  beforeAll(async () => {
    runner = await RuleRunner.open(root)
  })
  afterAll(() => runner.close())

  it('MTX-006: each gate can be taken out, at a place that stands in the source once, and the full test does it', () => {
    const places = REMOVALS.map(({ rule, file, find }) => {
      const text = readFileSync(join(root, 'packages', file), 'utf8')
      return [rule, text.split(find).length - 1]
    })
    expect(places.filter(([, count]) => count !== 1)).toEqual([])
    expect(REMOVALS.map(({ rule }) => rule).sort()).toEqual(GATES.map(({ name }) => name).sort())
    expect(CHECKS.map(({ name }) => name)).toContain('matrix')
  })

  it.each(REMOVALS.filter(({ rule }) => SAMPLE.includes(rule)).map((one) => [one.rule, one] as const))(
    'MTX-006: goes red without: %s',
    async (_, removal) => {
      const honest = await runner.honest(removal.test, removal.noticed)
      expect(honest).toMatchObject({ failed: 0 })
      expect(honest.passed).toBeGreaterThan(0)
      expect((await runner.broken(removal, honest)).failed).toBeGreaterThan(0)
    },
  )
})
