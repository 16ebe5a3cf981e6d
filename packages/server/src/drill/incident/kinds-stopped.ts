/** Incidents in which something was stopped: by a rule, a switch, a budget, or a watch. */
import type { Signalbox } from 'signalbox'
import { DESK } from './desk.ts'
import { order, type Plant, written } from './planter.ts'
import { PEOPLE, TENANT, type World } from './world.ts'

const none = { safe: true, refused: null, effects: [] } as const

/** A document told the agent to pay: its labels kept the payment back. */
const injected: Plant = async (world, box) => {
  const invoice = world.invoice()
  const runId = await world.start(box, order(invoice, { plan: 'read_first', amount_minor: 900 }))
  await world.ended(box, runId)
  const why = { verdict: 'deny', reason: 'UNTRUSTED_INSTRUCTION', rule: 'payments.untrusted' }
  return written(world, { runId, invoice, status: 'completed', why })
}

/** An agent that was denied insisted five times. */
const denialSpike: Plant = async (world, box) => {
  const invoice = world.invoice()
  const runId = await world.start(box, order(invoice, { plan: 'insist', payee: 'Blocked Ltd', amount_minor: 700 }))
  const { status } = await world.ended(box, runId)
  const why = { verdict: 'deny', reason: 'PAYEE_BLOCKED', rule: 'payments.blocked-payee' }
  return written(world, { runId, invoice, status, why })
}

/** The agent read the same document without end until its budget stopped it. */
const runaway: Plant = async (world, box) => {
  const invoice = world.invoice()
  const runId = await world.start(box, order(invoice, { plan: 'loop', amount_minor: 500 }))
  const { status } = await world.ended(box, runId)
  return written(world, { runId, invoice, status, why: { ended: 'BUDGET_EXHAUSTED' } })
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
const killSwitch: Plant = async (world, box) => {
  const invoice = world.invoice()
  const asked = order(invoice)
  const runId = await world.start(box, asked)
  await world.asked(box, runId)
  const id = await thrown(world, box, { scope: 'workflow', target: DESK, mode: 'stop_now' })
  const { status } = await world.ended(box, runId)
  await lifted(world, box, id)
  const approval = { answer: 'cancelled', by: null, saw: { target: invoice, amountMinor: asked.amount_minor } }
  return written(world, { runId, invoice, status, why: { ended: 'KILL_SWITCH' }, approval })
}

/** Two people let one payment pass a switch that stood against all of them. */
const override: Plant = async (world, box) => {
  const invoice = world.invoice()
  const switchId = await thrown(world, box, { scope: 'tool', target: 'payments.pay', mode: 'pause' })
  const runId = await world.start(box, order(invoice, { amount_minor: 800 }))
  const { waitingOn } = await world.settled(box, runId)
  const ask = waitingOn.find((one) => one.kind === 'switch')?.id ?? ''
  const expiresAt = world.host.now() + 60_000
  const asked = { switchId, runId, ask, by: PEOPLE.olga, reason: 'salaries are due', expiresAt }
  const { id } = await box.switches.askOverride(asked)
  await box.switches.confirmOverride({ id, by: PEOPLE.otto, reason: 'agreed on the phone' })
  await world.ended(box, runId)
  await lifted(world, box, switchId)
  const why = { verdict: 'allow', reason: 'PERMITTED', rule: 'desk.may-payments-write' }
  return written(world, { runId, invoice, status: 'completed', why })
}

/** Code of a node called the outside beside every tool: the run was ended. */
const beside: Plant = async (world, box) => {
  const invoice = world.invoice()
  const runId = await world.start(box, order(invoice, { plan: 'beside', amount_minor: 600 }))
  const { status } = await world.ended(box, runId)
  return written(world, { runId, invoice, status, why: { ended: 'UNMEDIATED_CALL' }, resume: none })
}

/** Incidents in which something was stopped, by kind. */
export const STOPPED_KINDS = {
  injected_instruction: injected,
  denial_spike: denialSpike,
  runaway_stopped: runaway,
  kill_switch_thrown: killSwitch,
  override_used: override,
  call_beside_the_door: beside,
} as const
