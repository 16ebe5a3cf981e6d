import type { StatusView, TroubleView } from '@signalbox/protocol'
import type { Command } from 'commander'
import { ERROR_TABLE } from 'signalbox/errors'
import { summaryText } from './alert-views.ts'
import { type Shell, withClient, withShared } from './context.ts'
import { time } from './format.ts'
import { folded, type Output, printable } from './output.ts'

/** Adds `status`: what is wrong now, since when, and what to do. */
export function addStatusCommand(program: Command, shell: Shell): void {
  withShared(program.command('status'))
    .description('what is wrong now, since when, and what to do; exit code 5 when something is, or no server runs')
    .action(async (_options: unknown, command: Command) => {
      await withClient(command, shell, async ({ client, out, direct }) => {
        const status = await client.status()
        out.data({ ...status, server: !direct })
        out.text(direct ? 'no server runs on this data folder: nothing goes on' : statusText(status, out))
        if (direct || !status.ok) shell.setExitCode(ERROR_TABLE.STORE_UNAVAILABLE.exit)
      })
    })
}

function statusText(status: StatusView, out: Output): string {
  const head = `Signalbox ${status.version} (${status.mode}), ${time(status.now)} UTC`
  const alerts = status.alerts ? [summaryText(status.alerts, out)] : []
  const told = [...alerts, ...telemetryText(status, out), ...notificationText(status, out)]
  if (status.ok) return [`${out.color.green('ok')}  ${head}`, ...told].join('\n')
  return [head, ...told, ...status.troubles.map((each) => troubleText(each, out))].join('\n')
}

/** What is delivered in time needs no line; what is not, does. */
function telemetryText({ telemetry }: StatusView, out: Output): readonly string[] {
  if (!telemetry || telemetry.state === 'off') return []
  const {
    state,
    problem,
    completeness,
    lag_records: lag,
    waiting_effects: effects,
    oldest_waiting_at: since,
  } = telemetry
  const { left_out_records: leftOut, rejected_items: rejected } = telemetry
  const percent = `${(Math.floor(completeness * 10_000) / 100).toFixed(2)} %`
  const well = state !== 'failing' && completeness === 1
  const told = well ? out.color.green('telemetry complete') : out.color.yellow(`telemetry ${percent} delivered`)
  const more = [
    ...(lag > 0 && since !== null ? [`${lag} records wait since ${time(since)} UTC`] : []),
    ...(effects > 0 ? [`${effects} effects among them`] : []),
    ...(leftOut > 0 ? [`${leftOut} records left out`] : []),
    ...(rejected > 0 ? [`${rejected} items rejected by the collector`] : []),
    ...(problem === null ? [] : [printable(problem)]),
  ]
  return [[told, ...more].join(', ')]
}

/** Messages that wait are no trouble; those that were given up and channels that are gone need somebody. */
function notificationText({ notifications }: StatusView, out: Output): readonly string[] {
  if (!notifications) return []
  const { dead, queued, disabled_channels: off } = notifications
  return [
    ...(dead > 0
      ? [`${out.color.yellow(`${dead} messages given up`)}, ${queued} waiting: see \`signalbox outbox list\``]
      : []),
    ...off.map(
      (name) =>
        `${out.color.yellow('channel disabled')}: ${printable(name)}; \`signalbox outbox enable ${printable(name)}\``,
    ),
  ]
}

function troubleText(trouble: TroubleView, out: Output): string {
  const { code, title, since, told_by: by, detail, advice } = trouble
  return [
    `${out.color.red(code)}  ${title}, since ${time(since)} UTC (told by ${by.map(printable).join(', ')})`,
    folded(`  ${detail}`, out.width, '  '),
    folded(`  do: ${advice}`, out.width, '  '),
  ].join('\n')
}
