import { VERSION } from '@signalbox/server'
import { Command, CommanderError } from 'commander'
import { SignalboxError, toSignalboxError } from 'signalbox/errors'
import { addAccessCommands } from './commands-access.ts'
import { addDevCommand } from './commands-dev.ts'
import { addDoctorCommand } from './commands-doctor.ts'
import { addDrillCommands } from './commands-drill.ts'
import { addEffectsCommand } from './commands-facts.ts'
import { addPeopleCommands } from './commands-people.ts'
import { addAlertCommands } from './commands-alerts.ts'
import { addApprovalCommands, APPROVAL_VERBS } from './commands-approvals.ts'
import { addBudgetCommands } from './commands-budget.ts'
import { addCostCommands } from './commands-cost.ts'
import { addPriceCommands } from './commands-prices.ts'
import { addCompensateCommand } from './commands-compensate.ts'
import { addMoveCommands } from './commands-moves.ts'
import { addPolicyCommands } from './commands-policy.ts'
import { addPolicyAuthorCommands } from './commands-policy-author.ts'
import { addReleaseCommands } from './commands-release.ts'
import { addLineageCommands } from './commands-lineage.ts'
import { addRunCommands } from './commands-runs.ts'
import { addOutboxCommands } from './commands-outbox.ts'
import { addScheduleCommands } from './commands-schedule.ts'
import { addStatusCommand } from './commands-status.ts'
import { addStoreCommands } from './commands-store.ts'
import { addSystemCommands } from './commands-system.ts'
import { addToolCommands } from './commands-tools.ts'
import { addUpgradeCommands } from './commands-upgrade.ts'
import { addWorkflowCommands } from './commands-workflow.ts'
import { addSubjectCommands } from './commands-subject.ts'
import type { Shell } from './context.ts'
import { indented, type Terminal } from './output.ts'

const EXIT_CODES = `
Exit codes: 0 done, 1 unexpected fault, 2 usage or configuration, 3 not found, 4 refused or ended without output,
5 store or server, 6 a history does not verify, 7 credential or role.`

/** Runs one command line and gives its exit code. Errors are \`error CODE: message\` on stderr, and JSON with --json. */
export async function runCommandLine(args: readonly string[], terminal: Terminal): Promise<number> {
  let exitCode = 0
  const shell: Shell = { terminal, setExitCode: (code) => (exitCode = code) }
  try {
    await program(shell).parseAsync([...lineOf(args)], { from: 'user' })
    return exitCode
  } catch (thrown) {
    return report(thrown, args, terminal)
  }
}

/** What is done to a run, also under `run`. */
const VERBS: ReadonlySet<string> = new Set([
  'compensate',
  'fork',
  'release',
  'replay',
  'restore',
  'resume',
  'show',
  'explain',
  'cancel',
])

/** What is done to a build that is to be released. */
const RELEASE_VERBS: ReadonlySet<string> = new Set(['check', 'manifest'])

/** `run compensate <run>` and the like are the same as without `run`; no workflow is started by two words. */
function lineOf(args: readonly string[]): readonly string[] {
  const [first, second = '', third = '-'] = args
  // `release <run>` is about a run; nothing else takes these two words.
  if (first === 'release' && RELEASE_VERBS.has(second)) return ['releases', ...args.slice(1)]
  if (first === 'approvals') return approvalsLine(args)
  const isVerb = first === 'run' && VERBS.has(second) && !third.startsWith('-')
  return isVerb ? args.slice(1) : args
}

/** `approvals` takes an id, or the words of its own group. */
function approvalsLine([first = '', second = '', ...rest]: readonly string[]): readonly string[] {
  if (second === 'list' || second === 'show') return [first, ...rest]
  if (second === 'approve' || second === 'reject') return [second, ...rest]
  return APPROVAL_VERBS.has(second)
    ? ['approval', second, ...rest]
    : [first, ...(second === '' ? [] : [second]), ...rest]
}

function program(shell: Shell): Command {
  const { stdout } = shell.terminal
  const root = new Command('signalbox')
    .description('Run agents as governed workflows: every action decided, budgeted, on record and explainable.')
    .version(VERSION)
    .addHelpText('after', EXIT_CODES)
    .configureHelp({ showGlobalOptions: false })
  addDevCommand(root, shell)
  addRunCommands(root, shell)
  addLineageCommands(root, shell)
  addMoveCommands(root, shell)
  addCompensateCommand(root, shell)
  addBudgetCommands(root, shell)
  addCostCommands(root, shell)
  addPriceCommands(root, shell)
  addPeopleCommands(root, shell)
  addApprovalCommands(root, shell)
  addPolicyAuthorCommands(addPolicyCommands(root, shell), shell)
  addToolCommands(root, shell)
  addSystemCommands(root, shell)
  addDoctorCommand(root, shell)
  addScheduleCommands(root, shell)
  addAlertCommands(root, shell)
  addOutboxCommands(root, shell)
  addStatusCommand(root, shell)
  addEffectsCommand(root, shell)
  addAccessCommands(root, shell)
  addSubjectCommands(root, shell)
  addStoreCommands(root, shell)
  addDrillCommands(root, shell)
  addWorkflowCommands(root, shell)
  addUpgradeCommands(root, shell)
  addReleaseCommands(root, shell)
  for (const command of everyCommand(root)) {
    command
      .exitOverride()
      .showSuggestionAfterError(true)
      .configureOutput({
        writeOut: (text) => stdout.write(text),
        writeErr: () => undefined,
        outputError: () => undefined,
      })
  }
  return root
}

function everyCommand(root: Command): Command[] {
  return [root, ...root.commands.flatMap(everyCommand)]
}

const HELP = new Set(['commander.helpDisplayed', 'commander.version', 'commander.help'])

function report(thrown: unknown, args: readonly string[], terminal: Terminal): number {
  if (thrown instanceof CommanderError && HELP.has(thrown.code))
    return thrown.exitCode === 0 ? 0 : showHelp(args, terminal)
  const error = thrown instanceof CommanderError ? usageError(thrown) : toSignalboxError(thrown)
  terminal.stderr.write(`error ${error.code}: ${indented(error.message, '')}\n`)
  const hint = hintFor(error, args)
  if (hint !== null) terminal.stderr.write(`${hint}\n`)
  if (args.includes('--json')) {
    const { code, message, details } = error
    terminal.stdout.write(`${JSON.stringify({ error: { code, message, details } })}\n`)
  }
  return error.exitCode
}

/** A command group without a command: commander wants the help shown as an error. */
function showHelp(args: readonly string[], terminal: Terminal): number {
  terminal.stderr.write(`error USAGE: a command is missing: see \`signalbox ${[...args, '--help'].join(' ')}\`\n`)
  return 2
}

function usageError(error: CommanderError): SignalboxError {
  const message = error.message.replace(/^error: /, '').replace(/\n\(Did you mean (.+)\?\)$/, ': did you mean $1?')
  const quoted = message.replaceAll(/'([^']*)'/g, '`$1`')
  return new SignalboxError('USAGE', quoted)
}

function hintFor(error: SignalboxError, args: readonly string[]): string | null {
  if (error.code === 'FORBIDDEN' && !args.includes('--as') && !args.includes('--token'))
    return 'fix: say who you are with --as <person>, such as --as paul for an approval'
  if (error.code === 'USAGE') return 'fix: see `signalbox --help`'
  return null
}
