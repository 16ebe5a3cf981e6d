import type { KillSwitch } from '../../contracts/switches.ts'
import { engaged, type SwitchSubject } from '../../policy/index.ts'
import { workflowsAround } from '../scope.ts'
import type { Ask, Ended } from './ask.ts'

/** How long a paused ask waits before it looks again; a lift wakes it sooner. */
const PAUSED_MS = 60_000
/** The same where the state of the switches is not known. */
const STALE_MS = 1_000

/** What decides about a send, and how: the first switch that stands against it, a stop before a pause. */
export function switchAgainst(ask: Ask, now: number): KillSwitch | null {
  const all = ask.run.env.switches.switches
  if (all.length === 0) return null
  const switches = ask.passedSwitches.size === 0 ? all : all.filter(({ id }) => !ask.passedSwitches.has(id))
  const subject = subjectOf(ask)
  // A switch on a workflow holds for it wherever it is nested, and for all that is nested in it.
  const hits = [
    ...workflowsAround(ask.owner.scope).map((workflow) => engaged(switches, { ...subject, workflow }, now, 'send')),
    ...entered(ask).map((workflow) => engaged(switches, { ...subject, workflow }, now, 'new')),
  ].filter((one) => one !== null)
  return hits.find(({ mode }) => mode !== 'pause') ?? hits[0] ?? null
}

function subjectOf(ask: Ask): Omit<SwitchSubject, 'workflow'> {
  const { run, name, tool } = ask
  return { tenant: run.tenant, tool: name, class: ask.class, server: tool?.server ?? null, run: run.runId }
}

/** The nested workflow that a call enters, which is new work of it. */
function entered({ kind, name, owner }: Ask): readonly string[] {
  const inner = kind === 'scope' ? owner.scope.spec.scopes.get(name) : undefined
  return inner ? [inner.name] : []
}

/**
 * A paused ask waits here, and one of which nobody knows whether it is paused; it goes on by itself when the pause is
 * lifted. What a switch stops ends at the send.
 */
export function passSwitches(ask: Ask): Ended | null | Promise<Ended | null> {
  const { switches, host } = ask.run.env
  // No store is read and nothing waited for while no switch stands.
  if (switches.isFresh && switchAgainst(ask, host.now())?.mode !== 'pause') return null
  return untilUnpaused(ask)
}

async function untilUnpaused(ask: Ask): Promise<Ended | null> {
  for (;;) {
    const until = await heldUntil(ask)
    if (until === null) return null
    if (ask.run.halt) return ask.ending ?? null
    await ask.wait('switch', ask.ref.key, until)
  }
}

/** When to look again at a switch that holds the ask up; null when nothing holds it. Reads the switches where they are stale. */
export async function heldUntil(ask: Ask): Promise<number | null> {
  const { switches, host } = ask.run.env
  if (!switches.isFresh) await switches.refresh().catch(() => undefined)
  // A lift wakes a run before its worker has read of it: who is about to wait reads again first.
  else if (switchAgainst(ask, host.now())?.mode === 'pause') await switches.readAgain().catch(() => undefined)
  const now = host.now()
  if (!switches.isFresh) return now + STALE_MS
  const hit = switchAgainst(ask, now)
  if (hit?.mode !== 'pause' || switches.overrideFor(hit.id, ask.run.runId, ask.ref.key)) return null
  return Math.min(hit.expiresAt ?? Number.POSITIVE_INFINITY, now + PAUSED_MS)
}
