import { isoTime, timeOf } from '../base/time.ts'
import type { ApprovalLife } from '../contracts/approval.ts'
import type { ApprovalDecided, ApprovalRequested } from '../contracts/records.ts'
import type { PersonRequestRow } from '../contracts/store.ts'
import {
  type ApprovalProgress,
  type ApprovalTerms,
  answerableBy,
  askedProgress,
  asVote,
  voteCovers,
  foldApproval,
  stageOf,
  stagesOf,
  stopsDeadline,
} from '../policy/index.ts'
import type { AskJournal } from '../reliability/fold.ts'
import type { LiveRun } from './live-run.ts'

type Approval = NonNullable<AskJournal['approval']>

/** What an approval demands, as its request tells. */
export function termsOf(
  requested: ApprovalRequested,
  requester: ApprovalTerms['requester'],
  defaultSeconds: number,
): ApprovalTerms {
  const { approval_id: id, asks } = requested
  const [requestedAt, deadline] = [timeOf(requested.at), timeOf(requested.deadline)]
  return { id, requester, asks, requestedAt, deadline, defaultSeconds }
}

/** The same for an approval of a run in memory. */
export function termsIn(run: LiveRun, requested: ApprovalRequested): ApprovalTerms {
  return termsOf(requested, run.principal, run.env.limits.approvalSeconds)
}

/** Where an approval stands that nobody has decided. */
export function progressOf(terms: ApprovalTerms, changes: Approval['changes']): ApprovalProgress {
  let progress = askedProgress(terms)
  for (const change of changes) progress = foldApproval(terms, progress, change)
  return progress
}

/** What is listed of an approval beside its row. */
export function lifeOf(
  terms: ApprovalTerms,
  progress: ApprovalProgress,
  decided: ApprovalDecided | null,
): ApprovalLife {
  const { question } = progress
  const votes = decided?.votes ? [...progress.votes, ...newVotes(progress, decided)] : progress.votes
  return {
    stage: progress.stage,
    stages: stagesOf(terms.asks).length,
    demands: terms.asks.map((ask) => ({
      policy: ask.id,
      approvers: ask.approvers,
      quorum: ask.quorum ?? 1,
      stage: stageOf(ask),
      given: votes.filter((vote) => voteCovers(ask, asVote(vote))).map((vote) => vote.by.id),
      escalated_to: progress.escalated
        .filter((one) => one.policy === ask.id)
        .flatMap(({ roles, users }) => [...roles, ...users]),
    })),
    votes: votes.map((vote) => ({
      by: vote.by.id,
      for: vote.for?.id ?? null,
      stage: vote.stage,
      at: vote.given_at,
    })),
    claim: progress.claim ? { by: progress.claim.by, until: isoTime(progress.claim.until) } : null,
    information: question
      ? {
          by: question.by,
          asked_at: isoTime(question.askedAt),
          given_at: question.givenAt === null ? null : isoTime(question.givenAt),
          stops_deadline: stopsDeadline(terms, progress.stage),
        }
      : null,
    snoozed: timesOf(progress.snoozed),
    editing: progress.edit?.by.id ?? null,
    seen: timesOf(progress.seen),
    escalations: progress.escalated.map(({ policy, roles, users, at }) => ({
      policy,
      to: [...roles, ...users],
      at: isoTime(at),
    })),
    edited_by: decided?.edited?.by ?? null,
    standing: decided?.standing?.mandate ?? null,
    ended_by: decided?.by?.id ?? null,
  }
}

function newVotes(progress: ApprovalProgress, { votes = [] }: ApprovalDecided): ApprovalProgress['votes'] {
  const known = new Set(progress.votes.map((vote) => vote.by.id))
  return votes.filter((vote) => !known.has(vote.by.id)).map((vote) => ({ ...vote, stage: progress.stage }))
}

function timesOf(times: Readonly<Record<string, number>>): Record<string, string> {
  return Object.fromEntries(Object.entries(times).map(([who, at]) => [who, isoTime(at)]))
}

/** The row of an approval as it is listed, open or decided. */
export function approvalRow(
  run: Pick<LiveRun, 'tenant' | 'runId' | 'principal'> & { readonly spec: { readonly name: string } },
  terms: ApprovalTerms,
  approval: Approval,
): PersonRequestRow {
  const { requested, changes, decided } = approval
  const { name: tool, class: toolClass, effect } = requested.proposal
  const progress = progressOf(terms, changes)
  return {
    tenant: run.tenant,
    id: terms.id,
    kind: 'approval',
    runId: run.runId,
    workflow: run.spec.name,
    seq: requested.seq,
    tool,
    class: toolClass,
    effect,
    approvers: answerableBy(terms, progress),
    requester: run.principal.id,
    state: decided?.answer ?? 'open',
    decidedBy: decided?.by?.id ?? null,
    requestedAt: terms.requestedAt,
    deadline: progress.deadline,
    decidedAt: decided ? timeOf(decided.at) : null,
    life: lifeOf(terms, progress, decided),
    ...(requested.question === undefined ? {} : { question: requested.question }),
  }
}

/** Lists an approval as it stands now, with the next commit of its run. */
export function listApproval(run: LiveRun, approval: Approval): void {
  run.with({ request: approvalRow(run, termsIn(run, approval.requested), approval) })
}
