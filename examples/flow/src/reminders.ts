/** Reminds a customer of what is overdue: computed in steps, a person asked about a large fee, one letter a month. */
import { flow, port, tool } from 'signalbox'
import { z } from 'zod'
import { findLetter, Item, Letter, officeHosts, openItems, Posted, sendLetter } from './office.ts'

const items = tool({
  name: 'ledger.open_items',
  class: 'records.read',
  effect: 'none',
  input: z.object({ customer: z.string() }),
  output: z.array(Item),
  hosts: officeHosts,
  execute: openItems,
})

const letters = tool({
  name: 'letters.send',
  class: 'letters.write',
  effect: 'irreversible',
  input: Letter,
  output: Posted,
  effectKey: ({ customer, month }) => ({ scope: 'tenant', key: `${customer}/${month}` }),
  preview: async ({ customer, month, fee }) => ({
    summary: `Remind ${customer} with a fee of ${fee / 100} EUR`,
    target: { type: 'reminder', id: `${customer}/${month}`, version: '1' },
    impact: { text: 'one letter' },
    rollback: 'Send a letter that takes it back.',
  }),
  hosts: officeHosts,
  timeoutSeconds: 3,
  settleAfterSeconds: 1,
  execute: sendLetter,
  reconcile: findLetter,
})

/** Asks the head of accounting whether a large fee is charged. */
const waiver = port({
  name: 'waiver',
  request: z.object({ customer: z.string(), fee: z.int() }),
  response: z.object({ waive: z.boolean(), why: z.string() }),
  deadlineSeconds: 86_400,
})

const Reminded = z.object({
  fee: z.int(),
  decidedBy: z.enum(['rule', 'person', 'silence']),
  letter: z.string(),
  stillOwed: z.int(),
})

const budget = { maxTurns: 1, maxToolCalls: 8, maxRuntimeSeconds: 60, maxTokens: 1, maxCostUsd: '0.01' }
const total = (list: readonly z.infer<typeof Item>[]): number => list.reduce((sum, item) => sum + item.cents, 0)

// #region reminders
export const reminders = flow({
  name: 'reminders',
  version: '1.0.0',
  input: z.object({ customer: z.string(), month: z.string(), graceSeconds: z.number() }),
  output: Reminded,
  budget,
  tools: [items, letters],
  ports: [waiver],
  run: async ({ customer, month, graceSeconds }, f) => {
    const owed = await f.call(items, { customer })
    if (owed.status !== 'succeeded') throw new Error(`the ledger could not be read: ${owed.reason}`)

    // Each step is computed once; what it gave is on record.
    const fees = await Promise.all(
      owed.output.map((item) => f.step('fee', item, ({ cents, daysLate }) => Math.round((cents * daysLate) / 3_650))),
    )
    let fee = fees.reduce((sum, one) => sum + one, 0)
    let decidedBy: 'rule' | 'person' | 'silence' = 'rule'

    // A person decides about a large fee. The run leaves memory while it waits; silence charges nothing.
    if (fee > 1_000) {
      const said = await f.ask(waiver, { customer, fee })
      decidedBy = said.status === 'succeeded' ? 'person' : 'silence'
      if (said.status !== 'succeeded' || said.output.waive) fee = 0
    }

    const sent = await f.call(letters, { customer, month, cents: total(owed.output), fee })
    if (sent.status !== 'succeeded') throw new Error(`no letter went out: ${sent.reason}`)

    await f.sleep(graceSeconds)
    const later = await f.call(items, { customer })
    const stillOwed = later.status === 'succeeded' ? total(later.output) : total(owed.output)
    return { fee, decidedBy, letter: sent.output.posted, stillOwed }
  },
  contract: {
    objective: 'customers are reminded once a month of what is overdue',
    qualityMetric: 'share of reminded amounts that are paid within the grace period',
    acceptedBy: 'the head of accounting',
    escalation: 'a fee above 10 EUR is put to the head of accounting',
    blastRadius: 'one letter with a wrong fee to one customer, who can object to it',
    adaptivity: 'deterministic: rules and one question, no model',
    parallelSteps: 'fees are computed side by side and change nothing',
    sideEffects: '`letters.send`, at most once a customer and month',
    qualityStop: 'there is no model; the budget ends a run that goes astray',
  },
})
// #endregion reminders
