import type { OutboxChannelView, OutboxMessageView } from '@signalbox/protocol'
import { type Command, Option } from 'commander'
import { intOption } from './ask.ts'
import { type Shell, withClient, withShared } from './context.ts'
import { time, who } from './format.ts'
import { type Output, printable, table } from './output.ts'

/** Adds `outbox`: messages to people outside, and what became of them. */
export function addOutboxCommands(program: Command, shell: Shell): void {
  const group = program
    .command('outbox')
    .description('messages to the channels of the project, and what became of them')
  withShared(group.command('list'))
    .description('channels, and their messages newest first')
    .option('--channel <name>', 'of one channel')
    .addOption(new Option('--state <state>', 'of one state').choices(['queued', 'delivered', 'dead', 'dropped']))
    .option('--limit <n>', 'how many messages', intOption('--limit', 1, 500), 20)
    .action(async (query: { channel?: string; state?: string; limit: number }, command: Command) => {
      const { channel, state, limit } = query
      await withClient(command, shell, async ({ client, out }) => {
        const found = await client.outbox({
          query: { limit, ...(channel === undefined ? {} : { channel }), ...(state === undefined ? {} : { state }) },
        })
        out.data(found)
        out.text(listText(found.channels, found.messages, out))
      })
    })
  withShared(group.command('retry <channel> <id>'))
    .description('send a message again, from its first attempt on')
    .action(async (channel: string, id: string, _options: unknown, command: Command) => {
      await withClient(command, shell, async ({ client, out, direct }) => {
        out.data(await client.retryMessage({ body: { channel, id } }))
        out.text(`queued again: ${printable(id)}${laterText(direct)}`)
      })
    })
  withShared(group.command('drop <channel> <id>'))
    .description('give a message up')
    .requiredOption('--reason <text>', 'why; stored with your name')
    .action(async (channel: string, id: string, { reason }: { reason: string }, command: Command) => {
      await withClient(command, shell, async ({ client, out }) => {
        out.data(await client.dropMessage({ body: { channel, id, reason } }))
        out.text(`dropped: ${printable(id)}`)
      })
    })
  withShared(group.command('enable <channel>'))
    .description('use a channel again that was disabled because its receiver is gone')
    .action(async (channel: string, _options: unknown, command: Command) => {
      await withClient(command, shell, async ({ client, out }) => {
        out.data(await client.enableChannel({ body: { channel } }))
        out.text(`enabled: ${printable(channel)}`)
      })
    })
  withShared(group.command('test <channel>'))
    .description('send a message that says that the channel works')
    .action(async (channel: string, _options: unknown, command: Command) => {
      await withClient(command, shell, async ({ client, out, direct }) => {
        const { id } = await client.testChannel({ body: { channel } })
        out.data({ channel, id })
        out.text(`queued: ${id}; see \`signalbox outbox list --channel ${channel}\`${laterText(direct)}`)
      })
    })
}

function laterText(direct: boolean): string {
  return direct ? '\nNo server runs here: the next one sends it.' : ''
}

function listText(channels: readonly OutboxChannelView[], messages: readonly OutboxMessageView[], out: Output): string {
  if (channels.length === 0 && messages.length === 0)
    return 'the project declares no channels: add `notifications` to its defineProject'
  const head = channels.map((each) => channelText(each, out))
  if (messages.length === 0) return [...head, '', 'no messages'].join('\n')
  const rows = table(
    messages,
    [
      { title: 'made (utc)', of: (row) => time(row.created_at) },
      { title: 'channel', of: (row) => printable(row.channel) },
      { title: 'state', of: (row) => row.state },
      { title: 'tries', of: (row) => String(row.attempts), right: true },
      { title: 'tells', of: tellsText },
      { title: 'id', of: (row) => printable(row.id) },
      { title: 'detail', of: detailText, grow: true },
    ],
    out.width,
  )
  return [...head, '', rows].join('\n')
}

function channelText({ name, kind, severity, disabled_at: disabled, detail }: OutboxChannelView, out: Output): string {
  const state =
    disabled === null
      ? out.color.green('in use')
      : out.color.red(`disabled since ${time(disabled)}: ${printable(detail)}`)
  return `${out.color.bold(printable(name))}  ${kind}, from ${severity} on, ${state}`
}

function tellsText({ kinds, notices }: OutboxMessageView): string {
  return notices > 1 ? `${notices} notices` : (kinds[0] ?? '')
}

function detailText({ detail, changed_by: by, state, next_at: next }: OutboxMessageView): string {
  const person = by === 'outbox' ? '' : `by ${who(by)}`
  const again = state === 'queued' && next !== null && detail !== '' ? `again at ${time(next)}` : ''
  return printable([person, detail, again].filter((part) => part !== '').join('  '))
}
