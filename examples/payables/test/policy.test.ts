import { readFileSync } from 'node:fs'
import type { PolicyRequest, Principal } from 'signalbox'
import { loadBundle } from 'signalbox'
import { describe, expect, it } from 'vitest'

const read = (file: string) => readFileSync(new URL(`../policy/${file}`, import.meta.url), 'utf8')
const bundle = loadBundle(
  Object.fromEntries(['bundle.json', 'catalogue.json', 'core.cedar'].map((file) => [file, read(file)])),
)

const person = (name: string, ...roles: string[]): Principal => ({
  id: `user:${name}`,
  kind: 'user',
  tenant: 'acme',
  roles,
})
const RITA = person('rita', 'requester', 'payables-clerk')
const PAUL = person('paul', 'approver')
const VERA = person('vera', 'viewer')
const OLGA = person('olga', 'operator')

const OWED = { payee_iban: 'DE89', amount_minor: 4_200, currency: 'EUR', invoice_key: 'v1:7' }
const MATCH = {
  match_status: 'matched',
  expected_iban: 'DE89',
  expected_amount_minor: 4_200,
  expected_currency: 'EUR',
  expected_invoice_key: 'v1:7',
  endpoint: 'modern',
}

function ask(name: string, input: object, facts: object = {}, over: Partial<PolicyRequest> = {}) {
  const tool = bundle.tool(name)
  if (tool === null) throw new Error(`${name} is not in the catalogue`)
  return bundle.decide({
    point: 'pre_tool_call',
    run: { id: 'run_1', workflow: 'payables-desk', agent: 'clerk', mode: 'development' },
    principal: RITA,
    action: { name, class: tool.class, effect: tool.effect, definition_hash: 'h' },
    // Plain JSON, as the engine hands it over.
    input: JSON.parse(JSON.stringify(input)),
    facts: JSON.parse(JSON.stringify(facts)),
    labels: { integrity: 0, marks: [] },
    approval: null,
    ...over,
  })
}

const pay = (input: object = {}, facts: object = {}, over: Partial<PolicyRequest> = {}) =>
  ask('payments.pay', { vendor_id: 'v1', ...OWED, ...input }, { ...MATCH, ...facts }, over)
const approvedBy = (approver: Principal) => ({ approval: { id: 'apr_1', approver, bound: true, fresh: true } })
const large = [{ amount_minor: 100_001 }, { expected_amount_minor: 100_001 }] as const

describe('the payables bundle', () => {
  it('POL-050: pays what the match says is owed, and nothing else', () => {
    expect(pay()).toMatchObject({ verdict: 'allow', reason_code: 'PERMITTED' })
    for (const other of [
      { payee_iban: 'DE90' },
      { amount_minor: 4_201 },
      { currency: 'USD' },
      { invoice_key: 'v1:8' },
    ]) {
      expect(pay(other)).toMatchObject({ verdict: 'deny', reason_code: 'PAYMENT_DIFFERS_FROM_MATCH' })
    }
    expect(pay({ amount_minor: 0 }, { expected_amount_minor: 0 }).reason_code).toBe('PAYMENT_DIFFERS_FROM_MATCH')
    expect(pay({}, { match_status: 'duplicate' })).toMatchObject({
      verdict: 'deny',
      reason_code: 'INVOICE_NOT_MATCHED',
    })
    expect(pay({}, { endpoint: 'legacy' })).toMatchObject({ verdict: 'deny', reason_code: 'WRONG_ENDPOINT' })
    const legacy = (endpoint: string) =>
      ask('payments.pay_legacy', { vendor_id: 'v1', ...OWED }, { ...MATCH, endpoint })
    expect([legacy('legacy').verdict, legacy('modern').reason_code]).toEqual(['allow', 'WRONG_ENDPOINT'])
  })

  it('POL-051: asks an approver above the limit, for a deletion and for a hold on a matched invoice', () => {
    expect(pay({ amount_minor: 100_000 }, { expected_amount_minor: 100_000 }).verdict).toBe('allow')
    expect(pay(...large)).toMatchObject({
      verdict: 'require_approval',
      reason_code: 'PAYMENT_ABOVE_LIMIT',
      asks: [{ id: 'payments.limit', approvers: ['approver'] }],
    })
    expect(pay(...large, approvedBy(PAUL)).verdict).toBe('allow')
    expect(pay(...large, approvedBy(VERA)).verdict).toBe('require_approval')
    expect(pay(...large, approvedBy({ ...RITA, roles: [...RITA.roles, 'approver'] })).verdict).toBe('require_approval')
    expect(pay({ amount_minor: 100_001 }).reason_code).toBe('PAYMENT_DIFFERS_FROM_MATCH')
    expect(pay({ amount_minor: 100_001 }, {}, approvedBy(PAUL)).verdict).toBe('deny')

    expect(ask('records.archive', { record_id: 'r' })).toMatchObject({
      verdict: 'require_approval',
      reason_code: 'DELETE_NEEDS_APPROVAL',
    })
    const hold = (match_status: string, own_invoice = true) =>
      ask('desk.propose_hold', { invoice_key: 'v1:7', reason_code: 'x' }, { match_status, own_invoice })
    expect(hold('matched')).toMatchObject({ verdict: 'require_approval', reason_code: 'HOLD_ON_MATCHED_INVOICE' })
    expect(hold('wrong_total').verdict).toBe('allow')
    expect(hold('wrong_total', false)).toMatchObject({ verdict: 'deny', reason_code: 'HOLD_OF_OTHER_INVOICE' })
  })

  it('POL-052: lets viewers and approvers read and nothing else', () => {
    for (const principal of [VERA, PAUL]) {
      expect(ask('records.vendor', { vendor_id: 'v1' }, {}, { principal }).verdict).toBe('allow')
      expect(pay({}, {}, { principal })).toMatchObject({ verdict: 'deny', reason_code: 'NO_PERMIT' })
      expect(pay(...large, { principal }).reason_code).toBe('NO_PERMIT')
      expect(ask('records.archive', { record_id: 'r' }, {}, { principal }).reason_code).toBe('NO_PERMIT')
    }
    expect(ask('records.match', { file: 'f' }, {}, { principal: person('eve') }).reason_code).toBe('NO_PERMIT')
    expect([RITA, PAUL, VERA].map((who) => bundle.mayStart('payables-desk', who))).toEqual([true, false, false])
  })

  it('POL-053: mails the registered recipient only', () => {
    expect(ask('mail.send', {}, { recipient_registered: true }).verdict).toBe('allow')
    expect(ask('mail.send', {}, { recipient_registered: false })).toMatchObject({
      verdict: 'deny',
      reason_code: 'RECIPIENT_NOT_REGISTERED',
    })
    expect(ask('mail.send', {}, {}).reason_code).toBe('INPUT_NOT_PROJECTABLE')
  })

  it('POL-054: a recall needs an approver, whatever its amount, and an operator to ask for it', () => {
    const recall = (principal: Principal, over: Partial<PolicyRequest> = {}) =>
      ask('payments.recall', { booking_id: 7, invoice_key: 'v1:7' }, {}, { principal, ...over })
    expect(recall(OLGA)).toMatchObject({
      verdict: 'require_approval',
      reason_code: 'RECALL_NEEDS_APPROVAL',
      asks: [{ id: 'payments.recall-approved', approvers: ['approver'] }],
    })
    expect(recall(OLGA, approvedBy(PAUL)).verdict).toBe('allow')
    expect(recall(OLGA, approvedBy(VERA)).verdict).toBe('require_approval')
    const both = person('olga', 'operator', 'approver')
    expect(recall(both, approvedBy(both)).verdict).toBe('require_approval')
    expect(recall(RITA).verdict).toBe('require_approval')
    for (const principal of [PAUL, VERA]) expect(recall(principal, approvedBy(PAUL)).reason_code).toBe('NO_PERMIT')
    expect(pay({}, {}, { principal: OLGA }).reason_code).toBe('NO_PERMIT')
    const may = [OLGA, RITA, PAUL, VERA].map((who) => bundle.mayStart('signalbox-compensation', who))
    expect(may).toEqual([true, false, false, false])
  })

  it('POL-016: permits the models of the known providers', () => {
    const model = (name: string) =>
      bundle.decide({
        point: 'pre_model_call',
        run: { id: 'run_1', workflow: 'payables-desk', agent: 'clerk', mode: 'development' },
        principal: RITA,
        action: { name, class: 'model.call', effect: 'none', definition_hash: 'h' },
        input: {},
        facts: {},
        labels: { integrity: 0, marks: [] },
        approval: null,
      })
    for (const name of ['scripted/clerk', 'openai/gpt', 'anthropic/x', 'azure/y', 'openai-compatible/z']) {
      expect(model(name).verdict).toBe('allow')
    }
    expect(model('elsewhere/x').reason_code).toBe('MODEL_UNKNOWN')
    expect(bundle.warnings).toEqual([])
  })
})
