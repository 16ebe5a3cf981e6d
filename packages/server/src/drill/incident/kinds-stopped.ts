/** Incidents in which something was stopped: by a rule, a switch, a budget, or a watch. */
import type { Signalbox } from 'signalbox'
import { OFFICE } from './desk.ts'
import type { Pager } from './pager.ts'
import { order, type Plant, written } from './planter.ts'
import { PEOPLE, TENANT, type World } from './world.ts'

/** Beyond the time for which alerts look back. */
const QUIET_MS = 3_601_000
const none = { safe: true, refused: null, effects: [] } as const

/** A document told the agent to pay, and the agent insisted: its labels kept the payment back each time. */
const injected: Plant = async (world, box, pager) => {
  const invoice = world.invoice()
  await passed(world, pager)
  const runId = await world.start(box, order(invoice, { plan: 'insist', amount_minor: 900 }))
  const { status } = await world.ended(box, runId)
  const why = { verdict: 'deny', reason: 'UNTRUSTED_INSTRUCTION', rule: 'payments.untrusted' }
  return written(world, { runId, invoice, status, why, alert: await pager.told('denial.spike') })
}

/** The agent read the same document without end until its budget stopped it. */
const runaway: Plant = async (world, box, pager) => {
  const invoice = world.invoice()
  await passed(world, pager)
  const runId = await world.start(box, order(invoice, { plan: 'loop', amount_minor: 500 }))
  const { status } = await world.ended(box, runId)
  const alert = await pager.told('budget.violation')
  return written(world, { runId, invoice, status, why: { ended: 'BUDGET_EXHAUSTED' }, alert })
}

/** What happened a while ago is over, and its alerts with it: what happens now is told anew. */
async function passed(world: World, pager: Pager): Promise<void> {
  await world.host.advance(QUIET_MS)
  await pager.look()
}

type Throw = Pick<Parameters<Signalbox['runs']['engageKillSwitch']>[0], 'scope' | 'target' | 'mode'>

/** Throws a switch and waits until the workers act on it. */
async function thrown(world: World, box: Signalbox, what: Throw): Promise<string> {
  const { id } = await box.runs.engageKillSwitch({ by: PEOPLE.olga, reason: 'the bank told us of fraud', ...what })
  await world.until('the switch', async () => {
    // Workers look at the switches every so often.
    await world.host.advance(1_000)
    return (await box.switches.status(TENANT, id))[0]?.acknowledged ? true : null
  })
  return id
}

async function lifted(world: World, box: Signalbox, id: string): Promise<void> {
  await box.runs.liftKillSwitch({ id, by: PEOPLE.otto, reason: 'the bank has called back' })
  await world.host.advance(5_000)
}

/** A switch against a tool was thrown while the run waited for its approval. */
const killSwitch: Plant = async (world, box, pager) => {
  const invoice = world.invoice()
  const asked = order(invoice)
  const runId = await world.start(box, asked, 'ana', { workflow: OFFICE })
  await world.asked(box, runId)
  const id = await thrown(world, box, { scope: 'workflow', target: OFFICE, mode: 'stop_now' })
  const { status } = await world.ended(box, runId)
  const alert = await pager.told('kill_switch.engaged')
  await lifted(world, box, id)
  const approval = { answer: 'cancelled', by: null, saw: { target: invoice, amountMinor: asked.amount_minor } }
  return written(world, { runId, invoice, workflow: OFFICE, status, why: { ended: 'KILL_SWITCH' }, approval, alert })
}

/** Code of a node called the outside beside every tool: the run was ended. */
const beside: Plant = async (world, box, pager) => {
  const invoice = world.invoice()
  const runId = await world.start(box, order(invoice, { plan: 'beside', amount_minor: 600 }))
  const { status } = await world.ended(box, runId)
  const alert = await pager.told('call.unmediated')
  return written(world, { runId, invoice, status, why: { ended: 'UNMEDIATED_CALL' }, resume: none, alert })
}

/** Incidents in which something was stopped, by kind. */
export const STOPPED_KINDS = {
  injected_instruction: injected,
  runaway_stopped: runaway,
  kill_switch_thrown: killSwitch,
  call_beside_the_door: beside,
} as const
