import { describe, expect, it } from 'vitest'
import { asCountMessage, countTests, plainLine, type TestSeen } from './lib/test-count.ts'
import { tooOld } from './preflight.mjs'

const seen = (name: string, state: TestSeen['state']): TestSeen => ({ name, state })
const listed = [{ test: 'a.test.ts > s > t', reason: 'needs strace', condition: 'strace cannot be run' }]

describe('the plain line', () => {
  it('counts what passed, failed and was skipped with permission', () => {
    const tests = [
      seen('a.test.ts > x', 'passed'),
      seen('a.test.ts > y', 'failed'),
      seen('a.test.ts > s > t', 'skipped'),
    ]
    expect(plainLine(countTests(tests, listed, false))).toBe('1 passed, 1 failed, 1 skipped')
  })

  it('CHK-013: planted: a skip that the list does not name fails the run, also under the title of a listed one', () => {
    const count = countTests([seen('b.test.ts > s > t', 'skipped')], listed, false)
    expect(count).toEqual({ passed: 0, failed: 1, skipped: 0, unlisted: ['b.test.ts > s > t'] })
  })

  it('CHK-014: planted: a test that never ended counts as failed', () => {
    expect(countTests([seen('a', 'pending')], [], false).failed).toBe(1)
  })

  it('needs no permission for tests left out by a name filter', () => {
    expect(countTests([seen('b.test.ts > t', 'skipped')], [], true)).toMatchObject({ failed: 0, skipped: 1 })
  })

  it('planted: a message without numbers is no count', () => {
    const message = { kind: 'signalbox.test-count', passed: 1, failed: 0, skipped: 0 }
    expect(asCountMessage(message)).toEqual(message)
    expect(asCountMessage({ ...message, failed: '0' })).toBeUndefined()
    expect(asCountMessage({ passed: 1, failed: 0, skipped: 0 })).toBeUndefined()
  })
})

describe('the preflight', () => {
  it('CHK-015: tells an old Node from a new one', () => {
    for (const old of ['20.20.2', '22.17.9', '18.0.0']) expect(tooOld(old)).toContain(`this is ${old}`)
    for (const fine of ['22.18.0', '24.21.0', '26.0.0']) expect(tooOld(fine)).toBeUndefined()
  })
})
