import type { AlertDetailView, AlertEventView, AlertInputsView, AlertRuleView, AlertView } from '@signalbox/protocol'
import { time, who } from './format.ts'
import { folded, type Output, printable } from './output.ts'

/** A page of alerts, with how they stand as a whole. */
export function alertListText(
  { alerts, summary, next }: { alerts: readonly AlertView[]; summary: SummaryView; next: string | null },
  out: Output,
): string {
  const head = summaryText(summary, out)
  if (alerts.length === 0) return [head, 'no alerts'].join('\n')
  const rows = alerts.map((row) => listedText(row, out))
  const more = next === null ? [] : ['more: raise --limit, or narrow with --severity, --kind, --workflow']
  return [head, ...rows, ...more].join('\n')
}

/** Two lines: what is to be typed, and what is wrong. */
function listedText(row: AlertView, out: Output): string {
  const { severity, state, count, id, opened_at: since } = row
  const line = `${coloured(severity, severity.padEnd(6), out)}  ${state.padEnd(12)}  ${time(since)} UTC  ${String(count).padStart(4)}  ${id}`
  return `${line}\n${folded(`  ${row.title}`, out.width, '  ')}`
}

function coloured(severity: AlertView['severity'], text: string, { color }: Output): string {
  if (severity === 'info') return text
  return severity === 'page' ? color.red(text) : color.yellow(text)
}

interface SummaryView {
  readonly evaluated_at: string | null
  readonly open: { readonly page: number; readonly ticket: number; readonly info: number }
  readonly silenced: number
  readonly blind: string | null
}

/** How the alerts stand, in one line; two where nobody evaluates them. */
export function summaryText({ evaluated_at: at, open, silenced, blind }: SummaryView, out: Output): string {
  const parts = [
    open.page > 0 ? out.color.red(`${open.page} page`) : '0 page',
    open.ticket > 0 ? out.color.yellow(`${open.ticket} ticket`) : '0 ticket',
    `${open.info} info`,
    `${silenced} silenced`,
  ]
  const seen = at === null ? 'never evaluated' : `evaluated at ${time(at)} UTC`
  const line = `alerts: ${parts.join(', ')}; ${seen}`
  return blind === null ? line : `${line}\n${out.color.red('blind')}: ${printable(blind)}`
}

/** One alert in a line or two. */
export function alertText(row: AlertView, out: Output): string {
  const until = row.silenced_until === null ? '' : ` until ${time(row.silenced_until)} UTC`
  return folded(`${row.id} is ${row.state}${until}: ${row.title}`, out.width)
}

/** One alert whole. */
export function alertDetailText(row: AlertDetailView, out: Output): string {
  const { severity, kind, state, kill_switch: stop } = row
  return [
    `${coloured(severity, severity.toUpperCase(), out)}  ${folded(row.title, out.width - 8, '  ')}`,
    `${kind}  ${printable(row.key)}  ${state}  ${row.id}`,
    folded(`looks at: ${row.about}`, out.width, '  '),
    `since ${time(row.opened_at)} UTC, last seen ${time(row.last_seen_at)} UTC, ${row.holds ? 'holds now' : 'not found at the last look'}; count ${row.count}, opening ${row.openings}`,
    ...inputsText('saw when it opened', row.inputs, out),
    ...(row.latest.at === row.inputs.at ? [] : inputsText('saw last', row.latest, out)),
    ...(stop ? [`kill switch ${stop.id} by rule ${printable(stop.rule)}: ${stop.state.replace('_', ' ')}`] : []),
    `do: ${row.runbook}`,
    '',
    ...row.events.map((event) => eventText(event, out)),
  ].join('\n')
}

function inputsText(title: string, inputs: AlertInputsView, out: Output): readonly string[] {
  const pairs = (all: Readonly<Record<string, unknown>>): string =>
    Object.entries(all)
      .map(([name, value]) => `${name}=${String(value)}`)
      .join('  ')
  const window = inputs.window_seconds === null ? '' : ` over ${inputs.window_seconds} s`
  const refs = inputs.refs.slice(-5).map(({ run_id: run, seq }) => `${run} record ${seq}`)
  const more = inputs.refs.length - refs.length
  return [
    folded(`${title} (${time(inputs.at)} UTC${window}): ${pairs(inputs.values)}`, out.width, '  '),
    folded(`  limits: ${pairs(inputs.limits)}`, out.width, '  '),
    ...(refs.length === 0
      ? []
      : [folded(`  records: ${refs.join(', ')}${more > 0 ? `, ${more} more` : ''}`, out.width, '  ')]),
  ]
}

function eventText({ at, kind, by, reason, until, switch_id: stop }: AlertEventView, out: Output): string {
  const person = by === 'service:alerts' ? '' : ` by ${who(by)}`
  const end = until === null ? '' : ` until ${time(until)} UTC`
  const which = stop === null ? '' : ` ${stop}`
  return folded(
    `${time(at)}  ${kind.replaceAll('_', ' ')}${which}${person}${end}${reason === '' ? '' : `: ${reason}`}`,
    out.width,
    '  ',
  )
}

/** Every kind with its limits. */
export function alertRulesText(rules: readonly AlertRuleView[], out: Output): string {
  return rules.map((rule) => ruleText(rule, out)).join('\n')
}

function ruleText(rule: AlertRuleView, out: Output): string {
  const { kind, about, severity, off, limits, resolve_after_seconds: after, runbook, overrides, switches } = rule
  const numbers = Object.entries(limits).map(([name, value]) => `${name}=${value}`)
  const end = after === null ? 'a person resolves it' : `over when gone for ${after} s`
  return [
    `${out.color.bold(kind)}  ${off ? 'off' : severity}`,
    folded(`  ${about}`, out.width, '  '),
    folded(`  ${numbers.join('  ')}; ${end}; ${runbook}`, out.width, '  '),
    ...overrides.map((each) => {
      const own = Object.entries(each.limits).map(([name, value]) => `${name}=${value}`)
      const place = [each.tenant, each.workflow].filter((part) => part !== null).join(' ')
      return folded(`  for ${place}: ${each.off ? 'off' : own.join('  ')}`, out.width, '  ')
    }),
    ...switches.map((each) =>
      folded(
        `  rule ${each.rule} throws ${each.mode} for ${each.scope} ${each.target}, for ${each.expires_in_minutes} minutes`,
        out.width,
        '  ',
      ),
    ),
  ].join('\n')
}
