import {
  loadProject,
  replayOne,
  type ReplaySum,
  type Selection,
  type UpgradeFinding,
  upgradeProject,
} from '@signalbox/server'
import type { Command } from 'commander'
import { keepAlive, type ReplayDifference, SignalboxError, systemHost } from 'signalbox'
import { intOption } from './ask.ts'
import { drilledConfig } from './commands-drill.ts'
import type { Shell } from './context.ts'
import { folded, type Output, outputOf, printable } from './output.ts'

interface Shared {
  readonly config?: string
  readonly data: string
  readonly json?: boolean
}

interface CheckFlags extends Shared {
  readonly workflow?: string
  readonly last?: number
  readonly since?: string
  readonly golden?: string
  readonly stored: boolean
}

/** Adds `upgrade check` and `replay`: what this build would do otherwise than what is on record. Nothing is sent. */
export function addUpgradeCommands(program: Command, shell: Shell): void {
  const group = program.command('upgrade').description('what a new build does otherwise than the runs that are stored')
  shared(group.command('check'))
    .description('replay stored runs and golden databases on this build; tell the first difference of each')
    .option('--workflow <name>', 'only runs of this workflow')
    .option('--last <n>', 'only the newest so many', intOption('--last', 1, 1_000_000_000))
    .option('--since <time>', 'only runs started at or after this time (ISO 8601)')
    .option('--golden <folder>', 'also the golden databases of this folder, one folder for each version')
    .option('--no-stored', 'only the golden databases')
    .action(async (options: CheckFlags) => {
      await check(options, shell)
    })
  shared(program.command('replay <run>'))
    .description('replay one run on this build and tell where it differs; nothing is sent, the run stays as it is')
    .action(async (run: string, options: Shared) => {
      await replay(run, options, shell)
    })
}

function shared(command: Command): Command {
  return command
    .option('--json', 'write one JSON value to stdout and nothing else')
    .option('--config <file>', 'project file; default ./signalbox.config.ts')
    .option('--data <folder>', 'data folder; a copy of its store is opened', './.signalbox')
}

async function check(options: CheckFlags, shell: Shell): Promise<void> {
  const out = outputOf(shell.terminal, options.json === true)
  const release = keepAlive()
  try {
    const { report, path, result } = await upgradeProject({
      configPath: drilledConfig(options),
      dataDir: options.data,
      env: shell.terminal.env,
      host: systemHost,
      selection: selectionOf(options),
      goldenDir: options.golden ?? null,
      stored: options.stored,
      log: (line) => out.note(line),
    })
    const differences = findingsOf(result.stored).flatMap(({ runId, difference }) =>
      difference ? [{ run_id: runId, before: difference.before, after: difference.after }] : [],
    )
    out.data({ path, report, differences })
    if (result.stored) for (const line of sumLines('stored runs', result.stored, out)) out.text(line)
    for (const { version, sum, why } of result.golden) {
      if (why !== null) out.text(out.color.red(`golden database ${version}: ${printable(why)}`))
      if (sum) for (const line of sumLines(`golden database ${version}`, sum, out)) out.text(line)
    }
    out.text(result.passed ? out.color.green('passed') : out.color.red(failedLine(result)))
    out.text(`report: ${path}`)
    if (!result.passed)
      shell.setExitCode(
        exitOf([...findingsOf(result.stored), ...result.golden.flatMap((each) => findingsOf(each.sum))]),
      )
  } finally {
    release()
  }
}

function failedLine({ stored, golden }: Awaited<ReturnType<typeof upgradeProject>>['result']): string {
  const failed = [stored, ...golden.map((each) => each.sum)].reduce((count, sum) => count + (sum?.failed ?? 0), 0)
  const unopened = golden.filter((each) => each.why !== null).length
  return failed + unopened > 0 ? `failed: ${failed + unopened} findings` : 'failed: there was nothing to replay'
}

function findingsOf(sum: ReplaySum | null): readonly UpgradeFinding[] {
  return sum?.findings ?? []
}

/** A history that does not verify weighs more than a difference. */
function exitOf(findings: readonly UpgradeFinding[]): number {
  return findings.some((each) => each.kind === 'history') ? 6 : 4
}

function selectionOf({ workflow, last, since }: CheckFlags): Selection {
  const sinceMs = since === undefined ? null : Date.parse(since)
  if (Number.isNaN(sinceMs))
    throw new SignalboxError('USAGE', `\`--since\` takes a time such as 2026-01-31T12:00:00Z, not \`${since}\``)
  return { workflow: workflow ?? null, last: last ?? null, sinceMs }
}

function sumLines(title: string, sum: ReplaySum, out: Output): string[] {
  const skipped = Object.entries(sum.skipped).map(([code, count]) => `${count} skipped (${code})`)
  const counts = [
    `${sum.same} same`,
    ...(sum.differs > 0 ? [`${sum.differs} differ`] : []),
    ...(sum.declared > 0 ? [`${sum.declared} differ by another version`] : []),
    ...(sum.cannotGoOn > 0 ? [`${sum.cannotGoOn} open ones cannot go on`] : []),
    ...skipped,
  ]
  const seconds = sum.durationMs / 1_000
  const pace = seconds > 0 ? `, ${(sum.runs / seconds).toFixed(0)} runs/s` : ''
  const flips = sum.flips.map(
    ({ name, before, after, count, first }) =>
      `  policy: \`${name}\` ${before} → ${after}, ${count} times, first in ${first.runId} at record ${first.seq}`,
  )
  return [
    `${title}: ${sum.runs} runs, ${sum.supersteps} supersteps, ${sum.asks} calls in ${seconds.toFixed(1)} s${pace}`,
    `  ${counts.join(', ')}`,
    ...sum.findings.flatMap((each) => findingLines(each, out)),
    ...flips.map((line) => folded(line, out.width, '    ')),
  ]
}

const WORDS: Readonly<Record<UpgradeFinding['kind'], string>> = {
  difference: 'differs',
  declared: 'differs, by another version',
  cannot_go_on: 'cannot go on',
  unreadable: 'cannot be replayed',
  history: 'does not verify',
}

function findingLines(
  { kind, runId, workflow, version, here, what, difference, changes }: UpgradeFinding,
  out: Output,
): string[] {
  const paint = kind === 'declared' ? out.color.yellow : out.color.red
  const versions = here === null || here === version ? version : `${version} → ${here}`
  const title = `  ${runId}  ${workflow} ${versions}`.trimEnd()
  return [
    `${printable(title)}  ${paint(WORDS[kind])}`,
    folded(`    ${what}`, out.width, '      '),
    ...(difference ? differenceLines(difference, out) : []),
    ...changes.map((each) => out.color.dim(folded(`    changed: ${each}`, out.width, '      '))),
  ]
}

/** Old and new value, as they stand in the run. */
function differenceLines({ field, before, after }: ReplayDifference, out: Output): string[] {
  if (before === null && after === null) return []
  const at = field === null ? '' : ` \`${field}\``
  return [
    folded(`      on record${at}: ${short(before)}`, out.width, '        '),
    folded(`      now${at}:       ${short(after)}`, out.width, '        '),
  ]
}

const MOST = 200

function short(value: ReplayDifference['before']): string {
  if (value === null) return 'nothing'
  const text = JSON.stringify(value)
  return text.length > MOST ? `${text.slice(0, MOST)}…` : text
}

async function replay(run: string, options: Shared, shell: Shell): Promise<void> {
  const out = outputOf(shell.terminal, options.json === true)
  const release = keepAlive()
  try {
    const project = await loadProject(drilledConfig(options))
    const found = await replayOne({ project, dataDir: options.data, env: shell.terminal.env, host: systemHost }, run)
    out.data(found)
    const told = `${found.runId}  ${found.workflow} ${found.version}: ${found.supersteps} supersteps and ${found.asks} calls run again`
    out.text(printable(told))
    const { difference, why } = found
    if (found.end === 'same') out.text(out.color.green('  the same as on record'))
    if (why) out.text(folded(`  not replayed: ${why.code}: ${why.message}`, out.width, '    '))
    if (difference) {
      out.text(folded(`  superstep ${difference.superstep}: ${difference.what}`, out.width, '    '))
      for (const line of differenceLines(difference, out)) out.text(line)
    }
    for (const each of found.changes) out.text(folded(`  changed: ${each}`, out.width, '    '))
    if (found.cannotGoOn !== null) out.text(folded(`  it cannot go on here: ${found.cannotGoOn}`, out.width, '    '))
    for (const { name, seq, before, after } of found.flips)
      out.text(folded(`  policy: \`${name}\` at record ${seq}: ${before} → ${after}`, out.width, '    '))
    if (found.end !== 'same') shell.setExitCode(4)
  } finally {
    release()
  }
}
