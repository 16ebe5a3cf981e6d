import {
  DRILL_FAULTS,
  type DrillFault,
  type DrillPlace,
  defaultConfigPath,
  drillProject,
  type GateResult,
  gateProject,
  type RestoreReport,
  STAGE_NAMES,
} from '@signalbox/server'
import { type Command, Option } from 'commander'
import { keepAlive, SignalboxError, systemHost } from 'signalbox'
import { intOption } from './ask.ts'
import { addExercises } from './commands-exercises.ts'
import { addIncident } from './commands-incident.ts'
import type { Shell } from './context.ts'
import { time } from './format.ts'
import { type Output, outputOf, printable } from './output.ts'

/** What every command of the group takes. */
export interface DrillShared {
  readonly config?: string
  readonly data: string
  readonly json?: boolean
}

interface GateFlags extends DrillShared {
  readonly gate?: boolean
  readonly maxAgeDays: number
  readonly publicKey?: string
}

interface RestoreFlags extends GateFlags {
  readonly workflow?: string
  readonly kills?: number
  readonly everyStage?: boolean
  readonly seed: number
  readonly plant?: DrillFault
}

/** Kills in each stage when no number is given. */
const PER_STAGE = 3

/** Adds `drill`: exercises on copies of a project in temporary folders. They touch no data folder that is in use. */
export function addDrillCommands(program: Command, shell: Shell): void {
  const group = withGate(
    withDrillOptions(
      program.command('drill').description('prove recovery: kill workers, restore, compare; release gate'),
    ),
  ).action(async (_: unknown, command: Command) => {
    const options = command.opts<GateFlags>()
    if (!options.gate)
      throw new SignalboxError(
        'USAGE',
        'a command is missing: `signalbox drill restore`, or `--gate` to check the last report',
      )
    await showGate(options, shell)
  })
  withGate(
    drillCommand(group, 'restore', 'kill workers in every stage of the door, restore in fresh processes, compare'),
  )
    .option('--workflow <name>', 'only this workflow')
    .option('--kills <n>', 'workers killed for each workflow', intOption('--kills', 1, 10_000))
    .option('--every-stage', `${PER_STAGE} kills in every stage; what is done when no number is given`)
    .option('--seed <n>', 'chooses inputs and points', intOption('--seed', 0, 2_000_000_000), 1)
    .addOption(
      new Option('--plant <fault>', 'break a promise on purpose, to see that the drill finds it').choices(DRILL_FAULTS),
    )
    .action(async (_: unknown, command: Command) => {
      const options = command.optsWithGlobals<RestoreFlags>()
      if (options.gate) await showGate(options, shell)
      else await restore(options, shell)
    })
  addExercises(group, shell, drillCommand, place)
  addIncident(group, shell, drillCommand, place)
}

/** A command of the group, with the options that all of them have. */
function drillCommand(group: Command, name: string, description: string): Command {
  return withDrillOptions(group.command(name).description(description))
}

function withDrillOptions(command: Command): Command {
  return command
    .option('--json', 'write one JSON value to stdout and nothing else')
    .option('--config <file>', 'project file; default ./signalbox.config.ts')
    .option('--data <folder>', 'data folder, for the audit key; also SIGNALBOX_AUDIT_KEY', './.signalbox')
}

function withGate(command: Command): Command {
  return command
    .option('--gate', 'fail unless the last report is signed, passed, young, and about this very build')
    .option('--max-age-days <n>', 'how old the report may be', intOption('--max-age-days', 1, 3_650), 7)
    .option('--public-key <file>', 'whose signature counts; default: the key of the environment or the data folder')
}

/** Path of the project that is drilled. Throws CONFIG_INVALID when there is none. */
export function drilledConfig(options: { readonly config?: string }): string {
  const path = options.config ?? defaultConfigPath(process.cwd())
  if (path !== null) return path
  throw new SignalboxError(
    'CONFIG_INVALID',
    'there is no signalbox.config.ts in this folder: write one with defineProject, or name it with --config',
  )
}

async function showGate(options: GateFlags, shell: Shell): Promise<void> {
  const out = outputOf(shell.terminal, options.json === true)
  const { failures, report } = await gateProject({
    ...place(options, shell),
    maxAgeDays: options.maxAgeDays,
    publicKey: options.publicKey ?? null,
  })
  out.data({
    open: failures.length === 0,
    failures,
    report: report && { made_at: report.made_at, kills: report.kills },
  })
  for (const line of gateLines({ failures, report }, out)) out.text(line)
  if (failures.length > 0) shell.setExitCode(4)
}

function gateLines({ failures, report }: GateResult, out: Output): string[] {
  const { color } = out
  if (failures.length > 0)
    return [color.red('the release gate is closed'), ...failures.map((each) => `  ${printable(each)}`)]
  const made = report === null ? '' : `: ${report.kills} kills, drilled ${time(report.made_at)} UTC`
  return [color.green(`the release gate is open${made}`)]
}

async function restore(options: RestoreFlags, shell: Shell): Promise<void> {
  if (options.kills !== undefined && options.everyStage)
    throw new SignalboxError('USAGE', '`--kills` and `--every-stage` both say how many: give one of them')
  const out = outputOf(shell.terminal, options.json === true)
  const release = keepAlive()
  try {
    const { report, path } = await drillProject({
      ...place(options, shell),
      workflow: options.workflow ?? null,
      kills: options.kills ?? PER_STAGE * STAGE_NAMES.length,
      seed: options.seed,
      planted: options.plant ?? null,
      log: (line) => out.note(line),
    })
    out.data({ path, report })
    out.text(reportLines(report, path, out).join('\n'))
    if (report.result === 'failed') shell.setExitCode(6)
  } finally {
    release()
  }
}

function place(options: DrillShared, shell: Shell): DrillPlace {
  return { configPath: drilledConfig(options), dataDir: options.data, env: shell.terminal.env, host: systemHost }
}

function reportLines(report: RestoreReport, path: string | null, { color }: Output): string[] {
  const stages = Object.entries(report.kills_per_stage).map(
    ([stage, kills]) => `  ${stage.padEnd(28)}${String(kills).padStart(4)}`,
  )
  const { p50, p95 } = report.mttr_ms
  const remarks = report.drills.flatMap((each) => [
    ...each.stages_missing.map((stage) => `${each.workflow}: no input comes to the stage \`${stage}\``),
    ...each.unrecorded_tools.map(
      (tool) => `${each.workflow}: effects of \`${tool}\` have no outside record to compare with`,
    ),
    ...(each.flush.checked ? [] : [`${each.workflow}: flushes were not watched, strace is not there`]),
    ...(each.not_reached > 0 ? [`${each.workflow}: ${each.not_reached} planned kills found their run ended`] : []),
  ])
  const findings = report.drills.flatMap((each) =>
    each.findings.map((found) => `  ${found.kind}  ${printable(found.detail)}`),
  )
  const isPassed = report.result === 'passed'
  return [
    'workers killed, by stage of the door',
    ...stages,
    `recovered in ${seconds(p50)} (half of them), ${seconds(p95)} (95 of 100), from the kill to the next process's first record`,
    `${report.lost} lost, ${report.doubled} doubled, ${report.budgets_refilled} budgets refilled`,
    ...remarks.map((each) => color.dim(printable(each))),
    ...findings,
    isPassed ? color.green('passed') : color.red(`failed: ${findings.length} findings`),
    path === null ? 'a fault was planted: no report is written' : `report: ${path}`,
  ]
}

function seconds(ms: number | null): string {
  return ms === null ? '?' : `${(ms / 1_000).toFixed(1)} s`
}
