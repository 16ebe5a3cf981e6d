/** Incidents about what happened once, twice, not at all, or was taken back. */
import { eraseSubject, type Signalbox } from 'signalbox'
import { killedWorker } from './killed-worker.ts'
import { approvedRun, callsAbout, LARGE_RULE, order, type Plant, type PlantAlone, seen, written } from './planter.ts'
import type { Planted } from './truth.ts'
import { PEOPLE, TENANT, type World } from './world.ts'

const SMALL = { amount_minor: 900 } as const
const ALLOWED = { verdict: 'allow', reason: 'PERMITTED', rule: 'desk.may-payments-write' } as const

/** The same invoice was ordered twice, and paid by the first run: the second was answered from the ledger. */
const doubleBooking: Plant = async (world, box) => {
  const invoice = world.invoice()
  const runId = await world.start(box, order(invoice, SMALL), 'ben')
  await world.ended(box, runId)
  const calls = callsAbout(world, invoice)
  await world.ended(box, await world.start(box, order(invoice, SMALL), 'ana', { reference: `${invoice} again` }))
  return written(world, { runId, invoice, who: 'ben', status: 'completed', why: ALLOWED, calls })
}

/** The bank booked and its answer was lost; the process was gone before it could look, and the next one found the booking. */
const lostAnswer: PlantAlone = async (world, pager) => {
  const invoice = world.invoice()
  world.outside.loseNextAnswer()
  const runId = await world.during({}, async (box) => {
    const started = await world.start(box, order(invoice, SMALL))
    await world.settled(box, started)
    return started
  })
  await world.host.advance(301_000)
  const alert = await pager.told('effect.unknown')
  await world.during({}, (box) => world.endedInTime(box, runId))
  return written(world, { runId, invoice, status: 'completed', why: ALLOWED, alert })
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
export const restored = async (world: World, box: Signalbox): Promise<Omit<Planted, 'kind'>> => {
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

/** A fork was made of a run that had paid: the payment is the first one's, and was not made again. */
export const forked = async (world: World, box: Signalbox): Promise<Omit<Planted, 'kind'>> => {
  const invoice = world.invoice()
  const runId = await world.start(box, order(invoice, SMALL))
  await world.ended(box, runId)
  const calls = callsAbout(world, invoice)
  const points = await box.runs.restorePoints(TENANT, runId)
  const seq = Math.min(...points.map((point) => point.seq))
  const reason = 'to see what it would do'
  const fork = await box.runs.fork({ runId, seq, by: PEOPLE.olga, reason, requestId: `${invoice} fork` })
  await world.ended(box, fork.runId)
  return written(world, { runId, invoice, status: 'completed', why: ALLOWED, calls })
}

/** A payment was made and taken back by a compensation. */
export const compensated = async (world: World, box: Signalbox): Promise<Omit<Planted, 'kind'>> => {
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
  restored_after_payment: restored,
  forked_after_payment: forked,
  payment_recalled: compensated,
  person_erased: erased,
} as const

/** Those of them that are about processes. */
export const PROCESS_KINDS = { answer_lost: lostAnswer, worker_killed: takeover, other_prompt: otherPrompt } as const
