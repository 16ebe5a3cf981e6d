import type { ApprovalDetail, DelegationView, ReviewStatsView, StandingView } from '@signalbox/protocol'
import { time, who } from './format.ts'
import { folded, type Output, printable, table } from './output.ts'

/** Where an approval stands: answers so far, claim, question, escalations. Empty for one that is as it was asked. */
export function lifeText({ life, history }: ApprovalDetail, out: Output): string {
  if (life === null) return ''
  const line = (name: string, text: string): string => folded(`  ${name.padEnd(11)}${text}`, out.width, '             ')
  const lines: string[] = []
  if (life.stages > 1) lines.push(line('stage', `${life.stage} (of ${life.stages})`))
  for (const { policy, approvers, quorum, stage, given } of life.demands)
    if (quorum > 1 || life.stages > 1)
      lines.push(
        line('needs', `${given.length} of ${quorum} from ${approvers.join(' or ')} (${policy}, stage ${stage})`),
      )
  for (const event of history) {
    const actor = event.by === null ? '' : ` by ${who(event.by)}${event.for === null ? '' : ` for ${who(event.for)}`}`
    const detail = event.detail === null ? '' : ` (${printable(event.detail)})`
    const text = event.text === null ? '' : `: ${printable(event.text)}`
    lines.push(line(time(event.at).slice(5, 16), `  ${event.what.replaceAll('_', ' ')}${actor}${detail}${text}`))
  }
  return lines.join('\n')
}

/** Who stands in for whom. */
export function delegationsText(rows: readonly DelegationView[], out: Output): string {
  if (rows.length === 0) return 'nobody stands in for anybody'
  return table(
    rows,
    [
      { title: 'id', of: (row) => row.id },
      { title: 'state', of: stateOf },
      { title: 'who', of: (row) => `${who(row.delegate)} for ${who(row.created_by)}` },
      { title: 'roles', of: (row) => row.roles.join(', ') },
      { title: 'until', of: (row) => time(row.expires_at).slice(0, 16) },
      { title: 'why', of: (row) => printable(row.reason) },
    ],
    out.width,
  )
}

/** Standing approvals, two lines each: what it lets happen, and what was used. */
export function standingText(rows: readonly StandingView[], out: Output): string {
  if (rows.length === 0) return 'there is no standing approval'
  return rows
    .map((row) => {
      const where = row.constraints.map(constraintText).join(', ')
      const amount = row.max_amount === null ? '' : `, ${row.used_amount} of ${row.max_amount} in ${row.amount_field}`
      const head = `${out.color.bold(row.id)}  ${stateOf(row)}  ${row.tool} in ${row.workflow} for ${who(row.principal)}`
      return `${head}\n${folded(`    where ${printable(where)}`, out.width, '    ')}\n    ${row.used} of ${row.max_uses} uses${amount}, until ${time(row.expires_at).slice(0, 16)}, given by ${who(row.created_by)}: ${printable(row.reason)}`
    })
    .join('\n')
}

function stateOf(row: { readonly in_force: boolean; readonly revoked_by: string | null }): string {
  if (row.in_force) return 'in force'
  return row.revoked_by === null ? 'over' : `revoked by ${who(row.revoked_by)}`
}

function constraintText(one: StandingView['constraints'][number]): string {
  if ('equals' in one) return `${one.field} = ${one.equals}`
  return 'at_most' in one ? `${one.field} <= ${one.at_most}` : `${one.field} in ${one.one_of.join(' | ')}`
}

/** Load and decision times, with what suggests that answers are given without reading. */
export function statsText(stats: ReviewStatsView, out: Output): string {
  const { decided } = stats
  const load = stats.open_by_role.map(
    ({ role, open, oldest_seconds }) => `${role} ${open} (oldest ${lasted(oldest_seconds)})`,
  )
  const lines = [
    `open       ${stats.open}${load.length > 0 ? `: ${load.join(', ')}` : ''}`,
    `decided    ${decided.approved} approved, ${decided.rejected} rejected, ${decided.expired} expired, ${decided.cancelled} taken back, ${decided.void} void since ${time(stats.since).slice(0, 10)}`,
    `median     ${stats.median_decision_seconds === null ? 'nothing decided' : lasted(stats.median_decision_seconds)}; escalated ${stats.escalated}`,
    ...(stats.cut ? ['There are more than are counted: the oldest open ones and the newest decisions are.'] : []),
  ]
  if (stats.reviewers.length === 0) return lines.join('\n')
  const rows = table(
    stats.reviewers,
    [
      { title: 'reviewer', of: (row) => who(row.reviewer) },
      { title: 'yes', of: (row) => String(row.approved) },
      { title: 'no', of: (row) => String(row.rejected) },
      {
        title: 'median',
        of: (row) => (row.median_decision_seconds === null ? '' : lasted(row.median_decision_seconds)),
      },
      { title: 'unread', of: (row) => (row.unread_share === null ? '' : `${Math.round(row.unread_share * 100)} %`) },
      { title: 'streak', of: (row) => String(row.streak) },
      { title: '', of: (row) => (row.rubber_stamp ? 'answers without reading?' : '') },
    ],
    out.width,
  )
  const note = `unread: yeses within ${stats.quick_seconds} s of the request, or without the details opened`
  return [...lines, '', rows, '', note].join('\n')
}

function lasted(seconds: number): string {
  if (seconds < 120) return `${Math.round(seconds)} s`
  if (seconds < 7_200) return `${Math.round(seconds / 60)} min`
  return seconds < 172_800 ? `${Math.round(seconds / 3_600)} h` : `${Math.round(seconds / 86_400)} d`
}
