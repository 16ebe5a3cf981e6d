import {
  BACKUP_FAULTS,
  type BackupDrillResult,
  type BackupFault,
  backupProject,
  type DrillPlace,
  type ExerciseResult,
  KILL_ROUNDS,
  type KillDrillResult,
  type KillRoundResult,
  killOnProject,
  LOAD_FAULTS,
  type LoadDrillResult,
  type LoadFault,
  type LoadPhase,
  loadOnProject,
  SWITCH_FAULTS,
  type SwitchFault,
} from '@signalbox/server'
import { type Command, Option } from 'commander'
import { keepAlive } from 'signalbox'
import { intOption, numberOption } from './ask.ts'
import type { Shell } from './context.ts'
import { type Output, outputOf, printable, table } from './output.ts'

interface Flags {
  readonly config?: string
  readonly data: string
  readonly json?: boolean
  readonly workflow?: string
}

type Add = (group: Command, name: string, description: string) => Command
type Place = (options: Flags, shell: Shell) => DrillPlace

const PLANT = 'break a promise on purpose, to see that the drill finds it'

/** Adds `drill backup`, `drill load` and `drill kill`. */
export function addExercises(group: Command, shell: Shell, add: Add, place: Place): void {
  add(group, 'backup', 'copy a store that is being written, go on from the copy in fresh processes, compare')
    .option('--workflow <name>', 'only this workflow')
    .addOption(new Option('--plant <fault>', PLANT).choices(BACKUP_FAULTS))
    .action(async (_: unknown, command: Command) => {
      const options = command.optsWithGlobals<Flags & { plant?: BackupFault }>()
      const { workflow = null, plant: planted = null } = options
      await exercised(options, shell, backupLines, (log) =>
        backupProject({ ...place(options, shell), workflow, planted, log }),
      )
    })
  add(group, 'load', 'start runs at a rate that grows, is held and then doubled; measure, let all end, check')
    .option('--workflow <name>', 'only this workflow')
    .requiredOption('--rate <n>', 'starts per second that are held; twice as many at the end', rateOption)
    .option('--minutes <n>', 'how long starts are made', minutesOption, 1)
    .option('--workers <n>', 'worker processes', intOption('--workers', 1, 64), 2)
    .addOption(new Option('--plant <fault>', PLANT).choices(LOAD_FAULTS))
    .action(async (_: unknown, command: Command) => {
      const options = command.optsWithGlobals<
        Flags & { plant?: LoadFault; rate: number; minutes: number; workers: number }
      >()
      const { workflow = null, plant: planted = null, rate, minutes, workers } = options
      await exercised(options, shell, loadLines, (log) =>
        loadOnProject({ ...place(options, shell), workflow, planted, rate, seconds: minutes * 60, workers, log }),
      )
    })
  addKill(group, shell, add, place)
}

interface KillFlags extends Flags {
  readonly plant?: SwitchFault
  readonly scope?: string
  readonly mode?: string
  readonly runs: number
  readonly leaseSeconds?: number
}

function addKill(group: Command, shell: Shell, add: Add, place: Place): void {
  add(
    group,
    'kill',
    'throw kill switches over working processes; time the last effect outside, lift, let all end, check',
  )
    .option('--workflow <name>', 'only this workflow')
    .addOption(
      new Option('--scope <scope>', 'only this scope').choices([...new Set(KILL_ROUNDS.map((each) => each.scope))]),
    )
    .addOption(
      new Option('--mode <mode>', 'only this mode').choices([...new Set(KILL_ROUNDS.map((each) => each.mode))]),
    )
    .option('--runs <n>', 'runs under way at each throw', intOption('--runs', 1, 1_000), 24)
    .option(
      '--lease-seconds <n>',
      "lease of the workers' knowledge; default: the project's",
      numberOption('--lease-seconds', 0.2, 60),
    )
    .addOption(new Option('--plant <fault>', PLANT).choices(SWITCH_FAULTS))
    .action(async (_: unknown, command: Command) => {
      const options = command.optsWithGlobals<KillFlags>()
      const { workflow = null, plant: planted = null, scope, mode, runs, leaseSeconds = null } = options
      const rounds = KILL_ROUNDS.filter(
        (each) => (scope === undefined || each.scope === scope) && (mode === undefined || each.mode === mode),
      )
      await exercised(options, shell, killLines, (log) =>
        killOnProject({ ...place(options, shell), workflow, planted, rounds, runs, leaseSeconds, log }),
      )
    })
}

/** A number of starts per second, such as `0.5`. */
const rateOption = numberOption('--rate', 0.1, 1_000)
const minutesOption = numberOption('--minutes', 0.05, 600)

async function exercised<D>(
  options: Flags,
  shell: Shell,
  lines: (drill: D, out: Output) => string[],
  exercise: (log: (line: string) => void) => Promise<ExerciseResult<D>>,
): Promise<void> {
  const out = outputOf(shell.terminal, options.json === true)
  const release = keepAlive()
  try {
    const { passed, path, findings, drills } = await exercise((line) => out.note(line))
    out.data({ passed, path, findings, drills })
    for (const drill of drills) out.text(lines(drill, out).join('\n'))
    for (const found of findings) out.text(`  ${found.kind}  ${printable(found.detail)}`)
    out.text(passed ? out.color.green('passed') : out.color.red(`failed: ${findings.length} findings`))
    out.text(path === null ? 'a fault was planted: no report is written' : `report: ${path}`)
    if (!passed) shell.setExitCode(6)
  } finally {
    release()
  }
}

function backupLines(drill: BackupDrillResult): string[] {
  const { workflow, copied, backupMs, writtenMeanwhile, openEffects, repeated, repeatedTwice } = drill
  const again =
    repeated + repeatedTwice === 0
      ? []
      : [
          `  ${repeated} effects that the original sent after the copy were sent again under their keys; ${repeatedTwice} of all are twice outside now, since their targets do not honour the key`,
        ]
  return [
    printable(workflow),
    `  copied ${copied.runs} runs and ${copied.records} records in ${(backupMs / 1_000).toFixed(1)} s, while ${writtenMeanwhile} records were written`,
    `  in the copy ${copied.going} runs were going on, ${copied.waiting} waited for a person, ${openEffects} effects had no outcome`,
    '  every run of the copy was verified and went on to its end in fresh processes',
    ...again,
  ]
}

function loadLines(drill: LoadDrillResult, out: Output): string[] {
  const refused = Object.entries(drill.refused).map(([code, count]) => `${count} ${code}`)
  const { most, last } = drill.memory
  return [
    `${printable(drill.workflow)}: ${drill.rate} starts per second, then twice as many; times from when a run was due`,
    table(drill.phases, PHASES, out.width),
    `refused starts: ${refused.join(', ') || 'none'}`,
    `memory of all processes: ${megabytes(most)} at most, ${megabytes(last)} at the end`,
  ]
}

const PHASES = [
  { title: 'load', of: (row: LoadPhase) => row.name },
  { title: 'due', of: (row: LoadPhase) => String(row.due), right: true },
  { title: 'ended/s', of: (row: LoadPhase) => String(row.endedPerSecond), right: true },
  { title: 'queued p50', of: (row: LoadPhase) => seconds(row.queued.p50), right: true },
  { title: 'p95', of: (row: LoadPhase) => seconds(row.queued.p95), right: true },
  { title: 'took p50', of: (row: LoadPhase) => seconds(row.took.p50), right: true },
  { title: 'p95', of: (row: LoadPhase) => seconds(row.took.p95), right: true },
]

function killLines(drill: KillDrillResult, out: Output): string[] {
  const { workflow, leaseMs, rounds, acknowledged, lastEffect, late } = drill
  return [
    `${printable(workflow)}: a process may act on what it knows for ${leaseMs} ms; times in ms since the throw`,
    table(rounds, ROUNDS, out.width),
    `acknowledged after ${acknowledged.p50 ?? '?'} ms (half of them), ${acknowledged.max ?? '?'} ms at most`,
    `last effect outside after ${lastEffect.p50 ?? '?'} ms (half of them), ${lastEffect.max ?? '?'} ms at most; ${late} later than the lease`,
  ]
}

const ROUNDS = [
  { title: 'switch', of: (row: KillRoundResult) => row.scope },
  { title: 'mode', of: (row: KillRoundResult) => row.mode },
  { title: 'acknowledged', of: (row: KillRoundResult) => String(row.acknowledgedMs ?? '?'), right: true },
  { title: 'last effect', of: (row: KillRoundResult) => String(row.lastEffectMs ?? '-'), right: true },
  { title: 'late', of: (row: KillRoundResult) => String(row.late), right: true },
  { title: 'after the lift', of: (row: KillRoundResult) => String(row.heldUp), right: true },
]

function seconds(ms: number | null): string {
  return ms === null ? '?' : `${(ms / 1_000).toFixed(2)} s`
}

function megabytes(bytes: number | null): string {
  return bytes === null ? '?' : `${Math.round(bytes / 1_000_000)} MB`
}
