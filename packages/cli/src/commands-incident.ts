import {
  type DrillPlace,
  INCIDENT_DECOYS,
  INCIDENT_KINDS,
  type IncidentKind,
  incidentOnProject,
  type IncidentLie,
  type IncidentResult,
  LIES,
  type ProjectIncidentResult,
  QUESTION_WORDS,
  QUESTIONS,
} from '@signalbox/server'
import { type Command, Option } from 'commander'
import { keepAlive } from 'signalbox'
import { intOption } from './ask.ts'
import type { Shell } from './context.ts'
import { type Column, type Output, outputOf, printable, table } from './output.ts'

interface Flags {
  readonly config?: string
  readonly data: string
  readonly json?: boolean
  readonly seed: number
  readonly kind?: IncidentKind
  readonly all?: boolean
  readonly runs: number
  readonly plant?: IncidentLie
}

const TRIES = 5

/** Adds `drill incident`. */
export function addIncident(
  group: Command,
  shell: Shell,
  add: (group: Command, name: string, description: string) => Command,
  place: (options: Flags, shell: Shell) => DrillPlace,
): void {
  add(group, 'incident', 'plant incidents among decoys, and let an operator with the API alone explain them')
    .addOption(
      new Option('--kind <kind>', 'one kind of incident; default: the seed chooses one').choices(INCIDENT_KINDS),
    )
    .option('--all', `all ${INCIDENT_KINDS.length} kinds`)
    .option('--seed <n>', 'decides the order, and what is tried', intOption('--seed', 0, 2_147_483_647), 1)
    .option('--runs <n>', 'more runs in the store; 100000 take minutes once', intOption('--runs', 0, 1_000_000), 0)
    .addOption(
      new Option(
        '--plant <lie>',
        'let the API lie about the lead or a question, to see that the drill finds it',
      ).choices(LIES),
    )
    .action(async (_: unknown, command: Command) => {
      await drillIncident(command.optsWithGlobals<Flags>(), shell, place)
    })
}

async function drillIncident(
  options: Flags,
  shell: Shell,
  place: (options: Flags, shell: Shell) => DrillPlace,
): Promise<void> {
  const out = outputOf(shell.terminal, options.json === true)
  const release = keepAlive()
  try {
    const result = await incidentOnProject({
      ...place(options, shell),
      seed: options.seed,
      kinds: kindsOf(options),
      decoys: INCIDENT_DECOYS,
      runs: options.runs,
      tries: TRIES,
      lie: options.plant ?? null,
      timed: true,
      log: (line) => out.note(line),
    })
    out.data(result)
    show(result, out)
    if (!result.passed) shell.setExitCode(6)
  } finally {
    release()
  }
}

function kindsOf({ all, kind, seed }: Flags): readonly IncidentKind[] {
  if (all === true) return INCIDENT_KINDS
  const chosen = kind ?? INCIDENT_KINDS[seed % INCIDENT_KINDS.length]
  return chosen === undefined ? [] : [chosen]
}

const COLUMNS: readonly Column<IncidentResult>[] = [
  { title: 'incident', of: (one) => one.incident },
  { title: 'from', of: (one) => one.from },
  { title: 'right', of: (one) => `${one.right} of ${QUESTIONS.length}` },
  { title: 'calls', of: (one) => String(one.calls), right: true },
  { title: 'slowest', of: (one) => `${Math.round(one.slowestMs)} ms`, right: true },
  { title: 'wrong', of: (one) => one.wrong.map((question) => QUESTION_WORDS[question]).join('; ') },
]

function show({ incidents, tried, runs, findings, passed, path }: ProjectIncidentResult, out: Output): void {
  out.text(table(incidents, COLUMNS, out.width))
  const taken = tried.length === 0 ? 'none' : tried.join(', ')
  out.text(`${runs} runs in the store; resumed for real where the operator said so: ${taken}`)
  for (const one of findings) out.text(`  ${one.incident}: ${one.kind}: ${printable(one.detail)}`)
  out.text(path === null ? 'a fault was planted: no report is written' : `report: ${path}`)
  const right = `passed: ${incidents.length} incidents explained`
  out.text(passed ? out.color.green(right) : out.color.red(`failed: ${findings.length} findings`))
}
