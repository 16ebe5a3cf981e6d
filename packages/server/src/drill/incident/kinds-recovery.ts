/** Incidents about what happened once, twice, not at all, or was taken back. */
import { eraseSubject } from 'signalbox'
import { killedWorker } from './killed-worker.ts'
import { approvedRun, callsAbout, LARGE_RULE, order, type Plant, type PlantAlone, seen, written } from './planter.ts'
import { PEOPLE, TENANT } from './world.ts'

const SMALL = { amount_minor: 900 } as const
const ALLOWED = { verdict: 'allow', reason: 'PERMITTED', rule: 'desk.may-payments-write' } as const

/** The same invoice was ordered twice: the second run was answered from the ledger. */
const doubleBooking: Plant = async (world, box) => {
  const invoice = world.invoice()
  await world.ended(box, await world.start(box, order(invoice, SMALL), 'ben'))
  const callsBefore = callsAbout(world, invoice)
  const reference = `${invoice} again`
  const runId = await world.start(box, order(invoice, SMALL), 'ana', { reference })
  await world.ended(box, runId)
  const resume = { safe: true, refused: null, effects: [] }
  return written(world, { runId, invoice, reference, status: 'completed', why: ALLOWED, callsBefore, resume })
}

/** The bank booked and its answer was lost: the look-up found the booking. */
const lostAnswer: Plant = async (world, box) => {
  const invoice = world.invoice()
  world.outside.loseNextAnswer()
  const runId = await world.start(box, order(invoice, SMALL))
  await world.endedInTime(box, runId)
  return written(world, { runId, invoice, status: 'completed', why: ALLOWED })
}

/** The worker was killed after it had sent a payment; another one took the run over and found it booked. */
const takeover: PlantAlone = async (world) => {
  const invoice = world.invoice()
  const runId = await killedWorker(world, order(invoice, SMALL))
  // The lease of the dead worker runs out, and then the time within which its payment may still arrive.
  await world.host.advance(20_000)
  await world.during({}, (box) => world.endedInTime(box, runId))
  return written(world, { runId, invoice, status: 'completed', why: ALLOWED })
}

/** The run was restored to its start after it had paid: nothing was paid again. */
const restored: Plant = async (world, box) => {
  const invoice = world.invoice()
  const runId = await approvedRun(world, box, order(invoice))
  const points = await box.runs.restorePoints(TENANT, runId)
  const seq = Math.min(...points.map((point) => point.seq))
  await box.runs.restore({ runId, seq, by: PEOPLE.olga, reason: 'the clerk should look again' })
  await world.until('the end of the branch', async () => {
    const row = await box.runs.get(TENANT, runId)
    return row.branch > 0 && row.status === 'completed' ? true : null
  })
  const approval = { answer: 'approved', by: PEOPLE.paul.id, saw: seen(order(invoice)) }
  return written(world, { runId, invoice, status: 'completed', why: LARGE_RULE, approval })
}

/** A fork was made of a run that had paid: the payment is the family's, and was not made again. */
const forked: Plant = async (world, box) => {
  const invoice = world.invoice()
  const parent = await world.start(box, order(invoice, SMALL))
  await world.ended(box, parent)
  const callsBefore = callsAbout(world, invoice)
  const points = await box.runs.restorePoints(TENANT, parent)
  const seq = Math.min(...points.map((point) => point.seq))
  const reference = `${invoice} fork`
  const fork = { runId: parent, seq, by: PEOPLE.olga, reason: 'to see what it would do', requestId: reference }
  const { runId } = await box.runs.fork(fork)
  await world.ended(box, runId)
  const resume = { safe: true, refused: null, effects: ['payments.pay: ledger'] }
  return written(world, { runId, invoice, reference, status: 'completed', why: ALLOWED, callsBefore, resume })
}

/** A payment was made and taken back by a compensation. */
const compensated: Plant = async (world, box) => {
  const invoice = world.invoice()
  const runId = await approvedRun(world, box, order(invoice))
  const undo = await box.runs.compensate({ runId, by: PEOPLE.olga, reason: 'paid to the wrong account' })
  await world.ended(box, undo.runId)
  const approval = { answer: 'approved', by: PEOPLE.paul.id, saw: seen(order(invoice)) }
  const resume = { safe: true, refused: null, effects: ['payments.pay: asked'] }
  return written(world, { runId, invoice, status: 'completed', why: LARGE_RULE, approval, resume })
}

/** The person that the run was about was erased: what it did is still told, and not what was in it. */
const erased: Plant = async (world, box) => {
  const invoice = world.invoice()
  const subject = `customer:${invoice.toLowerCase()}`
  const runId = await approvedRun(world, box, order(invoice), subject)
  await eraseSubject(
    { store: world.store, vault: world.vault, host: world.host },
    { tenant: TENANT, subject, by: PEOPLE.olga, reason: 'asked for by mail', announce: async () => undefined },
  )
  const approval = { answer: 'approved', by: PEOPLE.paul.id, saw: null }
  const resume = { safe: false, refused: 'CONTENT_ERASED', effects: [] }
  const script = { runId, invoice, status: 'completed', why: LARGE_RULE, approval, resume, erased: true } as const
  return written(world, script)
}

/** Another version with another prompt worked for a while. */
const otherPrompt: PlantAlone = async (world) => {
  const invoice = world.invoice()
  const runId = await world.during({ version: '1.1.0' }, async (box) => {
    const started = await world.start(box, order(invoice, SMALL))
    await world.ended(box, started)
    return started
  })
  // The server has the version before it again.
  const resume = { safe: false, refused: 'WORKFLOW_CHANGED', effects: [] }
  return written(world, { runId, invoice, status: 'completed', version: '1.1.0', why: ALLOWED, resume })
}

/** Incidents about what happened and what did not, by kind. */
export const RECOVERY_KINDS = {
  double_booking_answered: doubleBooking,
  answer_lost: lostAnswer,
  restored_after_payment: restored,
  forked_after_payment: forked,
  payment_recalled: compensated,
  person_erased: erased,
} as const

/** Those of them that are about processes. */
export const PROCESS_KINDS = { worker_killed: takeover, other_prompt: otherPrompt } as const
