import { readFile } from 'node:fs/promises'
import { agent, concurrent, type Conflict, type Contribution, tool } from 'signalbox'
import { z } from 'zod'
import { posts } from 'signalbox/testing'
import { contract } from './contract.ts'

const Claim = z.object({ claim: z.string().regex(/^E-\d+$/) })
const Verdict = z.object({ payCents: z.int(), why: z.string() })
const Payment = z.object({ claim: z.string(), cents: z.int().positive() })
const Paid = z.object({ paidCents: z.int(), why: z.string() })

/** What the payroll service accepts: each claim once. */
export const PAYMENTS = { tool: 'claims.pay', body: Payment, subject: ({ claim }: z.infer<typeof Payment>) => claim }

const readClaim = tool({
  name: 'claims.read',
  class: 'records.read',
  effect: 'none',
  input: Claim,
  output: z.string(),
  execute: ({ claim }) => readFile(new URL(`../data/${claim}.json`, import.meta.url), 'utf8'),
})

const payClaim = tool({
  name: 'claims.pay',
  class: 'payments.write', // above 100.00 an accountant approves, says the policy
  effect: 'irreversible',
  input: Payment,
  output: Payment,
  effectKey: ({ claim }) => ({ scope: 'tenant', key: claim }),
  preview: async ({ claim, cents }) => ({
    summary: `Pay claim ${claim}`,
    target: { type: 'claim', id: claim, version: '1' },
    impact: { money: { minor: cents, currency: 'EUR' } },
    rollback: 'Keep it back from the next salary.',
  }),
  ...posts(PAYMENTS),
})

const checker = (name: string, instructions: string) =>
  agent({
    name,
    model: process.env.SIGNALBOX_MODEL ?? `scripted/${name}`,
    instructions: `${instructions} Answer with what should be paid and why.`,
    maxOutputTokens: 300,
    tools: [readClaim],
    input: Claim,
    output: Verdict,
  })

const clerk = agent({
  name: 'clerk',
  model: process.env.SIGNALBOX_MODEL ?? 'scripted/clerk',
  instructions: 'Pay what the checkers agree on, or what was settled; pay nothing when that is nothing.',
  maxOutputTokens: 300,
  tools: [payClaim],
  input: Claim,
  output: Paid,
})

/** Checkers that would pay different amounts. */
function differences(list: readonly Contribution[]): Conflict[] {
  const positions = list.map(({ participant, answer }) => ({ participant, says: Verdict.parse(answer) }))
  if (new Set(positions.map(({ says }) => says.payCents)).size <= 1) return []
  const words = positions.map(({ participant, says }) => ({ participant, says: `${says.payCents}: ${says.why}` }))
  return [{ about: 'amount', positions: words }]
}

// #region checks
export const claims = concurrent({
  name: 'expense-claims',
  version: '1.0.0',
  input: Claim,
  output: Paid,
  participants: [
    checker('receipts', 'Compare the amount with the receipt.'),
    checker('rules', 'Apply the travel rules: at most 150.00 for a meal.'),
    checker('history', 'Look for what is unusual for this person.'),
  ],
  onFailureOf: {
    history: 'skip', // named in the result
    receipts: { value: { payCents: 0, why: 'the receipt cannot be read' } },
  },
  conflict: { detect: differences, resolve: { person: { deadlineSeconds: 86_400 } } },
  aggregate: clerk, // or a function
  contract,
  budget: { maxTurns: 16, maxToolCalls: 8, maxRuntimeSeconds: 60, maxTokens: 100_000, maxCostUsd: '0.20' },
})
// #endregion checks
