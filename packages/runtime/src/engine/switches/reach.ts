import type { RunStatus } from '../../contracts/records.ts'
import type { PersonRequestRow, RunRow } from '../../contracts/store.ts'
import type { KillSwitch } from '../../contracts/switches.ts'
import { EVERY_TENANT } from '../../contracts/switches.ts'
import type { BlastRadius, SwitchTarget } from '../../contracts/switches-api.ts'
import { type WorkflowSpec, toolsWithin } from '../../contracts/workflow.ts'
import { endsRuns } from '../../policy/index.ts'
import type { Env } from '../env.ts'

const OPEN: readonly RunStatus[] = ['queued', 'running', 'waiting', 'parked', 'stopping']
const PAGE = 500
/** Open runs that are looked at; what lies beyond is told as cut. */
const MOST_RUNS = 5_000
const LISTED = 50
const IN_FLIGHT = new Set(['open', 'unknown'])

/** Runs that a switch concerns and that have not ended, newest first. */
async function openRuns(env: Env, tenant: string, target: SwitchTarget): Promise<readonly RunRow[]> {
  const found: RunRow[] = []
  let before: { readonly createdAt: number; readonly runId: string } | undefined
  for (let seen = 0; seen < MOST_RUNS; seen += PAGE) {
    const page = await env.store.runs({ tenant, status: OPEN, limit: PAGE, ...(before ? { before } : {}) })
    found.push(...page.filter((row) => isIn(env, row, target)))
    const last = page.at(-1)
    if (!last || page.length < PAGE) break
    before = last
  }
  return found
}

/** Whether a run can meet the switch: by its workflow, or by the tools that its workflow has. */
function isIn(env: Env, row: RunRow, { scope, target }: SwitchTarget): boolean {
  switch (scope) {
    case 'global':
    case 'tenant':
      return true
    case 'run':
      return row.runId === target
    case 'workflow':
      return row.workflow === target || specsOf(env, row).some((spec) => nestedNames(spec).includes(target))
    default:
      return specsOf(env, row).some((spec) => toolsWithin(spec).some((tool) => isTool(env, tool, { scope, target })))
  }
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

function specsOf(env: Env, row: RunRow): readonly WorkflowSpec[] {
  return [...env.workflows.values()].filter(({ name }) => name === row.workflow)
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
  const runs = await openRuns(env, tenant, target)
  const ids = new Set(runs.map(({ runId }) => runId))
  const asked = await env.store.requests({ tenant, state: 'open', kind: 'approval', limit: MOST_RUNS })
  const approvals = asked.filter((row) => ids.has(row.runId) && isAsked(row, target))
  const inFlight: BlastRadius['inFlight'][number][] = []
  for (const { runId } of runs)
    for (const effect of await env.store.runEffects(tenant, runId))
      if (IN_FLIGHT.has(effect.state) && (target.scope !== 'tool' || effect.tool === target.target))
        inFlight.push({ runId, tool: effect.tool, state: effect.state })
  const schedules = await env.store.schedules(tenant)
  const names = schedules.filter((row) => startsOne(row.definition, target)).map(({ name }) => name)
  return {
    runs: own ? runs.slice(0, LISTED).map(({ runId, workflow, status }) => ({ runId, workflow, status })) : [],
    openRuns: runs.length,
    approvals: own ? approvals.slice(0, LISTED).map(({ id, runId, tool }) => ({ id, runId, tool })) : [],
    waitingApprovals: approvals.length,
    inFlight: own ? inFlight.slice(0, LISTED) : [],
    effectsInFlight: inFlight.length,
    schedules: own ? names : [],
    cut: runs.length >= MOST_RUNS,
  }
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
      for (const { runId, status } of await openRuns(env, tenant, row))
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
