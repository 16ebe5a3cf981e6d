import type { PersonRequest, PersonRequestRow, Principal } from 'signalbox'
import { SignalboxError } from 'signalbox'
import { approvalDetail, portRequestDetail, questionDetail, requestSummary } from '../views/people.ts'
import { standingIn } from '../views/mandates.ts'
import type { ApiDeps, Handlers } from './handlers.ts'

type Names =
  | 'approvals'
  | 'approval'
  | 'decide'
  | 'questions'
  | 'question'
  | 'answer'
  | 'requests'
  | 'request'
  | 'respond'

/** Endpoints about approvals, questions and port requests. Who answers is always the credential's principal (Invariant 7). */
export function peopleHandlers({ runs, host }: ApiDeps): Pick<Handlers, Names> {
  const find = async (who: Principal, id: string, kind: PersonRequestRow['kind']): Promise<PersonRequest> => {
    const request = await runs.request(who.tenant, id)
    if (request.row.kind === kind) return request
    throw new SignalboxError(NOT_FOUND[kind], `there is no ${kind} \`${id}\`: it is a ${request.row.kind}`)
  }
  const list = async (
    who: Principal,
    kind: PersonRequestRow['kind'],
    query: Query,
  ): Promise<readonly PersonRequest[]> => {
    const rows = await rowsOf(who, kind, query)
    return await Promise.all(rows.map((row) => runs.request(who.tenant, row.id)))
  }
  /** Of what is open the oldest, since they are due first; of all others the newest. Oldest first. */
  const rowsOf = async (
    { tenant }: Principal,
    kind: PersonRequestRow['kind'],
    { state, run_id: runId, limit }: Query,
  ): Promise<readonly PersonRequestRow[]> => {
    const newest = state !== 'open'
    const rows = await runs.requests({
      ...{ tenant, kind, limit, newest },
      ...(state === undefined ? {} : { state }),
      ...(runId === undefined ? {} : { runId }),
    })
    return newest ? [...rows].reverse() : rows
  }
  return {
    approvals: async ({ query }, who) => {
      const rows = await rowsOf(who, 'approval', query)
      const packets = await runs.packets(rows)
      return { approvals: rows.map((row, i) => requestSummary(row, packets[i] ?? null)) }
    },
    approval: async ({ params }, who) => {
      const now = host.now()
      const detail = approvalDetail(await find(who, params.id, 'approval'), who, now)
      if (detail.cannot_decide_code !== 'APPROVAL_NOT_ALLOWED') return detail
      return standingIn(detail, who, now, await runs.delegations(who.tenant))
    },
    decide: async ({ params, body }, who) => {
      const { answer, reason, packet_hash: seen } = body
      await runs.decide({ approvalId: params.id, answer, by: who, reason, seen })
      return { accepted: true, id: params.id }
    },
    questions: async ({ query }, who) => {
      const found = await list(who, 'question', query)
      return { questions: found.map((each) => questionDetail(each, who)) }
    },
    question: async ({ params }, who) => questionDetail(await find(who, params.id, 'question'), who),
    answer: async ({ params, body }, who) => {
      await runs.answer({ questionId: params.id, answer: body.answer, by: who, reason: body.reason })
      return { accepted: true, id: params.id }
    },
    requests: async ({ query }, who) => {
      const found = await list(who, 'request', query)
      return { requests: found.map((each) => portRequestDetail(each, who)) }
    },
    request: async ({ params }, who) => portRequestDetail(await find(who, params.id, 'request'), who),
    respond: async ({ params, body }, who) => {
      await runs.respond({ requestId: params.id, value: body.value, by: who })
      return { accepted: true, id: params.id }
    },
  }
}

interface Query {
  readonly state?: PersonRequestRow['state'] | undefined
  readonly run_id?: string | undefined
  readonly limit: number
}

const NOT_FOUND = {
  approval: 'APPROVAL_NOT_FOUND',
  question: 'QUESTION_NOT_FOUND',
  request: 'REQUEST_NOT_FOUND',
} as const
