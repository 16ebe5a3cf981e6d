import { ALERT_KINDS, systemHost } from 'signalbox'
import { defaultConfigPath, loadProject, tryAlert } from '@signalbox/server'
import { type Command, Option } from 'commander'
import { ERROR_TABLE, SignalboxError } from 'signalbox/errors'
import { alertDetailText, alertListText, alertRulesText, alertText } from './alert-views.ts'
import { intOption } from './ask.ts'
import { type Shell, withClient, withShared } from './context.ts'
import { outputOf } from './output.ts'

const STATES = ['open', 'acknowledged', 'silenced', 'resolved', 'unresolved', 'all']

/** Adds `alerts`: what went wrong, and what people do with it. */
export function addAlertCommands(program: Command, shell: Shell): void {
  const group = program.command('alerts').description('what went wrong: alerts with what they saw, and what to do')
  withShared(group.command('list'))
    .description('alerts, the newest opening first; without --state those that are not resolved')
    .addOption(new Option('--state <state>', 'of one state').choices(STATES).default('unresolved'))
    .addOption(new Option('--severity <severity>', 'of one severity').choices(['page', 'ticket', 'info']))
    .option('--kind <kind>', 'of one kind; see `signalbox alerts rules`')
    .option('--workflow <name>', 'about one workflow')
    .option('--limit <n>', 'how many', intOption('--limit', 1, 500), 50)
    .action(async (query: AlertQuery, command: Command) => {
      await withClient(command, shell, async ({ client, out }) => {
        const { state, severity, kind, workflow, limit } = query
        const found = await client.alerts({
          query: {
            ...{ state, limit },
            ...(severity === undefined ? {} : { severity }),
            ...(kind === undefined ? {} : { kind }),
            ...(workflow === undefined ? {} : { workflow }),
          },
        })
        out.data(found)
        out.text(alertListText(found, out))
      })
    })
  withShared(group.command('show <id>'))
    .description('one alert: what it saw, its limits, the records behind it, its history, and the runbook')
    .action(async (id: string, _options: unknown, command: Command) => {
      await withClient(command, shell, async ({ client, out }) => {
        const found = await client.alert({ params: { id } })
        out.data(found)
        out.text(alertDetailText(found, out))
      })
    })
  addActs(group, shell)
  withShared(group.command('rules'))
    .description('every kind: what is looked at, limits, severity, and the kill switches that rules throw')
    .action(async (_options: unknown, command: Command) => {
      await withClient(command, shell, async ({ client, out }) => {
        const found = await client.alertRules()
        out.data(found)
        out.text(alertRulesText(found.rules, out))
      })
    })
  addTest(group, shell)
}

interface AlertQuery {
  readonly state: string
  readonly severity?: string
  readonly kind?: string
  readonly workflow?: string
  readonly limit: number
}

/** What people do with an alert. */
function addActs(group: Command, shell: Shell): void {
  withShared(group.command('ack <id>'))
    .description('say that you have taken it up')
    .option('--reason <text>', 'what you do; stored with your name', '')
    .action(async (id: string, { reason }: { reason: string }, command: Command) => {
      await withClient(command, shell, async ({ client, out }) => {
        const row = await client.acknowledgeAlert({ params: { id }, body: { reason } })
        out.data(row)
        out.text(alertText(row, out))
      })
    })
  withShared(group.command('silence <id>'))
    .description('tell nobody of it for a time; it opens again after it when the condition still holds')
    .requiredOption('--for <minutes>', 'how long, in minutes', intOption('--for', 1, 43_200))
    .requiredOption('--reason <text>', 'why; stored with your name')
    .action(async (id: string, options: { for: number; reason: string }, command: Command) => {
      await withClient(command, shell, async ({ client, out }) => {
        const body = { reason: options.reason, for_seconds: options.for * 60 }
        const row = await client.silenceAlert({ params: { id }, body })
        out.data(row)
        out.text(alertText(row, out))
      })
    })
  withShared(group.command('resolve <id>'))
    .description('say that it is over; refused while the condition still holds')
    .requiredOption('--reason <text>', 'what was found and done; stored with your name')
    .action(async (id: string, { reason }: { reason: string }, command: Command) => {
      await withClient(command, shell, async ({ client, out }) => {
        const row = await client.resolveAlert({ params: { id }, body: { reason } })
        out.data(row)
        out.text(alertText(row, out))
      })
    })
}

/** `alerts test` needs neither server nor store. */
function addTest(group: Command, shell: Shell): void {
  group
    .command('test [kinds...]')
    .description(
      'plant the condition of each kind in a store of its own, and see that it fires, is delivered, and is quiet on what comes close; without kinds all of them',
    )
    .option('--json', 'write one JSON value to stdout and nothing else')
    .option('--config <file>', 'project file whose limits are used; default ./signalbox.config.ts where there is one')
    .action(async (names: readonly string[], options: { json?: boolean; config?: string }) => {
      const out = outputOf(shell.terminal, options.json === true)
      const unknown = names.find((name) => !ALERT_KINDS.some((kind) => kind === name))
      if (unknown !== undefined)
        throw new SignalboxError('USAGE', `\`${unknown}\` is no kind of alert: take ${ALERT_KINDS.join(', ')}`)
      const config = options.config ?? defaultConfigPath('.')
      const alerts = config === null ? undefined : (await loadProject(config)).alerts
      const kinds = ALERT_KINDS.filter((kind) => names.length === 0 || names.includes(kind))
      const results = []
      for (const kind of kinds) {
        const { fired, delivered, quiet } = await tryAlert(kind, alerts, systemHost)
        const result = { kind, fired: fired !== null, delivered: delivered !== null, quiet_on_near_miss: quiet }
        const isSound = result.fired && result.delivered && quiet
        results.push({ ...result, ok: isSound })
        const mark = isSound ? out.color.green('ok  ') : out.color.red('FAIL')
        out.text(`${mark}  ${kind}  ${isSound ? 'fires, is delivered, is quiet on its near miss' : faultOf(result)}`)
      }
      out.data({ results })
      if (results.some((each) => !each.ok)) shell.setExitCode(ERROR_TABLE.AUDIT_FAILED.exit)
    })
}

function faultOf(result: { fired: boolean; delivered: boolean; quiet_on_near_miss: boolean }): string {
  if (!result.fired) return "does not fire on its planted condition: see the project's limits for it"
  if (!result.delivered) return 'fires, and its message did not arrive'
  return 'fires on its near miss'
}
