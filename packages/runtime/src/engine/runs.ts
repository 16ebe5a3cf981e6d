import { SignalboxError } from '../base/errors.ts'
import { newId } from '../base/ids.ts'
import { isoTime } from '../base/time.ts'
import type { JsonValue } from '../base/json.ts'
import { type ContentRef, OPERATOR_LABELS, type Principal } from '../contracts/common.ts'
import type { RunRecord } from '../contracts/records.ts'
import type { AnswerRequest, PersonRequest, RunResult, RunsApi } from '../contracts/runtime.ts'
import type { InboxItem, PersonRequestRow, RunRow } from '../contracts/store.ts'
import { type PortSpec, portNamed } from '../contracts/workflow.ts'
import { mayDecide } from '../policy/index.ts'
import { decodeRecord, decodeRecords } from '../reliability/chain.ts'
import { openRequestsIn } from '../reliability/fold-scopes.ts'
import { isEnded } from '../reliability/run-machine.ts'
import { compensate, compensationPlan } from './compensate.ts'
import { Contents } from './contents.ts'
import type { Env } from './env.ts'
import { reportDefinition, standingOf, whyNot } from './definitions.ts'
import { forkRun } from './fork.ts'
import { claimAlone, loadFold } from './load.ts'
import { checkReason, sealedOrNothing } from './inbox-post.ts'
import { lookUp } from './look-up.ts'
import { movePlan } from './move-plan.ts'
import { refusePruned } from './pruned.ts'
import { reviewApi, toolIn } from './review.ts'
import { approvalHistory } from './review-history.ts'
import { decidedAlready } from './review-state.ts'
import { reconciliation } from './reconciliation.ts'
import { restorePoints, restoreRun } from './restore.ts'
import { resultOf } from './result.ts'
import { specInside } from './scope.ts'
import { allSwitches, engageSwitch, liftSwitch } from './switches/acts.ts'
import { startRun } from './start.ts'
import { streamRun, waitForRun } from './stream.ts'

/** Answers about many runs at once. */
function overAllRuns(env: Env): Pick<RunsApi, 'lookUp' | 'reconciliation' | 'outerBudgets'> {
  return {
    reconciliation: async (tenant, runId) => reconciliation(env, await runOf(env, tenant, runId)),
    lookUp: (request) => lookUp(env, request),
    outerBudgets: async (tenant) => env.outer?.states(tenant, await env.store.scopes(tenant), env.host.now()) ?? [],
  }
}

/**
 * What people and programs do with runs. Nobody here appends to a run: answers and cancellations go to its inbox, and
 * the holder of its lease turns them into records (ENGINE R3).
 */
export function createRuns(env: Env): RunsApi {
  return {
    start: (request) => startRun(env, request),
    get: (tenant, runId) => runOf(env, tenant, runId),
    list: (filter) => env.store.runs(filter),
    records: async (tenant, runId, filter) => {
      await runOf(env, tenant, runId)
      return decodeRecords(await env.store.records(tenant, runId, filter))
    },
    stream: (tenant, runId, options) => streamRun(env, tenant, runId, options),
    contents: (tenant, runId) => contentsOf(env, tenant, runId),
    wait: (tenant, runId, options) => waitFor(env, tenant, runId, options),
    ...asked(env),
    answer: (request) => answerQuestion(env, request),
    respond: (request) => respondToPort(env, request),
    cancel: async ({ runId, by, reason, terminate }) => {
      const row = await activeRun(env, by.tenant, runId)
      await post(env, row, by, {
        kind: terminate ? 'terminate' : 'cancel',
        slot: null,
        body: {},
        text: checkReason(reason),
      })
    },
    resume: async ({ runId, by, reason }) => {
      const row = await runOf(env, by.tenant, runId)
      if (row.status !== 'parked')
        throw new SignalboxError(
          'RUN_STATE',
          `run \`${runId}\` is \`${row.status}\`; only a parked run can be resumed by a person`,
        )
      if (row.code === 'RUN_QUARANTINED')
        throw new SignalboxError('RUN_STATE', `run \`${runId}\` is quarantined; use \`signalbox release ${runId}\``)
      await post(env, row, by, { kind: 'resume', slot: null, body: {}, text: checkReason(reason) })
    },
    definition: async (tenant, runId) => {
      const row = await runOf(env, tenant, runId)
      const { fold } = await loadFold(env, row, row.checkpointSeq, row.seq)
      return reportDefinition(env, row, fold)
    },
    release: async ({ runId, by, reason }) => {
      const row = await runOf(env, by.tenant, runId)
      if (row.status !== 'parked' || row.code !== 'RUN_QUARANTINED')
        throw new SignalboxError('RUN_STATE', `run \`${runId}\` is \`${row.status}\` and not quarantined`)
      await post(env, row, by, { kind: 'resume', slot: null, body: {}, text: checkReason(reason) })
    },
    restorePoints: async (tenant, runId) => restorePoints(env, await runOf(env, tenant, runId)),
    restore: async (request) => {
      checkReason(request.reason)
      await restoreRun(env, await runOf(env, request.by.tenant, request.runId), request)
    },
    compensationPlan: async (tenant, runId) => compensationPlan(env, await runOf(env, tenant, runId)),
    compensate: async (request) => {
      const reason = checkReason(request.reason)
      return compensate(env, await runOf(env, request.by.tenant, request.runId), { ...request, reason })
    },
    movePlan: async (tenant, runId, move) => movePlan(env, await runOf(env, tenant, runId), move),
    fork: async (request) => {
      checkReason(request.reason)
      return forkRun(env, await runOf(env, request.by.tenant, request.runId), request)
    },
    ...reviewApi(env),
    ...afterTheEnd(env),
    ...overAllRuns(env),
    killSwitches: (tenant) => allSwitches(env, tenant),
    engageKillSwitch: (request) => engageSwitch(env, { ...request, reason: checkReason(request.reason) }),
    liftKillSwitch: (request) => liftSwitch(env, { ...request, reason: checkReason(request.reason) }),
  }
}

/** What people are asked. */
function asked(env: Env): Pick<RunsApi, 'requests' | 'packets' | 'request'> {
  return {
    requests: (filter) => env.store.requests(filter),
    packets: (rows) => Promise.all(rows.map((row) => packetOf(env, row))),
    request: (tenant, id) => openRequest(env, tenant, id),
  }
}

/** What may be recorded of a run that has ended. */
function afterTheEnd(env: Env): Pick<RunsApi, 'feedback' | 'correctCost'> {
  return {
    feedback: (request) => recordFeedback(env, request),
    correctCost: (request) => recordCorrection(env, request),
  }
}

async function recordFeedback(env: Env, request: Parameters<RunsApi['feedback']>[0]): Promise<void> {
  const reason = checkReason(request.reason)
  const run = await endedRun(env, request, 'feedback', 'there is no result to judge yet')
  run.append((put) => ({
    type: 'feedback.recorded' as const,
    verdict: request.verdict,
    by: request.by,
    reason: put(reason, OPERATOR_LABELS),
  }))
  if (!(await run.release(null))) run.unload()
}

async function recordCorrection(env: Env, request: Parameters<RunsApi['correctCost']>[0]): Promise<void> {
  const reason = checkReason(request.reason)
  const { table, lines, by } = request
  const run = await endedRun(env, request, 'cost', 'its costs are not known yet')
  run.append((put) => ({ type: 'cost.corrected' as const, table, lines, by, reason: put(reason, OPERATOR_LABELS) }))
  if (!(await run.release(null))) run.unload()
}

/** Nobody holds an ended run: whoever records something claims it for that moment (ENGINE R3). */
async function endedRun(env: Env, request: { runId: string; by: Principal }, what: string, why: string) {
  const row = await runOf(env, request.by.tenant, request.runId)
  if (!isEnded(row.status)) throw new SignalboxError('RUN_STATE', `run \`${row.runId}\` has not ended; ${why}`)
  refusePruned(row)
  return claimAlone(env, row, `${what}:${request.by.id}`)
}

async function runOf(env: Env, tenant: string, runId: string): Promise<RunRow> {
  const row = await env.store.run(tenant, runId)
  if (!row) throw new SignalboxError('RUN_NOT_FOUND', `there is no run \`${runId}\``)
  return row
}

async function activeRun(env: Env, tenant: string, runId: string): Promise<RunRow> {
  const row = await runOf(env, tenant, runId)
  if (isEnded(row.status)) throw new SignalboxError('RUN_ENDED', `run \`${runId}\` is \`${row.status}\` already`)
  return row
}

async function contentsOf(env: Env, tenant: string, runId: string): Promise<Contents> {
  const row = await runOf(env, tenant, runId)
  const sealer = await env.vault.sealer(tenant, row.subject)
  return new Contents({ store: env.store, vault: env.vault, tenant, runId, sealer })
}

async function waitFor(
  env: Env,
  tenant: string,
  runId: string,
  options: Parameters<RunsApi['wait']>[2],
): Promise<RunResult> {
  await runOf(env, tenant, runId)
  const row = await waitForRun(env, tenant, runId, options)
  if (!row) throw new SignalboxError('RUN_NOT_FOUND', `there is no run \`${runId}\``)
  return resultOf(env, row, await contentsOf(env, tenant, runId))
}

async function packetOf(env: Env, { tenant, runId, seq }: PersonRequestRow): Promise<PersonRequest['packet']> {
  const [stored] = await env.store.recordsAt(tenant, runId, [seq])
  const record = stored ? decodeRecord(stored) : null
  if (record?.type !== 'approval.requested' && record?.type !== 'question.asked') return null
  const contents = await contentsOf(env, tenant, runId)
  if (stored) contents.hold(stored)
  // The packet was sealed as exactly this shape by the door.
  return (await readOrNull(contents, record.packet)) as PersonRequest['packet']
}

async function openRequest(env: Env, tenant: string, id: string): Promise<PersonRequest> {
  const row = await env.store.request(tenant, id)
  if (!row) throw new SignalboxError('APPROVAL_NOT_FOUND', `there is no approval or question \`${id}\``)
  const [stored] = await env.store.recordsAt(tenant, row.runId, [row.seq])
  const record = stored ? decodeRecord(stored) : null
  const contents = await contentsOf(env, tenant, row.runId)
  if (record?.type === 'request.opened') return portRequest(env, row, record.request.payload, contents)
  if (record?.type !== 'approval.requested' && record?.type !== 'question.asked')
    return { row, packet: null, port: null, packetHash: '', reason: null }
  const packet = await readOrNull(contents, record.packet)
  // The packet was sealed as exactly this shape by the door.
  return {
    row,
    packet: packet as unknown as PersonRequest['packet'],
    port: null,
    packetHash: record.packet.h,
    reason: await reasonOf(env, row, contents),
    ...(row.kind === 'approval'
      ? { history: await approvalHistory(env, row, contents), argumentsSchema: toolIn(env, row)?.inputSchema ?? null }
      : {}),
  }
}

async function portRequest(
  env: Env,
  row: PersonRequestRow,
  payload: ContentRef,
  contents: Contents,
): Promise<PersonRequest> {
  const run = await runOf(env, row.tenant, row.runId)
  // Where no version here can take the answer, nobody is told its shape.
  const place = await portOf(env, run, row).catch(() => null)
  // What was sealed is JSON.
  const asked = (await readOrNull(contents, payload)) as JsonValue
  return {
    row,
    packet: null,
    port: { payload: asked, responseSchema: place?.response.json ?? null },
    packetHash: payload.h,
    reason: null,
  }
}

async function readOrNull(contents: Contents, ref: { s: number; i: number; h: string; r?: string }): Promise<unknown> {
  try {
    return await contents.read(ref)
  } catch (thrown) {
    if (thrown instanceof SignalboxError && thrown.code === 'CONTENT_ERASED') return null
    throw thrown
  }
}

async function reasonOf(env: Env, row: PersonRequestRow, contents: Contents): Promise<string | null> {
  if (row.decidedAt === null) return null
  const stored = await env.store.records(row.tenant, row.runId, {
    after: row.seq,
    types: ['approval.decided', 'question.answered'],
  })
  const decided = stored.map(decodeRecord).find((record) => idOf(record) === row.id)
  const ref = decided && 'reason' in decided ? decided.reason : null
  if (ref === null || typeof ref !== 'object' || !('s' in ref)) return null
  const text = await readOrNull(contents, ref)
  return typeof text === 'string' ? text : null
}

function idOf(record: RunRecord): string | null {
  if (record.type === 'approval.decided') return record.approval_id
  return record.type === 'question.answered' ? record.question_id : null
}

async function answerQuestion(env: Env, request: AnswerRequest): Promise<void> {
  const row = await requestFor(env, request.questionId, request.by, 'question')
  const run = await activeRun(env, row.tenant, row.runId)
  const body = { question_id: row.id, answer: request.answer }
  await post(env, run, request.by, {
    kind: 'answer',
    slot: `question:${row.id}:${run.branch}`,
    body,
    text: checkReason(request.reason),
  })
}

async function respondToPort(env: Env, request: Parameters<RunsApi['respond']>[0]): Promise<void> {
  const row = await requestFor(env, request.requestId, request.by, 'request')
  const run = await activeRun(env, row.tenant, row.runId)
  const { response } = await portOf(env, run, row)
  const value = response.parse(request.value, 'the response')
  await post(env, run, request.by, {
    kind: 'respond',
    slot: `request:${row.id}:${run.branch}`,
    body: { request_id: row.id },
    text: JSON.stringify(value),
  })
}

/** The port that a request waits at, as the version here has it. Throws WORKFLOW_CHANGED when it has none. */
async function portOf(env: Env, run: RunRow, { id, tool }: PersonRequestRow): Promise<PortSpec> {
  const { fold } = await loadFold(env, run, run.checkpointSeq, run.seq)
  const standing = standingOf(env, run.workflow, fold.definition)
  const refusal = await whyNot(env, run, fold, standing)
  if (refusal) throw refusal
  const steps = standing.kind === 'upgrade' ? standing.path : []
  const { node: name = tool, scope } = openRequestsIn(fold).find((one) => one.request_id === id) ?? {}
  const now = steps.reduce((at, step) => step.nodes.get(at) ?? at, name)
  const spec = standing.kind === 'missing' ? null : specInside(standing.spec, fold, scope)
  const port = spec && portNamed(spec, now)
  if (port) return port
  throw new SignalboxError('WORKFLOW_CHANGED', `the workflow of run \`${run.runId}\` has no port \`${now}\` here`)
}

/** The open request, when this person may answer it. Throws the closed codes of DecideRequest. */
async function requestFor(
  env: Env,
  id: string,
  by: Principal,
  kind: PersonRequestRow['kind'],
): Promise<PersonRequestRow> {
  const missing =
    kind === 'approval' ? 'APPROVAL_NOT_FOUND' : kind === 'question' ? 'QUESTION_NOT_FOUND' : 'REQUEST_NOT_FOUND'
  const row = await env.store.request(by.tenant, id)
  if (!row || row.kind !== kind) throw new SignalboxError(missing, `there is no ${kind} \`${id}\``)
  const may = mayDecide(row, by)
  if (!may.allowed) throw new SignalboxError(may.code, may.message)
  if (row.state === 'expired')
    throw new SignalboxError('APPROVAL_EXPIRED', `\`${id}\` expired; nobody answered in time`)
  if (row.state !== 'open') throw decidedAlready(id, row.state, row.decidedBy, isoOrNull(row.decidedAt))
  return row
}

function isoOrNull(at: number | null): string | null {
  return at === null ? null : isoTime(at)
}

async function post(
  env: Env,
  run: RunRow,
  by: Principal,
  item: {
    readonly kind: InboxItem['kind']
    readonly slot: string | null
    readonly body: object
    readonly text: string
  },
): Promise<void> {
  const sealer = await env.vault.sealer(run.tenant, run.subject)
  const result = await env.store.post({
    id: newId(env.host, 'inb'),
    tenant: run.tenant,
    runId: run.runId,
    kind: item.kind,
    slot: item.slot,
    by,
    body: JSON.stringify(item.body),
    sealed: sealedOrNothing(sealer, [item.text]),
    createdAt: env.host.now(),
  })
  if (result.status === 'slot_taken')
    throw decidedAlready(item.slot ?? '', 'answered', result.by, isoTime(result.createdAt))
  if (result.status === 'no_run') throw new SignalboxError('RUN_NOT_FOUND', `there is no run \`${run.runId}\``)
  env.scheduler.wake(run)
}
