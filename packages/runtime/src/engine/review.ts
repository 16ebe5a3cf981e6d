import { SignalboxError } from '../base/errors.ts'
import { newId } from '../base/ids.ts'
import { isoTime } from '../base/time.ts'
import type { ActingFor } from '../contracts/acting.ts'
import type { Principal } from '../contracts/common.ts'
import { type DelegationBody, holdsAt } from '../contracts/mandates.ts'
import type { ReviewApi, ReviewRequest } from '../contracts/review.ts'
import type { DecideRequest, RunsApi } from '../contracts/runtime.ts'
import type { PersonRequestRow } from '../contracts/store.ts'
import type { ToolSpec } from '../contracts/tool.ts'
import { actOnApproval, type ApprovalAction } from '../policy/index.ts'
import { isEnded } from '../reliability/run-machine.ts'
import { actionOf, type ReviewBody } from './approval-inbox.ts'
import type { Env } from './env.ts'
import { checkReason, sealedOrNothing } from './inbox-post.ts'
import { mandateActions } from './mandates.ts'
import { decidedAlready, type ReviewState, reviewState } from './review-state.ts'

const MAX_SECONDS = 30 * 86_400
/** How often somebody else may be faster before this one gives way. */
const MAX_TRIES = 50

/** What a person wants to do: as an inbox row says it. */
type Wanted = Omit<ReviewBody, 'approval_id'> & { readonly do: ApprovalAction['do'] }

/** All that people do with approvals, and what they allow ahead. */
export function reviewApi(env: Env): ReviewApi & Pick<RunsApi, 'decide'> {
  return { decide: (request) => decideApproval(env, request), ...reviewActions(env), ...mandateActions(env) }
}

/** Acts on one approval: what people do beside saying yes or no. */
function reviewActions(
  env: Env,
): Pick<
  ReviewApi,
  'claim' | 'unclaim' | 'askInformation' | 'giveInformation' | 'edit' | 'snooze' | 'withdraw' | 'markSeen'
> {
  const later = (seconds: number): string => {
    if (!(seconds > 0 && seconds <= MAX_SECONDS))
      throw new SignalboxError('INPUT_INVALID', `\`seconds\` must be from 1 to ${MAX_SECONDS} (thirty days)`)
    return isoTime(env.host.now() + Math.ceil(seconds) * 1_000)
  }
  return {
    claim: async ({ seconds = 900, ...request }) => review(env, request, { do: 'claim', until: later(seconds) }, []),
    unclaim: (request) => review(env, request, { do: 'unclaim' }, []),
    askInformation: async ({ text, ...request }) => review(env, request, { do: 'ask' }, [checkReason(text, 'text')]),
    giveInformation: async ({ text, ...request }) => review(env, request, { do: 'tell' }, [checkReason(text, 'text')]),
    edit: async ({ args, reason, seen, ...request }) => {
      const texts = [checkReason(reason), JSON.stringify(args)]
      await review(env, request, { do: 'edit', ...(seen === null ? {} : { seen }) }, texts, (state) => {
        checkSeen(state, seen)
        checkArguments(env, state, args)
      })
    },
    snooze: async ({ seconds, ...request }) => review(env, request, { do: 'snooze', until: later(seconds) }, []),
    withdraw: async ({ reason, ...request }) => review(env, request, { do: 'withdraw' }, [checkReason(reason)]),
    markSeen: (request) => review(env, request, { do: 'see' }, []),
  }
}

/** A yes or a no. */
async function decideApproval(env: Env, request: DecideRequest): Promise<void> {
  const { seen, answer } = request
  const texts = [checkReason(request.reason)]
  const does = answer === 'approved' ? 'approve' : 'reject'
  await review(env, request, { do: does, answer, ...(seen === null ? {} : { seen }) }, texts, (state) =>
    checkSeen(state, seen),
  )
}

/**
 * Judges what somebody wants to do by where the approval stands, and posts it as the next in its order. Whoever was
 * overtaken judges again: nobody acts on what they have not seen (invariant 7, ENGINE R3).
 */
async function review(
  env: Env,
  { approvalId, by }: ReviewRequest,
  wanted: Wanted,
  texts: readonly string[],
  check: (state: ReviewState) => void = () => undefined,
): Promise<void> {
  for (let tries = 0; tries < MAX_TRIES; tries++) {
    const row = await openRow(env, approvalId, by)
    const state = await reviewState(env, row)
    if (isEnded(state.run.status))
      throw new SignalboxError('RUN_ENDED', `run \`${row.runId}\` is \`${state.run.status}\` already`)
    const action = await judgedAction(env, state, by, wanted)
    if (action === null) return
    check(state)
    const sealer = await env.vault.sealer(state.run.tenant, state.run.subject)
    const seeing = `seen:${row.id}:${state.run.branch}:${by.id}`
    const result = await env.store.post({
      id: newId(env.host, 'inb'),
      tenant: row.tenant,
      runId: row.runId,
      kind: wanted.answer ? 'decide' : 'review',
      slot: wanted.do === 'see' ? seeing : state.slot,
      by,
      body: JSON.stringify({ approval_id: row.id, ...said(wanted), ...action }),
      sealed: texts.length > 0 ? sealedOrNothing(sealer, texts) : null,
      createdAt: env.host.now(),
    })
    if (result.status === 'no_run') throw new SignalboxError('RUN_NOT_FOUND', `there is no run \`${row.runId}\``)
    if (result.status === 'slot_taken' && wanted.do !== 'see') continue
    if (wanted.do !== 'see') env.scheduler.wake(state.run)
    return
  }
  throw new SignalboxError('CONFLICT', `others act on approval \`${approvalId}\` at this moment: try again`)
}

/** A yes or a no is told by its answer, as ever. */
function said({ do: does, ...beside }: Wanted): Omit<Wanted, 'do'> & { readonly do?: Wanted['do'] } {
  return beside.answer ? beside : { do: does, ...beside }
}

async function openRow(env: Env, id: string, by: Principal): Promise<PersonRequestRow> {
  const row = await env.store.request(by.tenant, id)
  if (row?.kind !== 'approval') throw new SignalboxError('APPROVAL_NOT_FOUND', `there is no approval \`${id}\``)
  if (row.state === 'expired')
    throw new SignalboxError('APPROVAL_EXPIRED', `approval \`${id}\` expired; nobody answered in time`)
  if (row.state !== 'open')
    throw decidedAlready(id, row.state, row.decidedBy, row.decidedAt === null ? null : isoTime(row.decidedAt))
  return row
}

/** What the row has to say beside what is wanted: in whose place somebody acts. Null where there is nothing to post. */
async function judgedAction(
  env: Env,
  state: ReviewState,
  by: Principal,
  wanted: Wanted,
): Promise<{ readonly for?: ActingFor } | null> {
  const createdAt = env.host.now()
  const tryAs = (actingFor: ActingFor | null): { readonly for?: ActingFor } | null => {
    const beside = actingFor ? { for: actingFor } : {}
    const body = { approval_id: state.terms.id, ...wanted, ...beside }
    const { changes, end } = actOnApproval(state.terms, state.progress, actionOf({ by, createdAt }, body))
    return changes.length === 0 && end === null ? null : beside
  }
  try {
    return tryAs(null)
  } catch (thrown) {
    const answers = wanted.do === 'approve' || wanted.do === 'reject' || wanted.do === 'edit'
    if (!answers || !(thrown instanceof SignalboxError) || thrown.code !== 'APPROVAL_NOT_ALLOWED') throw thrown
    for (const actingFor of await delegationsTo(env, by, createdAt)) {
      try {
        return tryAs(actingFor)
      } catch (other) {
        // What stands against the deputy for another reason is told.
        if (!(other instanceof SignalboxError) || other.code !== 'APPROVAL_NOT_ALLOWED') throw other
      }
    }
    throw thrown
  }
}

/** In whose place a person may answer now: one who was granted the right to stand in, for the roles that are passed on. */
async function delegationsTo(env: Env, by: Principal, now: number): Promise<readonly ActingFor[]> {
  const may = (env.policy.approvals?.delegates ?? []).some((role) => by.roles.includes(role))
  if (!may || by.kind !== 'user') return []
  const rows = await env.store.mandates({ tenant: by.tenant, kind: 'delegation', subject: by.id })
  return rows
    .filter((row) => holdsAt(row, now))
    .map((row) => {
      const { roles } = JSON.parse(row.body) as DelegationBody // Written from this type.
      return { id: row.createdBy, roles, delegation: row.id }
    })
}

function checkSeen({ requested }: ReviewState, seen: string | null): void {
  if (seen !== null && requested.packet.h !== seen)
    throw new SignalboxError('APPROVAL_VOID', 'what you saw is not what is asked; load the approval again')
}

/** Told at once where the tool is known here; checked again, with policy, before it counts. */
function checkArguments(
  env: Env,
  { run, requested }: ReviewState,
  args: Parameters<ReviewApi['edit']>[0]['args'],
): void {
  toolIn(env, { workflow: run.workflow, tool: requested.proposal.name })?.parseInput(args)
}

/** The tool of a workflow, in the first version that is loaded here and has it. */
export function toolIn(env: Env, of: { readonly workflow: string; readonly tool: string }): ToolSpec | undefined {
  for (const spec of env.workflows.values()) {
    const tool = spec.name === of.workflow ? spec.tools.get(of.tool) : undefined
    if (tool) return tool
  }
  return undefined
}
