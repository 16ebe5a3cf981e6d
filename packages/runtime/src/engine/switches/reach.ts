import type { RunStatus } from '../../contracts/records.ts'
import type { EffectRow, PersonRequestRow, RunRow } from '../../contracts/store.ts'
import type { KillSwitch } from '../../contracts/switches.ts'
import { EVERY_TENANT } from '../../contracts/switches.ts'
import type { BlastRadius, SwitchTarget } from '../../contracts/switches-api.ts'
import { type WorkflowSpec, toolsWithin } from '../../contracts/workflow.ts'
import { endsRuns } from '../../policy/index.ts'
import type { Env } from '../env.ts'

const OPEN: readonly RunStatus[] = ['queued', 'running', 'waiting', 'parked', 'stopping']
/** Runs, approvals and effects that are counted, each; what lies beyond is told as cut. */
const MOST = 1_000
/** Runs that are told of a switch: those beyond look by themselves. */
const MOST_TOLD = 5_000
const LISTED = 50

/** Runs that a switch concerns and that have not ended, newest first. */
async function openRuns(env: Env, tenant: string, target: SwitchTarget, most: number): Promise<readonly RunRow[]> {
  if (target.scope === 'run') {
    const row = await env.store.run(tenant, target.target)
    return row && OPEN.includes(row.status) ? [row] : []
  }
  const names = workflowsOf(env, target)
  if (names === null) return await env.store.runs({ tenant, status: OPEN, limit: most })
  const found: RunRow[] = []
  for (const workflow of names) {
    const limit = most - found.length
    if (limit > 0) found.push(...(await env.store.runs({ tenant, workflow, status: OPEN, limit })))
  }
  return found.sort((a, b) => b.createdAt - a.createdAt || (a.runId < b.runId ? 1 : -1))
}

/** Names of the workflows whose runs can meet the switch: by name, by what they nest, or by their tools. Null: all. */
function workflowsOf(env: Env, { scope, target }: SwitchTarget): readonly string[] | null {
  if (scope === 'global' || scope === 'tenant') return null
  const specs = [...env.workflows.values()]
  if (scope === 'workflow') {
    const outer = specs.filter((spec) => nestedNames(spec).includes(target)).map(({ name }) => name)
    return [...new Set([target, ...outer])]
  }
  const having = specs.filter((spec) => toolsWithin(spec).some((tool) => isTool(env, tool, { scope, target })))
  return [...new Set(having.map(({ name }) => name))]
}

function isTool(
  env: Env,
  tool: { readonly name: string; readonly class: string; readonly server?: string },
  { scope, target }: SwitchTarget,
): boolean {
  if (scope === 'tool') return tool.name === target
  if (scope === 'server') return tool.server === target
  return (env.policy.tool(tool.name)?.class ?? tool.class) === target
}

function nestedNames(spec: WorkflowSpec): readonly string[] {
  return [...spec.scopes.values()].flatMap((inner) => [inner.name, ...nestedNames(inner)])
}

/** What a switch would touch. */
export async function blastRadius(env: Env, tenant: string, target: SwitchTarget): Promise<BlastRadius> {
  const tenants = target.scope === 'global' ? await env.store.tenants() : [tenant]
  const whole: BlastRadius[] = []
  for (const one of tenants) whole.push(await radiusIn(env, one, target, one === tenant))
  return whole.reduce(plus)
}

/** In one tenant. Of another tenant than the caller's only numbers are told (invariant 16). */
async function radiusIn(env: Env, tenant: string, target: SwitchTarget, own: boolean): Promise<BlastRadius> {
  // One more than is counted, to know whether there are more.
  const limit = MOST + 1
  const runs = await openRuns(env, tenant, target, limit)
  const reached = reaches(env, target)
  const asked = await env.store.requests({ tenant, state: 'open', kind: 'approval', limit, ...runIn(target) })
  const approvals = asked.filter((row) => reached(row.workflow) && isAsked(row, target))
  const sent = await env.store.effectsInFlight(tenant, limit)
  const inFlight = await touched(env, tenant, sent, target)
  const schedules = await env.store.schedules(tenant)
  const names = schedules.filter((row) => startsOne(row.definition, target)).map(({ name }) => name)
  return {
    runs: own ? runs.slice(0, LISTED).map(({ runId, workflow, status }) => ({ runId, workflow, status })) : [],
    openRuns: Math.min(runs.length, MOST),
    approvals: own ? approvals.slice(0, LISTED).map(({ id, runId, tool }) => ({ id, runId, tool })) : [],
    waitingApprovals: Math.min(approvals.length, MOST),
    inFlight: own ? inFlight.slice(0, LISTED) : [],
    effectsInFlight: inFlight.length,
    schedules: own ? names : [],
    cut: [runs, asked, sent].some((all) => all.length > MOST),
  }
}

/** Whether a workflow's runs can meet the switch. */
function reaches(env: Env, target: SwitchTarget): (workflow: string) => boolean {
  const names = target.scope === 'run' ? null : workflowsOf(env, target)
  return (workflow) => names === null || names.includes(workflow)
}

function runIn({ scope, target }: SwitchTarget): { readonly runId?: string } {
  return scope === 'run' ? { runId: target } : {}
}

/** Those of the effects in flight that a run has which the switch concerns. */
async function touched(
  env: Env,
  tenant: string,
  sent: readonly EffectRow[],
  target: SwitchTarget,
): Promise<BlastRadius['inFlight']> {
  const reached = reaches(env, target)
  const found: BlastRadius['inFlight'][number][] = []
  for (const { runId, tool, state } of sent) {
    if (target.scope === 'tool' && tool !== target.target) continue
    if (target.scope === 'run' && runId !== target.target) continue
    const run = await env.store.run(tenant, runId)
    if (run && OPEN.includes(run.status) && reached(run.workflow)) found.push({ runId, tool, state })
  }
  return found
}

function isAsked(row: PersonRequestRow, { scope, target }: SwitchTarget): boolean {
  if (scope === 'tool') return row.tool === target
  return scope === 'class' ? row.class === target : true
}

/** A schedule's definition names the workflow that it starts. */
function startsOne(definition: string, { scope, target }: SwitchTarget): boolean {
  if (scope === 'global' || scope === 'tenant') return true
  return scope === 'workflow' && definition.includes(JSON.stringify(target))
}

function plus(a: BlastRadius, b: BlastRadius): BlastRadius {
  return {
    runs: [...a.runs, ...b.runs],
    openRuns: a.openRuns + b.openRuns,
    approvals: [...a.approvals, ...b.approvals],
    waitingApprovals: a.waitingApprovals + b.waitingApprovals,
    inFlight: [...a.inFlight, ...b.inFlight],
    effectsInFlight: a.effectsInFlight + b.effectsInFlight,
    schedules: [...a.schedules, ...b.schedules],
    cut: a.cut || b.cut,
  }
}

/**
 * Tells runs that are not in memory: those that a stop ends, and those that a lift lets go on. Best effort, and never a
 * reason to say that the switch was not thrown: a run that is not told looks by itself when it is taken up, and one that
 * waits for a lift every minute.
 */
export async function wakeRuns(env: Env, row: KillSwitch, what: 'thrown' | 'lifted'): Promise<void> {
  if (row.mode === 'stop_new' || (what === 'thrown' && (row.mode === 'pause' || !endsRuns(row)))) return
  try {
    const tenants = row.tenant === EVERY_TENANT ? await env.store.tenants() : [row.tenant]
    for (const tenant of tenants)
      for (const { runId, status } of await openRuns(env, tenant, row, MOST_TOLD))
        if (status !== 'parked') await wakeRun(env, `${row.id}:${what}`, { tenant, runId }, row.by)
  } catch {
    // Said above: they look by themselves.
  }
}

/** Lets a run look at the switches again, once for each id. */
export async function wakeRun(
  env: Env,
  id: string,
  run: { readonly tenant: string; readonly runId: string },
  by: string,
): Promise<void> {
  await env.store.post({
    id,
    ...run,
    kind: 'settled',
    slot: null,
    by: { id: by, kind: 'service', tenant: run.tenant, roles: [] },
    body: '{}',
    sealed: null,
    createdAt: env.host.now(),
  })
  env.scheduler.wake(run)
}
