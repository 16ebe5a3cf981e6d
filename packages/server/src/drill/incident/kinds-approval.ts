/** Incidents about who allowed what. */
import { decide, LARGE_RULE, order, paymentOf, type Plant, type PlantAlone, seen, written } from './planter.ts'
import { PEOPLE, TENANT } from './world.ts'

/** An amount with two zeros too many was approved by somebody who did not look. */
const wrongAmount: Plant = async (world, box) => {
  const invoice = world.invoice()
  const asked = order(invoice, { amount_minor: 4_800_000 })
  const runId = await world.start(box, asked)
  await decide(world, box, runId, 'approved', 'paul', 'as every month')
  await world.ended(box, runId)
  const approval = { answer: 'approved', by: PEOPLE.paul.id, saw: seen(asked) }
  return written(world, { runId, invoice, status: 'completed', why: LARGE_RULE, approval })
}

/** A reviewer changed the amount and approved it so: what was paid is not what was asked for. */
const edited: Plant = async (world, box) => {
  const invoice = world.invoice()
  const asked = order(invoice, { amount_minor: 96_000 })
  const runId = await world.start(box, asked)
  const approvalId = await world.asked(box, runId)
  const args = paymentOf({ ...asked, amount_minor: 48_000 })
  const { packetHash } = await box.runs.request(TENANT, approvalId)
  const reason = 'half of it is disputed'
  await box.runs.edit({ approvalId, by: PEOPLE.paul, args, reason, seen: packetHash })
  await world.ended(box, runId)
  const approval = { answer: 'approved', by: PEOPLE.paul.id, saw: { target: invoice, amountMinor: 96_000 } }
  return written(world, { runId, invoice, status: 'completed', why: LARGE_RULE, approval })
}

/** A standing approval answered in the place of a person. */
const standing: Plant = async (world, box) => {
  const invoice = world.invoice()
  const asked = order(invoice, { payee: 'Standing Energy' })
  const mandate = await box.runs.giveStanding({
    by: PEOPLE.vera,
    tool: 'payments.pay',
    workflow: 'incident-desk',
    principal: PEOPLE.ana.id,
    constraints: [{ field: 'payee', equals: 'Standing Energy' }],
    maxUses: 1,
    expiresAt: world.host.now() + 86_400_000,
    reason: 'the same amount every month',
  })
  const runId = await world.start(box, asked)
  await world.ended(box, runId)
  await box.runs.revoke({ id: mandate.id, by: PEOPLE.vera, reason: 'over now' })
  const approval = { answer: 'approved', by: PEOPLE.vera.id, saw: seen(asked) }
  return written(world, { runId, invoice, status: 'completed', why: LARGE_RULE, approval })
}

/** For a while a bundle without the rule about large payments was in force, and then it was taken back. */
const looseBundle: PlantAlone = async (world) => {
  const invoice = world.invoice()
  const runId = await world.during({ policy: world.loose }, async (box) => {
    const started = await world.start(box, order(invoice, { amount_minor: 990_000 }))
    await world.ended(box, started)
    return started
  })
  const why = { verdict: 'allow', reason: 'PERMITTED', rule: 'desk.may-payments-write' }
  return written(world, { runId, invoice, status: 'completed', why })
}

/** Incidents about who allowed what, by kind. */
export const APPROVAL_KINDS = {
  wrong_amount_approved: wrongAmount,
  edited_and_approved: edited,
  standing_approval_used: standing,
} as const

/** The one of them that is about a process with another policy. */
export const POLICY_KINDS = { rule_missing_for_a_while: looseBundle } as const
