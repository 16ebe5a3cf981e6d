import type { ApprovalDetail, PortRequestDetail, QuestionDetail, RequestSummary } from '@signalbox/protocol'
import type { ApprovalPacket, ErrorCode, PersonRequest, PersonRequestRow, Principal, QuestionPacket } from 'signalbox'
import { may } from '../auth.ts'
import { isoOf, isoOrNull } from './runs.ts'

/** A request as a list shows it; the packet, when it could be opened, gives summary and impact. */
export function requestSummary(row: PersonRequestRow, packet: PersonRequest['packet']): RequestSummary {
  return {
    id: row.id,
    kind: row.kind,
    run_id: row.runId,
    workflow: row.workflow,
    tool: row.tool,
    class: row.class,
    effect: row.effect,
    state: row.state,
    approvers: row.approvers.map((roles) => [...roles]),
    requester: row.requester,
    requested_at: isoOf(row.requestedAt),
    deadline: isoOf(row.deadline),
    decided_by: row.decidedBy,
    decided_at: isoOrNull(row.decidedAt),
    ...summaryOf(packet),
    life: row.life ? lifeView(row.life) : null,
  }
}

function lifeView(life: NonNullable<PersonRequestRow['life']>): NonNullable<RequestSummary['life']> {
  return {
    ...life,
    demands: life.demands.map((demand) => ({
      ...demand,
      approvers: [...demand.approvers],
      given: [...demand.given],
      escalated_to: [...demand.escalated_to],
    })),
    votes: life.votes.map((vote) => ({ ...vote })),
    claim: life.claim && { ...life.claim },
    information: life.information && { ...life.information },
    snoozed: { ...life.snoozed },
    seen: { ...life.seen },
    escalations: life.escalations.map((one) => ({ ...one, to: [...one.to] })),
  }
}

function summaryOf(packet: PersonRequest['packet']): Pick<RequestSummary, 'summary' | 'impact'> {
  if (packet === null) return { summary: null, impact: null }
  if (isApprovalPacket(packet)) return { summary: packet.summary, impact: impactOf(packet) }
  return { summary: `Did \`${packet.tool}\` happen?`, impact: null }
}

function impactOf({ impact }: ApprovalPacket): NonNullable<RequestSummary['impact']> {
  return {
    ...(impact.money ? { money: { ...impact.money } } : {}),
    ...(impact.text === undefined ? {} : { text: impact.text }),
  }
}

function isApprovalPacket(packet: ApprovalPacket | QuestionPacket): packet is ApprovalPacket {
  return 'summary' in packet
}

/** An approval with what the reviewer sees, and whether the viewer of the page may answer it now. */
export function approvalDetail(request: PersonRequest, viewer: Principal, now: number): ApprovalDetail {
  const packet = request.packet && isApprovalPacket(request.packet) ? request.packet : null
  return {
    ...requestSummary(request.row, request.packet),
    packet:
      packet === null
        ? null
        : {
            ...packet,
            target: { ...packet.target },
            impact: impactOf(packet),
            why: [...packet.why],
            labels: { ...packet.labels, marks: [...packet.labels.marks] },
          },
    arguments_schema: request.argumentsSchema ?? null,
    packet_hash: request.packetHash,
    reason: request.reason,
    ...answerability(cannotApprove(request.row, viewer, now)),
    history: (request.history ?? []).map((event) => ({ ...event })),
    can_inform: isOpenFor(request.row, viewer) && request.row.life?.information?.given_at === null,
    can_withdraw: isOpenFor(request.row, viewer),
    acts_for: null,
  }
}

/** A question about an effect, and whether the viewer of the page may answer it. */
export function questionDetail(request: PersonRequest, viewer: Principal): QuestionDetail {
  const packet = request.packet && !isApprovalPacket(request.packet) ? request.packet : null
  const refused = request.row.state !== 'open' ? 'CONFLICT' : may(viewer, 'questions.answer') ? null : 'FORBIDDEN'
  return {
    ...requestSummary(request.row, request.packet),
    packet: packet === null ? null : { ...packet, earlier: packet.earlier === null ? null : { ...packet.earlier } },
    packet_hash: request.packetHash,
    reason: request.reason,
    ...answerability(refused),
  }
}

/** A request of a port node, and whether the viewer of the page may answer it. */
export function portRequestDetail({ row, port }: PersonRequest, viewer: Principal): PortRequestDetail {
  const payload = port?.payload ?? null
  const refused = row.state !== 'open' ? 'CONFLICT' : may(viewer, 'requests.respond') ? null : 'FORBIDDEN'
  return {
    ...requestSummary(row, null),
    summary: `\`${row.tool}\` asks for an answer`,
    payload: payload === null ? null : JSON.stringify(payload),
    response_schema: port?.responseSchema ?? null,
    ...answerability(refused),
  }
}

/** The requester may answer questions and take it back while it is open. */
function isOpenFor(row: PersonRequestRow, viewer: Principal): boolean {
  return row.state === 'open' && row.requester === viewer.id
}

function answerability(code: ErrorCode | null): { can_decide: boolean; cannot_decide_code: string | null } {
  return { can_decide: code === null, cannot_decide_code: code }
}

/** The same rules as the runtime's, for the page to disable what would be refused; the runtime is the one that refuses. */
function cannotApprove(row: PersonRequestRow, viewer: Principal, now: number): ErrorCode | null {
  if (row.state === 'expired' || (row.state === 'open' && row.deadline <= now)) return 'APPROVAL_EXPIRED'
  if (row.state !== 'open') return 'APPROVAL_DECIDED'
  if (!may(viewer, 'approvals.decide')) return 'FORBIDDEN'
  if (row.requester === viewer.id) return 'APPROVAL_SELF'
  const answered = row.life?.votes.some((vote) => vote.by === viewer.id || vote.for === viewer.id)
  if (answered) return 'APPROVAL_DECIDED'
  const holdsOneOfEach = row.approvers.every((roles) =>
    roles.some((role) => role === viewer.id || viewer.roles.includes(role.replace(/^role:/, ''))),
  )
  return holdsOneOfEach ? null : 'APPROVAL_NOT_ALLOWED'
}
