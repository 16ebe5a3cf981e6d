import type { ApprovalDetail, PortRequestDetail, QuestionDetail, RequestSummary } from '@signalbox/protocol'
import { lifeText } from './approval-views.ts'
import { isNever, money, time, who } from './format.ts'
import { folded, indented, type Output, printable } from './output.ts'

/** Approvals or questions, two lines each: what it is and until when, then the summary. */
export function requestsText(rows: readonly RequestSummary[], out: Output): string {
  if (rows.length === 0) return 'nothing waits'
  return rows
    .map((row) => {
      const impact = impactText(row.impact)
      const state = row.state !== 'open' ? row.state : until(row.deadline)
      const head = [out.color.bold(row.id), printable(row.tool), printable(impact), state]
        .filter((part) => part !== '')
        .join('  ')
      return `${head}\n${folded(`    ${row.summary ?? '(the content was erased)'}`, out.width, '    ')}`
    })
    .join('\n')
}

/** Questions wait for ever: their deadline is the last time that there is. */
function until(deadline: string): string {
  return isNever(deadline) ? 'no deadline' : `until ${time(deadline).slice(5, 16)}`
}

function impactText(impact: RequestSummary['impact']): string {
  if (impact === null) return ''
  return impact.money ? money(impact.money) : short(impact.text ?? '', 20)
}

function short(text: string, most: number): string {
  return text.length > most ? `${text.slice(0, most - 1)}…` : text
}

/** What the reviewer has to see: summary, target, impact, rollback, then the exact arguments and why it was asked. */
export function approvalText(approval: ApprovalDetail, out: Output): string {
  const { color } = out
  const { packet } = approval
  const line = (name: string, text: string): string => folded(`  ${name.padEnd(11)}${text}`, out.width, '             ')
  if (packet === null) return `approval ${approval.id}: its content was erased`
  const answered = approval.decided_by === null ? '' : ` by ${who(approval.decided_by)} at ${time(approval.decided_at)}`
  return [
    `${color.bold(`approval ${approval.id}`)}  ${approval.state}${answered}`,
    line('summary', packet.summary),
    line('target', `${packet.target.type} ${packet.target.id} (version ${packet.target.version})`),
    line(
      'impact',
      [packet.impact.money ? money(packet.impact.money) : '', packet.impact.text ?? ''].filter(Boolean).join('; ') ||
        'none told',
    ),
    line('rollback', packet.rollback),
    line('action', `${packet.tool} (${packet.class}, ${packet.effect})`),
    line('asked by', `${who(packet.requested_by)} in run ${approval.run_id}`),
    line('why', packet.why.join('; ')),
    line('approvers', approval.approvers.map((roles) => roles.join(' or ')).join(', and ')),
    line('deadline', `${time(approval.deadline)} UTC; silence denies`),
    line('packet', approval.packet_hash),
    '  arguments',
    indented(pretty(packet.arguments), '    '),
    ...(approval.reason === null ? [] : [line('reason', approval.reason)]),
    ...(packet.edited_by === undefined ? [] : [line('edited by', who(packet.edited_by))]),
    lifeText(approval, out),
  ]
    .filter((text) => text !== '')
    .join('\n')
}

/** What a port node asks, and how to answer. */
export function portRequestText(request: PortRequestDetail, out: Output): string {
  const answered = request.decided_by === null ? '' : ` by ${who(request.decided_by)} at ${time(request.decided_at)}`
  const schema = JSON.stringify(request.response_schema, null, 2)
  return [
    `${out.color.bold(`request ${request.id}`)}  ${request.state}${answered}`,
    `  port       ${printable(request.tool)} of ${printable(request.workflow)} in run ${request.run_id}`,
    `  deadline   ${time(request.deadline)} UTC`,
    '  it asks',
    indented(request.payload === null ? '(the content was erased)' : pretty(request.payload), '    '),
    '  the answer is',
    indented(request.response_schema === null ? '(no worker here has the workflow)' : schema, '    '),
    ...(request.state === 'open' ? [`  answer with: signalbox respond ${request.id} --value '<json>'`] : []),
  ].join('\n')
}

/** What a person has to see who tells whether an effect happened. */
export function questionText(question: QuestionDetail, out: Output): string {
  const { packet } = question
  if (packet === null) return `question ${question.id}: its content was erased`
  const line = (name: string, text: string): string => folded(`  ${name.padEnd(11)}${text}`, out.width, '             ')
  return [
    `${out.color.bold(`question ${question.id}`)}  ${question.state}`,
    line('action', `${packet.tool} (${packet.class}) in run ${question.run_id}`),
    line('sent at', `${time(packet.sent_at)} UTC, key ${packet.idempotency_key}`),
    ...(packet.earlier === null
      ? []
      : [
          line(
            'earlier',
            `run ${packet.earlier.run}: ${packet.earlier.status}, ${packet.earlier.arguments ?? 'arguments erased'}`,
          ),
        ]),
    '  arguments',
    indented(pretty(packet.arguments), '    '),
    line('answer', `signalbox answer ${question.id} happened|did_not|stop --reason "…"`),
  ].join('\n')
}

function pretty(json: string): string {
  try {
    return JSON.stringify(JSON.parse(json), null, 2)
  } catch {
    return printable(json)
  }
}
