import { SignalboxError } from '../base/errors.ts'
import { newRunId } from '../base/ids.ts'
import { canonicalJson, type JsonValue } from '../base/json.ts'
import { isoTime } from '../base/time.ts'
import type { CheckpointBody } from '../contracts/checkpoint.ts'
import { type ContentRef, NO_AMOUNTS, type Principal, OPERATOR_LABELS, UNLABELLED } from '../contracts/common.ts'
import { RECORD_VERSION, type RunStarted } from '../contracts/records.ts'
import { COMPENSATION_WORKFLOW } from '../contracts/compensation.ts'
import type { StartRequest } from '../contracts/runtime.ts'
import type { StartCharge } from '../contracts/scopes.ts'
import type { WorkflowSpec } from '../contracts/workflow.ts'
import { lineageTerms } from '../observability/index.ts'
import { routeStart } from '../orchestration/index.ts'
import { engaged } from '../policy/index.ts'
import { CHAIN_START, encodeRecord } from '../reliability/chain.ts'
import { traceIdOf } from '../base/trace-id.ts'
import { buildOf } from './build.ts'
import type { Env } from './env.ts'
import { tellStored } from './stored-channel.ts'

/** Stores a new run with its genesis record, which is its first checkpoint. A worker takes it up. */
export async function startRun(
  env: Env,
  request: StartRequest,
): Promise<{ readonly runId: string; readonly existed: boolean }> {
  const spec = findWorkflow(env, request.workflow)
  if (spec.name === COMPENSATION_WORKFLOW)
    throw new SignalboxError('INPUT_INVALID', `\`${spec.name}\` is started by compensating a run, not by itself`)
  return createRun(env, spec, request, {})
}

/** What the first record of a run tells beside the request. */
export type Origin = Pick<RunStarted, 'compensates'>

/** Stores a run of the workflow when the principal may start it. Throws FORBIDDEN, INPUT_INVALID, KILL_SWITCH. */
export async function createRun(
  env: Env,
  spec: WorkflowSpec,
  request: StartRequest,
  origin: Origin,
): Promise<{ readonly runId: string; readonly existed: boolean }> {
  refuseUnlessPermitted(env, spec, request.principal)
  const input = spec.input.parse(request.input, 'the input')
  const { tenant } = request.principal
  await refuseWhenSwitchedOff(env, tenant, spec)
  const runId = newRunId(env.host)
  const requestId = request.requestId ?? runId
  const subject = request.subject ?? `run:${runId}`
  const sealer = await env.vault.sealer(tenant, subject)
  const sealed = sealer.seal([JSON.stringify(input)])
  // The caller's input is outside text unless the catalogue says that it is the user's own.
  const labels = env.policy.isUserInput?.(spec.name) ? OPERATOR_LABELS : UNLABELLED
  const ref: ContentRef = { s: 1, i: 0, h: sealed.hashes[0] ?? '', l: labels }
  const record = genesis(env, spec, request, { runId, requestId, subject, input, ref, origin })
  const { body, hash } = encodeRecord(record)
  const first = { seq: 1, type: record.type, body, hash, sealed: sealed.bytes }
  await env.store.putDefinition(spec.definition, canonicalJson(spec.description))
  const result = await env.store.create({
    tenant,
    runId,
    workflow: spec.name,
    version: spec.version,
    signature: spec.definition,
    requestId,
    principal: request.principal.id,
    subject,
    createdAt: env.host.now(),
    genesis: first,
    terms: lineageTerms(tenant, record),
    ...startCharges(env, spec, request.principal),
  })
  if (result.status === 'exists') return { runId: result.runId, existed: true }
  if (result.status === 'refused') throw noRunLeft(spec, result.scope)
  tellStored(runId, [first])
  env.scheduler.start({ tenant, runId })
  return { runId, existed: false }
}

/** The refusal of a start that a budget over many runs does not cover. */
export function noRunLeft({ name }: Pick<WorkflowSpec, 'name'>, scope: string): SignalboxError {
  return new SignalboxError('BUDGET_EXHAUSTED', `\`${name}\` was not started: no run is left of \`${scope}\``)
}

/** Where the start of a run counts in budgets over many runs. A fork is a start too. */
export function startCharges(
  env: Pick<Env, 'outer' | 'host'>,
  spec: Pick<WorkflowSpec, 'name'>,
  { tenant, id }: Principal,
): { readonly charges?: readonly StartCharge[] } {
  const scopes = env.outer?.scopesOf({ tenant, workflow: spec.name, principal: id }, env.host.now()) ?? []
  return scopes.length > 0 ? { charges: scopes.map(({ scope, limits }) => ({ scope, limits })) } : {}
}

/** The newest registered version of a name, or `name@version`. Throws WORKFLOW_UNKNOWN with what there is. */
export function findWorkflow(env: Pick<Env, 'workflows'>, wanted: string): WorkflowSpec {
  const [name, version] = wanted.split('@')
  const found = [...env.workflows.values()].filter(
    (spec) => spec.name === name && (version === undefined || spec.version === version),
  )
  const spec = found.at(-1)
  if (spec) return spec
  const known = [...env.workflows.values()].map((one) => `\`${one.name}\``).join(', ')
  throw new SignalboxError('WORKFLOW_UNKNOWN', `there is no workflow \`${wanted}\`; there is ${known || 'none'}`)
}

/** A workflow that the catalogue does not list cannot be started by anyone (invariant 2). */
export function refuseUnlessPermitted(env: Env, spec: WorkflowSpec, principal: Principal): void {
  if (env.policy.mayStart(spec.name, principal)) return
  throw new SignalboxError(
    'FORBIDDEN',
    `\`${principal.id}\` may not start \`${spec.name}\`: its row in the policy catalogue names the roles that may`,
  )
}

/** A kill switch that stops new runs, forks included. */
export async function refuseWhenSwitchedOff(env: Env, tenant: string, spec: WorkflowSpec): Promise<void> {
  // Starting is rare and goes to the store anyway: a switch that was just thrown counts at once.
  await env.switches.readAgain()
  const subject = { tenant, workflow: spec.name, tool: null, class: null }
  const hit = engaged(env.switches.switches, subject, env.host.now(), 'new')
  if (hit) throw new SignalboxError('KILL_SWITCH', `kill switch \`${hit.id}\` stops new runs: ${hit.reason}`)
}

function genesis(
  env: Env,
  spec: WorkflowSpec,
  request: StartRequest,
  made: { runId: string; requestId: string; subject: string; input: JsonValue; ref: ContentRef; origin: Origin },
): RunStarted {
  // Another bundle may have come into force since: what the record names is what permitted the start.
  refuseUnlessPermitted(env, spec, request.principal)
  const { to, from, edge } = routeStart(spec, { value: made.input, ref: made.ref })
  const checkpoint: CheckpointBody = {
    kind: 'entry',
    superstep: 0,
    state: {},
    queue: [{ to, from, edge, message: made.ref }],
    fan_in: {},
    requests: [],
    outputs: [],
    effect_keys: [],
    adopted: [],
    spent: NO_AMOUNTS,
  }
  return {
    v: RECORD_VERSION,
    run: made.runId,
    seq: 1,
    at: isoTime(env.host.now()),
    prev: CHAIN_START,
    branch: 0,
    segment: 0,
    cause: null,
    active_ms: 0,
    type: 'run.started',
    tenant: request.principal.tenant,
    workflow: { name: spec.name, version: spec.version, signature: spec.signature, shape: spec.shape },
    runtime_version: env.runtimeVersion,
    bundle: env.policy.bundle,
    principal: request.principal,
    request_id: made.requestId,
    subject: made.subject,
    trace_id: traceIdOf(made.runId),
    mode: env.mode,
    input: made.ref,
    budget: spec.budget,
    parent: null,
    ...made.origin,
    build: buildOf(env, spec),
    checkpoint,
  }
}
