import type { FiringView, ScheduleView } from '@signalbox/protocol'
import type { Command } from 'commander'
import { intOption } from './ask.ts'
import { type Shell, withClient, withShared } from './context.ts'
import { time, who } from './format.ts'
import { type Output, printable, table } from './output.ts'

/** Adds `schedule`: what happens at set times, and how it went. */
export function addScheduleCommands(program: Command, shell: Shell): void {
  const group = program.command('schedule').description('what happens at set times, and how it went')
  withShared(group.command('list'))
    .description('schedules with their next due time and last outcome')
    .action(async (_options: unknown, command: Command) => {
      await withClient(command, shell, async ({ client, out }) => {
        const { schedules } = await client.schedules()
        out.data({ schedules })
        out.text(schedules.length === 0 ? 'the project declares no schedules' : listText(schedules, out))
      })
    })
  withShared(group.command('show <name>'))
    .description('one schedule with its history, newest first')
    .option('--limit <n>', 'entries of the history', intOption('--limit', 1, 500), 20)
    .action(async (name: string, { limit }: { limit: number }, command: Command) => {
      await withClient(command, shell, async ({ client, out }) => {
        const schedule = await client.schedule({ params: { id: name }, query: { limit } })
        out.data(schedule)
        out.text(showText(schedule, out))
      })
    })
  withShared(group.command('run <name>'))
    .description('fire it now, beside its due times')
    .action(async (name: string, _options: unknown, command: Command) => {
      await withClient(command, shell, async ({ client, out, direct }) => {
        const firing = await client.runSchedule({ params: { id: name }, body: {} })
        out.data(firing)
        out.text(`asked for: ${firing.id}; see \`signalbox schedule show ${name}\``)
        if (direct) out.text('No server runs here: the next one carries it out.')
      })
    })
  addSwitch(group, shell, 'pause', 'let its due times pass without firing')
  addSwitch(group, shell, 'resume', 'fire again from now on; what passed meanwhile does not')
}

function addSwitch(group: Command, shell: Shell, verb: 'pause' | 'resume', description: string): void {
  withShared(group.command(`${verb} <name>`))
    .description(description)
    .requiredOption('--reason <text>', 'why; stored with your name')
    .action(async (name: string, { reason }: { reason: string }, command: Command) => {
      await withClient(command, shell, async ({ client, out }) => {
        const call = { params: { id: name }, body: { reason } }
        out.data(await (verb === 'pause' ? client.pauseSchedule(call) : client.resumeSchedule(call)))
        out.text(`${verb}d ${name}`)
      })
    })
}

function nextText(schedule: ScheduleView): string {
  return schedule.paused ? 'paused' : schedule.next_at === null ? 'never' : time(schedule.next_at)
}

function listText(schedules: readonly ScheduleView[], out: Output): string {
  const lastOf = (row: ScheduleView): FiringView | undefined => row.firings.find((each) => each.kind !== 'change')
  return table(
    schedules,
    [
      { title: 'name', of: (row) => row.name },
      { title: 'when', of: (row) => row.when, grow: true },
      { title: 'does', of: (row) => `${row.does.kind === 'job' ? 'job ' : ''}${row.does.name}` },
      { title: 'next (utc)', of: nextText },
      { title: 'last', of: (row) => lastOf(row)?.state ?? 'never' },
    ],
    out.width,
  )
}

function showText(schedule: ScheduleView, out: Output): string {
  const { name, when, does, next_at, paused, catch_up, overlap, timeout_seconds, firings } = schedule
  const head = [
    `${out.color.bold(name)}  ${when}`,
    `  does      ${does.kind === 'job' ? `job ${does.name}` : `starts ${does.name}`}`,
    `  next      ${paused ? out.color.yellow('paused') : next_at === null ? 'never' : `${time(next_at)} UTC`}`,
    `  rules     catch up ${catch_up}, overlap ${overlap}, at most ${timeout_seconds} s`,
  ]
  if (firings.length === 0) return [...head, '', 'no server has seen it yet'].join('\n')
  const history = table(
    firings,
    [
      { title: 'due (utc)', of: (row) => time(row.due_at) },
      { title: 'what', of: (row) => (row.kind === 'slot' ? 'due' : row.kind === 'manual' ? 'by hand' : 'change') },
      { title: 'end', of: (row) => row.state },
      { title: 'took', of: (row) => tookText(row), right: true },
      { title: 'detail', of: detailText, grow: true },
    ],
    out.width,
  )
  return [...head, '', history].join('\n')
}

function tookText({ duration_ms }: FiringView): string {
  return duration_ms === null ? '' : `${(duration_ms / 1_000).toFixed(1)} s`
}

function detailText(row: FiringView): string {
  const by = row.by === 'schedule' ? '' : `by ${who(row.by)}`
  const run = row.run_id ?? ''
  const code = row.code ?? ''
  return printable([by, run, code, row.detail].filter((part) => part !== '').join('  '))
}
