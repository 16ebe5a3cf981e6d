import type { CompensationItemView, CompensationPlanView } from '@signalbox/protocol'
import type { Command } from 'commander'
import { SignalboxError } from 'signalbox/errors'
import { type CommandContext, type Shell, withClient, withShared } from './context.ts'
import { time } from './format.ts'
import { folded, type Output, printable, table } from './output.ts'

interface Options {
  readonly effects?: readonly number[]
  readonly reason?: string
  readonly dryRun?: boolean
  readonly onFailure?: 'stop' | 'continue'
  readonly shared?: boolean
  readonly requestId?: string
}

/** Adds the command that undoes effects of a run. */
export function addCompensateCommand(program: Command, shell: Shell): void {
  withShared(program.command('compensate <run>'))
    .description('undo the effects of an ended run, newest first; with --dry-run only show what can be undone')
    .option('--effects <records>', 'only these, by their records as --dry-run shows them, such as 12,17', sequences)
    .option('--reason <text>', 'why; stored with your name')
    .option('--on-failure <what>', '`stop` (default) or `continue` when one cannot be undone', onFailure)
    .option('--shared', 'also effects that other runs take for done')
    .option('--request-id <id>', 'equal ids start one compensation only')
    .option('--dry-run', 'change nothing')
    .action(async (id: string, options: Options, command: Command) => {
      await withClient(command, shell, async (context) => await compensate(id, options, context))
    })
}

function sequences(text: string): number[] {
  if (/^\d+(,\d+)*$/.test(text)) return text.split(',').map(Number)
  throw new SignalboxError('USAGE', `\`--effects\` must be record numbers with commas between, not \`${text}\``)
}

function onFailure(text: string): 'stop' | 'continue' {
  if (text === 'stop' || text === 'continue') return text
  throw new SignalboxError('USAGE', `\`--on-failure\` must be \`stop\` or \`continue\`, not \`${text}\``)
}

async function compensate(id: string, options: Options, { client, out }: CommandContext): Promise<void> {
  const { reason, effects, shared, requestId } = options
  if (options.dryRun === true) {
    const plan = await client.compensationPlan({ params: { id } })
    out.data(plan)
    out.text(planText(plan, out))
    return
  }
  if (reason === undefined)
    throw new SignalboxError('USAGE', '`--reason` is missing: say why, it is stored with your name')
  const body = {
    reason,
    ...(effects === undefined ? {} : { effects: [...effects] }),
    ...(options.onFailure === undefined ? {} : { on_failure: options.onFailure }),
    ...(shared === undefined ? {} : { shared }),
    ...(requestId === undefined ? {} : { request_id: requestId }),
  }
  const started = await client.compensate({ params: { id }, body })
  out.data(started)
  out.text(`${started.existed ? 'was started before' : 'started'}: ${started.run_id}, which undoes effects of ${id}`)
  out.text(out.color.dim(`watch it with: signalbox show ${started.run_id}`))
}

function planText(plan: CompensationPlanView, out: Output): string {
  const head = plan.refused === null ? [] : [out.color.yellow(`not now: ${printable(plan.refused)}`)]
  if (plan.items.length === 0) return [...head, 'no effect of this run happened'].join('\n')
  const columns = [
    { title: 'record', of: (item: CompensationItemView) => String(item.seq), right: true },
    { title: 'effect', of: (item: CompensationItemView) => printable(item.tool), grow: true },
    { title: 'state', of: (item: CompensationItemView) => item.state.replace('_', ' ') },
    { title: 'undone by', of: (item: CompensationItemView) => item.undone_by?.run_id ?? item.undo ?? '' },
    { title: 'until', of: (item: CompensationItemView) => (item.until === null ? '' : time(item.until)) },
  ]
  const notes = plan.items
    .filter((item) => item.state !== 'undoable' || item.shared_with.length > 0)
    .map((item) => folded(`record ${item.seq}: ${noteOf(item)}`, out.width, '  '))
  return [...head, table(plan.items, columns, out.width), ...notes].join('\n')
}

function noteOf(item: CompensationItemView): string {
  const shared =
    item.shared_with.length === 0 ? '' : `taken for done by ${item.shared_with.join(', ')} (needs --shared)`
  return [item.state === 'undoable' ? '' : printable(item.why), shared].filter((text) => text !== '').join('; ')
}
