import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { CHECKS } from '../full/checks.ts'
import { MUTATIONS, sampleOf } from './mutations.ts'
import { misplaced, RuleRunner, rulesOf, type Verdict } from './runner.ts'

const root = fileURLToPath(new URL('../..', import.meta.url))

describe('the rules of the engine', () => {
  let runner: RuleRunner
  const honest = new Map<string, Promise<Verdict>>()
  beforeAll(async () => {
    runner = await RuleRunner.open(root)
  })
  afterAll(() => runner.close())

  it('RUL-001: each has a change that breaks it, at a place that is there, and a behaviour that names it', () => {
    expect(misplaced(root, MUTATIONS)).toEqual([])
    const broken = new Set(MUTATIONS.map(({ rule }) => rule))
    expect(rulesOf(root).filter((rule) => !broken.has(rule))).toEqual([])
    expect(rulesOf(root).length).toBeGreaterThanOrEqual(20)
  })

  it('RUL-003: a behaviour that nothing breaks stays green, so that red means something', async () => {
    const verdict = await runner.honest('runtime/src/reliability/timeline.test.ts', 'ENG-164')
    expect(verdict).toMatchObject({ failed: 0 })
    expect(verdict.passed).toBeGreaterThan(0)
  })

  it('RUL-004: the sample of `npm test` has a change for each rule, and the whole list is tried by the full test', () => {
    const sample = sampleOf(MUTATIONS)
    expect(new Set(sample.map(({ rule }) => rule)).size).toBe(sample.length)
    expect(sample.map(({ rule }) => rule)).toEqual(expect.arrayContaining([...rulesOf(root)]))
    expect(CHECKS.map(({ name }) => name)).toContain('rules')
  })

  for (const mutation of sampleOf(MUTATIONS)) {
    const { rule, breaks, noticed, test } = mutation
    it(`RUL-002: ${rule}, ${noticed} goes red when ${breaks}`, async () => {
      const known = honest.get(`${test} ${noticed}`) ?? runner.honest(test, noticed)
      honest.set(`${test} ${noticed}`, known)
      const before = await known
      expect(before, 'without the change').toMatchObject({ failed: 0 })
      expect(before.passed).toBeGreaterThan(0)
      expect((await runner.broken(mutation, before)).failed, 'with the change').toBeGreaterThan(0)
    })
  }
})
