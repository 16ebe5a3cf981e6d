import { describe, expect, it } from 'vitest'
import { signingKey } from '../../packages/runtime/src/base/ed25519.ts'
import { verifierKeyOf, verifierKeyText } from '../../packages/runtime/src/reliability/tree-head.ts'
import { signedReport } from '../../packages/server/src/drill/report.ts'
import { reportAges, reports } from './reports.ts'

const [key, other] = [1, 2].map((byte) => signingKey(new Uint8Array(32).fill(byte)))
if (!key || !other) throw new Error('two keys')
const pub = { path: 'reports/audit.pub', text: verifierKeyText(verifierKeyOf(key.publicKey)) }
const made = { made_at: '2026-03-01T12:00:00.000Z', result: 'passed', kills: 320 }
const file = (text: string) => ({ path: 'reports/restore-drill.json', text })

describe('the gate for reports', () => {
  it('DRL-016: finds nothing in a signed report, and nothing where there are none', () => {
    expect(reports([file(signedReport(made, key)), pub])).toEqual([])
    expect(reports([pub])).toEqual([])
  })

  it('DRL-016: finds a changed report, one of another key, one without a key beside it, and one that is none', () => {
    const signed = signedReport(made, key)
    const messages = (text: string, ...more: (typeof pub)[]) =>
      reports([file(text), ...more]).map((each) => each.message)
    expect(messages(signed.replace('320', '321'), pub)).toEqual([expect.stringMatching(/changed after it was made/)])
    expect(messages(signedReport(made, other), pub)).toEqual([
      expect.stringMatching(/not signed by `reports\/audit.pub`/),
    ])
    expect(messages(signed)).toEqual([expect.stringMatching(/`reports\/audit.pub` is missing/)])
    expect(messages('hello', pub)).toEqual([expect.stringMatching(/is not a report/)])
  })

  it('DRL-016: tells the age of each report', () => {
    const now = Date.parse('2026-03-01T15:30:00Z')
    expect(reportAges([file(signedReport(made, key))], now)).toEqual([
      'reports/restore-drill.json: passed, 3.5 hours old',
    ])
    expect(reportAges([file(signedReport(made, key))], now + 86_400_000 * 5)[0]).toContain('5.1 days old')
  })
})
