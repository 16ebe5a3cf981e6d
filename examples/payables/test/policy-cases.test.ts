import { readFileSync } from 'node:fs'
import { assertGuarded, bundleDifferences, loadBundle, policyFindings, runFixtures, toolPostures } from 'signalbox'
import { describe, expect, it } from 'vitest'

const FILES = ['bundle.json', 'catalogue.json', 'exemptions.json', 'core.cedar'] as const
const read = (file: string) => readFileSync(new URL(`../policy/${file}`, import.meta.url), 'utf8')
const files = Object.fromEntries(FILES.map((file) => [file, read(file)]))
const cases = Object.fromEntries(['tests/payments.json', 'tests/desk.json'].map((file) => [file, read(file)]))
const bundle = loadBundle(files)

/** The bundle with one policy's text replaced. */
function without(text: string, instead: string) {
  const cedar = files['core.cedar'] ?? ''
  expect(cedar).toContain(text)
  return loadBundle({ ...files, 'core.cedar': cedar.replace(text, () => instead) })
}

describe('the cases of the payables bundle', () => {
  it('PAU-014: all pass, and each policy decides in one of them', () => {
    const report = runFixtures(bundle, cases)
    expect(report.results.filter((each) => !each.passed)).toEqual([])
    expect(report.untested).toEqual([])
    expect(report.passed).toBeGreaterThan(50)
  })

  it('PAU-014: a policy that is taken out, or one condition of it, makes a case fail', () => {
    const taken = bundle.rules.map((rule) => [rule.id, rule.text, ''] as const)
    const unnoticed = [...taken, ...CHANGES.map(([from, to]) => [from, from, to] as const)].filter(
      ([, from, to]) => !noticed(without(from, to)),
    )
    expect(unnoticed.map(([what]) => what)).toEqual([])
  })
})

/** One condition taken out or moved, of each policy that has more than one. */
const CHANGES: readonly (readonly [string, string])[] = [
  ['(principal.user in Signalbox::Role::"requester" ||', '('],
  [' ||\n   principal.user in Signalbox::Role::"viewer")', ')'],
  ['&&\n  principal.user in Signalbox::Role::"payables-clerk"', ''],
  ['&&\n  principal.user in Signalbox::Role::"operator"', ''],
  ['context.facts.match_status != "matched"', 'context.facts.match_status == "duplicate"'],
  ['(context.input.payee_iban == context.facts.expected_iban &&\n   ', '('],
  ['context.input.amount_minor == context.facts.expected_amount_minor &&\n   ', ''],
  ['context.input.amount_minor > 0 &&\n   ', ''],
  ['context.input.currency == context.facts.expected_currency &&\n   ', ''],
  [' &&\n   context.input.invoice_key == context.facts.expected_invoice_key', ''],
  ['context.input.amount_minor > 100000', 'context.input.amount_minor >= 100000'],
  ['context.input.amount_minor > 100000', 'context.input.amount_minor > 100001'],
  ['when { context.facts.match_status == "matched" }\n', ''],
]

/** Whether a case fails; the file that is about payments is enough for what it notices. */
function noticed(changed: typeof bundle): boolean {
  const [payments, desk] = Object.entries(cases).map(([file, text]) => ({ [file]: text }))
  return runFixtures(changed, desk ?? {}).failed > 0 || runFixtures(changed, payments ?? {}).failed > 0
}

describe('the payables bundle', () => {
  it('PAU-001, PAU-041: says of each tool with an effect how far people are asked, and a change of it is told', () => {
    const postures = Object.fromEntries(toolPostures(bundle).map(({ tool, approval }) => [tool.name, approval]))
    expect(postures).toMatchObject({
      'payments.pay': 'sometimes',
      'payments.pay_legacy': 'sometimes',
      'payments.recall': 'always',
      'records.archive': 'always',
      'mail.send': 'never',
      'desk.propose_hold': 'sometimes',
    })
    const list = policyFindings({ bundle, at: Date.parse('2026-12-01') })
    const [pay] = list.filter((each) => each.subject === 'payments.pay')
    expect(pay).toMatchObject({ code: 'APPROVAL_DECLARED' })
    expect(pay?.message).toContain('context.input.amount_minor > 100000 (`payments.limit`)')
    expect(list.filter((each) => each.severity !== 'notice')).toEqual([])
    expect(() => assertGuarded(bundle, Date.parse('2026-12-01'))).not.toThrow()
    // The exemption of mail has run out by then.
    expect(() => assertGuarded(bundle, Date.parse('2027-11-20'))).toThrow(/mail\.send.*expired/)

    const limit = bundle.rules.find((rule) => rule.id === 'payments.limit')?.text ?? ''
    const raised = without(limit, limit.replace('100000', '500000'))
    expect(bundleDifferences(bundle, raised)).toMatchObject([
      { what: 'policy', how: 'changed', name: 'payments.limit', loosens: true },
    ])
    expect(bundleDifferences(bundle, without(limit, ''))).toMatchObject([
      { what: 'policy', how: 'removed', name: 'payments.limit', loosens: true },
      { what: 'approval', name: 'payments.pay', details: ['approval from `sometimes` to `never`'], loosens: true },
      { what: 'approval', name: 'payments.pay_legacy', loosens: true },
    ])
  })
})
