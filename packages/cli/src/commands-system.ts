import type { Audit, KillSwitchView } from '@signalbox/protocol'
import { Argument, type Command, Option } from 'commander'
import { intOption } from './ask.ts'
import { type Shell, withClient, withShared } from './context.ts'
import { who } from './format.ts'
import { type Output, printable, table } from './output.ts'

/** Adds the commands that verify histories and that stop things. */
export function addSystemCommands(program: Command, shell: Shell): void {
  addAudit(program, shell)
  addKillSwitches(program, shell)
}

function addAudit(program: Command, shell: Shell): void {
  const audit = program.command('audit').description('verify histories')
  withShared(audit.command('verify [run]'))
    .description('verify one history, or all: chain, sequence, end, meaning; exit code 6 when something is wrong')
    .action(async (id: string | undefined, _options: unknown, command: Command) => {
      await withClient(command, shell, async ({ client, out }) => {
        if (id !== undefined) {
          const result = await client.audit({ params: { id } })
          out.data(result)
          out.text(auditText(result, out))
          if (!result.ok) shell.setExitCode(6)
          return
        }
        const all = await client.auditAll()
        out.data(all)
        for (const failed of all.failed) out.text(auditText(failed, out))
        const sound = all.runs - all.failed.length
        out.text(`${sound} of ${all.runs} histories verified, ${all.records} records`)
        if (!all.ok) shell.setExitCode(6)
      })
    })
}

function auditText(audit: Audit, out: Output): string {
  const { color } = out
  if (audit.ok)
    return `${audit.run_id}  ${color.green('verified')}  ${audit.records} records, head ${audit.head.slice(0, 16)}`
  const findings = audit.findings.map((each) => `  record ${each.seq ?? '?'}: ${each.code}: ${printable(each.text)}`)
  return [`${audit.run_id}  ${color.red('does not verify')}  ${audit.records} records`, ...findings].join('\n')
}

function addKillSwitches(program: Command, shell: Shell): void {
  const group = program.command('kill-switch').description('stop tools, workflows or everything of a tenant')
  withShared(
    group
      .command('engage')
      .addArgument(new Argument('<scope>').choices(['tenant', 'workflow', 'tool', 'class']))
      .argument('[target]', 'workflow, tool or class name; none for tenant'),
  )
    .description('engage one')
    .requiredOption('--reason <text>', 'why; stored with your name')
    .addOption(
      new Option('--mode <mode>', 'stop_now refuses sends, stop_new refuses new runs')
        .choices(['stop_now', 'stop_new'])
        .default('stop_now'),
    )
    .option('--expires <seconds>', 'lifts itself', intOption('--expires', 1, 31_536_000))
    .action(
      async (scope: KillSwitchView['scope'], target: string | undefined, options: EngageOptions, command: Command) => {
        await withClient(command, shell, async ({ client, out }) => {
          const { reason, mode, expires } = options
          const expiry = expires === undefined ? {} : { expires_in_seconds: expires }
          const row = await client.engageKillSwitch({
            body: { scope, target: target ?? (scope === 'tenant' ? '*' : ''), mode, reason, ...expiry },
          })
          out.data(row)
          out.text(
            `engaged ${row.id}: ${row.scope} ${row.target}, ${row.mode}; lift with: signalbox kill-switch lift ${row.id} --reason "…"`,
          )
        })
      },
    )
  withShared(group.command('lift <id>'))
    .description('lift one')
    .requiredOption('--reason <text>', 'why; stored with your name')
    .action(async (id: string, { reason }: { reason: string }, command: Command) => {
      await withClient(command, shell, async ({ client, out }) => {
        out.data(await client.liftKillSwitch({ params: { id }, body: { reason } }))
        out.text(`lifted ${id}`)
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
}

interface EngageOptions {
  readonly reason: string
  readonly mode: KillSwitchView['mode']
  readonly expires?: number
}

function switchesText(switches: readonly KillSwitchView[], out: Output): string {
  return table(
    switches,
    [
      { title: 'id', of: (row) => row.id },
      { title: 'state', of: (row) => (row.engaged ? 'engaged' : 'lifted') },
      { title: 'stops', of: (row) => `${row.scope} ${row.target}`, grow: true },
      { title: 'mode', of: (row) => row.mode },
      { title: 'by', of: (row) => who(row.by) },
    ],
    out.width,
  )
}
