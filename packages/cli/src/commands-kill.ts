import { writeFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import type { Client, KillSwitchView, SwitchStatusView } from '@signalbox/protocol'
import { STOP_FILE } from '@signalbox/server'
import { Argument, type Command, Option } from 'commander'
import { SWITCH_MODES, SWITCH_SCOPES, sleep, systemHost } from 'signalbox'
import { ERROR_TABLE, SignalboxError } from 'signalbox/errors'
import { intOption } from './ask.ts'
import { type CommandContext, type Shell, withClient, withShared } from './context.ts'
import { time, who } from './format.ts'
import { type Output, outputOf, printable, table } from './output.ts'

type Scope = KillSwitchView['scope']

interface EngageOptions {
  readonly reason: string
  readonly mode: KillSwitchView['mode']
  readonly expires?: number
  readonly dryRun?: boolean
  readonly wait?: number | true
  readonly local?: boolean
  readonly data: string
  readonly json?: boolean
}

/** How long `--wait` waits when no number is given, in seconds. */
const WAIT_SECONDS = 15
const LOOK_MS = 100

/** Adds `kill` (also `kill-switch`): stop things, see who heard of it, let go. */
export function addKillCommands(program: Command, shell: Shell): void {
  const group = program
    .command('kill')
    .alias('kill-switch')
    .description('stop or pause runs, tools, classes, servers, or everything; see which workers know')
  addEngage(group, shell)
  withShared(group.command('lift <id>'))
    .description('let go of one; where that takes two persons, the second one confirms in the same way')
    .requiredOption('--reason <text>', 'why; stored with your name')
    .action(async (id: string, { reason }: { reason: string }, command: Command) => {
      await withClient(command, shell, async ({ client, out }) => {
        const answer = await client.liftKillSwitch({ params: { id }, body: { reason } })
        out.data(answer)
        out.text(answer.lifted ? `lifted ${id}` : `${id} still stands: a second person must lift it too`)
      })
    })
  withShared(group.command('list'))
    .description('list them, newest first')
    .action(async (_options: unknown, command: Command) => {
      await withClient(command, shell, async ({ client, out }) => {
        const { kill_switches: switches } = await client.killSwitches()
        out.data({ kill_switches: switches })
        out.text(switches.length === 0 ? 'no kill switch' : switchesText(switches, out))
      })
    })
  withShared(group.command('status [id]'))
    .description('which workers act on the switches in force; exit code 5 while a live one does not')
    .action(async (id: string | undefined, _options: unknown, command: Command) => {
      await withClient(command, shell, async ({ client, out }) => {
        const status = await client.switchStatus(id === undefined ? {} : { query: { id } })
        out.data(status)
        out.text(statusText(status, out))
        if (status.switches.some(({ acknowledged }) => !acknowledged))
          shell.setExitCode(ERROR_TABLE.SWITCHES_STALE.exit)
      })
    })
  withShared(group.command('history'))
    .description('throws, lifts and overrides, oldest first; exit code 6 when the chain does not verify')
    .action(async (_options: unknown, command: Command) => {
      await withClient(command, shell, async (context) => showHistory(context, shell))
    })
}

function addEngage(group: Command, shell: Shell): void {
  withShared(
    group
      .command('engage', { isDefault: true })
      .addArgument(new Argument('<scope>').choices([...SWITCH_SCOPES]))
      .argument('[target]', 'workflow, tool, class or server name, or run id; none for tenant and global'),
  )
    .description('throw one: `signalbox kill tool payments.pay --reason "…"`')
    .requiredOption('--reason <text>', 'why; stored with your name')
    .addOption(
      new Option(
        '--mode <mode>',
        'stop_now refuses sends and ends runs, pause holds them up, stop_new refuses new runs',
      )
        .choices([...SWITCH_MODES])
        .default('stop_now'),
    )
    .option('--expires <seconds>', 'lifts itself', intOption('--expires', 1, 31_536_000))
    .option('--dry-run', 'tell what it would touch, and throw nothing')
    .option('--wait [seconds]', 'return when every live worker acts on it', intOption('--wait', 1, 3_600))
    .option('--local', 'write the stop file of the data folder: works on this machine without server and database')
    .action(async (scope: Scope, given: string | undefined, options: EngageOptions, command: Command) => {
      const target = given ?? (scope === 'tenant' || scope === 'global' ? '*' : '')
      if (target === '') throw new SignalboxError('USAGE', `the ${scope} to stop is missing: \`kill ${scope} <name>\``)
      if (options.local) {
        stopHere(scope, target, options, shell)
        return
      }
      await withClient(command, shell, async (context) => {
        if (options.dryRun) await showRadius(context, scope, target)
        else await engage(context, { scope, target, options, shell })
      })
    })
}

interface Engage {
  readonly scope: Scope
  readonly target: string
  readonly options: EngageOptions
  readonly shell: Shell
}

async function engage({ client, out }: CommandContext, { scope, target, options, shell }: Engage): Promise<void> {
  const { reason, mode, expires, wait } = options
  const expiry = expires === undefined ? {} : { expires_in_seconds: expires }
  const row = await client.engageKillSwitch({ body: { scope, target, mode, reason, ...expiry } })
  const lift = `lift with: signalbox kill lift ${row.id} --reason "…"`
  if (wait === undefined) {
    out.data(row)
    out.text(`engaged ${row.id}: ${row.scope} ${printable(row.target)}, ${row.mode}; ${lift}`)
    return
  }
  const status = await untilAcknowledged(client, row.id, (wait === true ? WAIT_SECONDS : wait) * 1_000)
  out.data({ ...row, ...status.switches[0] })
  out.text(
    [`engaged ${row.id}: ${row.scope} ${printable(row.target)}, ${row.mode}; ${lift}`, statusText(status, out)].join(
      '\n',
    ),
  )
  if (!status.switches.every(({ acknowledged }) => acknowledged)) shell.setExitCode(ERROR_TABLE.SWITCHES_STALE.exit)
}

/** The last status that was read: of success, or of when the time was up. */
async function untilAcknowledged(client: Client, id: string, ms: number): Promise<SwitchStatusView> {
  const until = systemHost.monotonicMs() + ms
  for (;;) {
    const status = await client.switchStatus({ query: { id } })
    if (status.switches.every(({ acknowledged }) => acknowledged) || systemHost.monotonicMs() >= until) return status
    await sleep(systemHost, LOOK_MS)
  }
}

/** The second channel: nothing is asked, so that it works when nothing answers. */
function stopHere(
  scope: Scope,
  target: string,
  { reason, mode, data, json, dryRun }: EngageOptions,
  shell: Shell,
): void {
  const path = join(resolve(data), STOP_FILE)
  const out = outputOf(shell.terminal, json === true)
  const stop = { scope, target, mode, reason, by: `local:${process.env.USER ?? 'unknown'}` }
  if (!dryRun) writeFileSync(path, `${JSON.stringify(stop)}\n`, { mode: 0o600 })
  out.data({ path, ...stop })
  out.text(
    dryRun
      ? `would write ${path}`
      : `wrote ${path}: workers of this data folder stop at their next send; remove the file to let go of it here, and lift the switch that it became`,
  )
}

async function showRadius({ client, out }: CommandContext, scope: Scope, target: string): Promise<void> {
  const radius = await client.blastRadius({ query: { scope, target } })
  out.data(radius)
  const more = radius.cut ? ' or more' : ''
  const lines = [
    `${scope} ${printable(target)} would touch`,
    `  ${radius.open_runs}${more} open runs${listed(radius.runs.map((run) => `${run.run_id} ${run.status}`))}`,
    `  ${radius.waiting_approvals} waiting approvals${listed(radius.approvals.map((one) => `${one.approval_id} ${one.tool}`))}`,
    `  ${radius.effects_in_flight} effects in flight${listed(radius.in_flight.map((one) => `${one.run_id} ${one.tool} ${one.state}`))}`,
    `  ${radius.schedules.length} schedules${listed(radius.schedules)}`,
    'nothing was thrown',
  ]
  out.text(lines.join('\n'))
}

function listed(names: readonly string[]): string {
  return names.length === 0 ? '' : `: ${names.slice(0, 5).map(printable).join(', ')}${names.length > 5 ? ', …' : ''}`
}

async function showHistory({ client, out }: CommandContext, shell: Shell): Promise<void> {
  const history = await client.switchHistory()
  out.data(history)
  const lines = history.events.map(
    (event) =>
      `${time(event.at)}  ${event.kind.padEnd(18)} ${event.switch_id}  ${event.scope} ${printable(event.target)} ${event.mode}  ${who(event.by)}: ${printable(event.reason)}`,
  )
  const state = history.ok ? out.color.green('verified') : out.color.red('does not verify')
  out.text([...lines, `${history.events.length} events, ${state}`, ...history.findings.map(printable)].join('\n'))
  if (!history.ok) shell.setExitCode(ERROR_TABLE.AUDIT_FAILED.exit)
}

function statusText({ switches, unreviewed_overrides: overrides }: SwitchStatusView, out: Output): string {
  const { color } = out
  const lines = switches.flatMap(({ kill_switch: row, workers, acknowledged }) => [
    `${row.id}  ${row.scope} ${printable(row.target)}, ${row.mode}, by ${who(row.by)}: ${printable(row.reason)}`,
    ...workers
      .filter(({ state }) => state !== 'ended')
      .map(({ worker, state, at, seen_at: seen }) => {
        if (state === 'acknowledged') return `  ${worker}  ${color.green('acts on it')} since ${time(at)}`
        if (state === 'dead')
          return `  ${worker}  ${color.yellow('silent')} since ${time(seen)}; sends nothing before it has read it`
        return `  ${worker}  ${color.red('not yet')}, last heard of ${time(seen)}`
      }),
    acknowledged ? '  every live worker acts on it' : color.red('  not every live worker acts on it'),
  ])
  if (switches.length === 0) lines.push('no kill switch is in force')
  if (overrides > 0)
    lines.push(color.yellow(`${overrides} overrides that nobody has reviewed: signalbox override list`))
  return lines.join('\n')
}

function switchesText(switches: readonly KillSwitchView[], out: Output): string {
  return table(
    switches,
    [
      { title: 'id', of: (row) => row.id },
      { title: 'state', of: stateOf },
      { title: 'stops', of: (row) => `${row.scope} ${row.target}`, grow: true },
      { title: 'mode', of: (row) => row.mode },
      { title: 'by', of: (row) => who(row.by) },
    ],
    out.width,
  )
}

function stateOf(row: KillSwitchView): string {
  if (!row.engaged) return row.lifted_at === null ? 'expired' : 'lifted'
  return row.lift_asked_by === null ? 'engaged' : 'lift asked'
}
