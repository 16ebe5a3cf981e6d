import type { OverrideView } from '@signalbox/protocol'
import type { Command } from 'commander'
import { intOption } from './ask.ts'
import { type Shell, withClient, withShared } from './context.ts'
import { time, who } from './format.ts'
import { printable } from './output.ts'

interface AskOptions {
  readonly switch: string
  readonly run: string
  readonly ask: string
  readonly reason: string
  readonly expires?: number
}

/** Adds `override`: two persons let one blocked call pass one switch. A policy is never passed. */
export function addOverrideCommands(program: Command, shell: Shell): void {
  const group = program
    .command('override')
    .description('let one exact blocked call pass a kill switch; takes two persons, and never passes a policy')
  withShared(group.command('ask'))
    .description('ask for it')
    .requiredOption('--switch <id>', 'the kill switch that stands against it')
    .requiredOption('--run <id>', 'the run that waits')
    .requiredOption(
      '--ask <key>',
      'the call that waits: what the run waits on, as `signalbox show <run> --json` tells it',
    )
    .requiredOption('--reason <text>', 'why; stored with your name')
    .option('--expires <seconds>', 'how long it may be used; default 900', intOption('--expires', 1, 86_400))
    .action(async (options: AskOptions, command: Command) => {
      await withClient(command, shell, async ({ client, out }) => {
        const { switch: switch_id, run: run_id, ask, reason, expires } = options
        const expiry = expires === undefined ? {} : { expires_in_seconds: expires }
        const row = await client.askOverride({ body: { switch_id, run_id, ask, reason, ...expiry } })
        out.data(row)
        out.text(`asked ${row.id}; a second person confirms it with: signalbox override confirm ${row.id} --reason "…"`)
      })
    })
  for (const verb of ['confirm', 'review'] as const)
    withShared(group.command(`${verb} <id>`))
      .description(
        verb === 'confirm' ? 'confirm it as the second person' : 'say that you looked at what was done by it',
      )
      .requiredOption('--reason <text>', 'why; stored with your name')
      .action(async (id: string, { reason }: { reason: string }, command: Command) => {
        await withClient(command, shell, async ({ client, out }) => {
          const request = { params: { id }, body: { reason } }
          const row = await (verb === 'confirm' ? client.confirmOverride(request) : client.reviewOverride(request))
          out.data(row)
          out.text(lineOf(row))
        })
      })
  withShared(group.command('list'))
    .description('list them, newest first')
    .action(async (_options: unknown, command: Command) => {
      await withClient(command, shell, async ({ client, out }) => {
        const answer = await client.overrides()
        out.data(answer)
        out.text(answer.overrides.length === 0 ? 'no override' : answer.overrides.map(lineOf).join('\n'))
      })
    })
}

function lineOf(row: OverrideView): string {
  const confirmed = row.confirmed_by === null ? 'waits for a second person' : `confirmed by ${who(row.confirmed_by)}`
  const used = row.used_at === null ? `until ${time(row.expires_at)}` : `used ${time(row.used_at)}`
  const reviewed = row.reviewed_by === null ? 'not reviewed' : `reviewed by ${who(row.reviewed_by)}`
  return `${row.id}  ${row.run_id} ${printable(row.ask)} past ${row.switch_id}  by ${who(row.asked_by)}: ${printable(row.reason)}; ${confirmed}; ${used}; ${reviewed}`
}
