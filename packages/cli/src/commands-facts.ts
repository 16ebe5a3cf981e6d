import type { EffectLogRow, EventRow } from '@signalbox/protocol'
import { effectPhaseSchema } from '@signalbox/protocol'
import type { Command } from 'commander'
import { SignalboxError } from 'signalbox/errors'
import { type Shell, withClient, withShared } from './context.ts'
import { time, who } from './format.ts'
import { type Output, table } from './output.ts'

/** Options of every list over runs. */
export function withSpan(command: Command): Command {
  return command
    .option('--since <time>', 'ISO 8601: from then on')
    .option('--until <time>', 'ISO 8601: before then')
    .option('--workflow <name>', 'of this workflow')
    .option('--before <place>', 'the next page: what the page before named')
    .option('--limit <n>', 'at most so many', '100')
}

/** Adds `effects`: what was asked to change outside, over all runs, and how it stands. */
export function addEffectsCommand(program: Command, shell: Shell): void {
  const command = withSpan(withShared(program.command('effects')))
    .description('effects of all runs, newest first: what happened, what did not, what nobody knows')
    .option('--run <run>', 'of this run')
    .option('--tool <name>', 'of this tool')
    .option('--class <class>', 'of this class, such as payments.write')
    .option('--phase <phase>', effectPhaseSchema.options.join(', '))
    .option('--approver <id>', 'approved by this person, such as user:ben')
    .action(() =>
      withClient(command, shell, async ({ client, out }) => {
        const { run, phase, ...rest } = command.opts<Record<string, string>>()
        const { since, until, workflow, before, limit, tool, class: of, approver } = rest
        const query = { since, until, workflow, before, limit, tool, class: of, approver, run_id: run }
        const list = await client.effectsOverRuns({ query: { ...query, phase: phaseOf(phase) } })
        out.data(list)
        out.text(list.effects.length === 0 ? 'no effect fits' : effectRows(list.effects, out))
        tellPage(list, out)
      }),
    )
}

function phaseOf(text: string | undefined): EffectLogRow['phase'] | undefined {
  if (text === undefined) return undefined
  const found = effectPhaseSchema.options.find((one) => one === text)
  if (found) return found
  throw new SignalboxError('USAGE', `\`--phase ${text}\`: use one of ${effectPhaseSchema.options.join(', ')}`)
}

function effectRows(effects: readonly EffectLogRow[], out: Output): string {
  return table(
    effects,
    [
      { title: 'at', of: (row) => time(row.at).slice(5) },
      { title: 'phase', of: (row) => (row.from_ledger ? `${row.phase} (ledger)` : row.phase) },
      { title: 'tool', of: (row) => row.tool, grow: true },
      { title: 'for', of: (row) => who(row.principal) },
      { title: 'approved by', of: (row) => (row.approver === null ? '' : who(row.approver)) },
      { title: 'run', of: (row) => row.run_id },
      { title: 'record', of: (row) => String(row.seq), right: true },
    ],
    Math.max(out.width, 118),
  )
}

/** Events of all runs, newest first: `events --all`. */
export async function showEventsOverRuns(command: Command, shell: Shell): Promise<void> {
  await withClient(command, shell, async ({ client, out }) => {
    const { since, until, workflow, before, limit, ...rest } = command.opts<Record<string, string>>()
    const { type, node, actor, principal, tool, code } = rest
    const span = { since, until, workflow, before, limit }
    const list = await client.eventsOverRuns({ query: { ...span, type, node, actor, principal, tool, code } })
    out.data(list)
    out.text(list.events.length === 0 ? 'no event fits' : eventRows(list.events, out))
    tellPage(list, out)
  })
}

/** Options that only `events --all` takes. */
export function withEventFilters(command: Command): Command {
  return withSpan(command)
    .option('--type <type>', 'records of this type, such as approval.decided')
    .option('--node <node>', 'of this node')
    .option('--actor <id>', 'acts of this person or service')
    .option('--principal <id>', 'on behalf of this one')
    .option('--tool <name>', 'about this tool, model, point or host')
    .option('--code <code>', 'with this code')
}

function eventRows(events: readonly EventRow[], out: Output): string {
  return table(
    events,
    [
      { title: 'at', of: (row) => time(row.at).slice(5) },
      { title: 'type', of: (row) => row.type },
      { title: 'name', of: (row) => row.name ?? row.node ?? '', grow: true },
      { title: 'code', of: (row) => row.code ?? '' },
      { title: 'by', of: (row) => (row.actor === null ? '' : who(row.actor)) },
      { title: 'run', of: (row) => row.run_id },
      { title: 'record', of: (row) => String(row.seq), right: true },
    ],
    Math.max(out.width, 118),
  )
}

function tellPage({ next, complete }: { readonly next: string | null; readonly complete: boolean }, out: Output): void {
  if (next !== null) out.text(`there may be more: go on with --before ${next}`)
  if (!complete) out.text(out.color.yellow('stored records are still being indexed: ask again a little later'))
}
