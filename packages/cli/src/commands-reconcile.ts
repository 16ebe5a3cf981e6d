import { writeLineageReport } from '@signalbox/server'
import type { OutsideDifferenceView, Reconciliation } from '@signalbox/protocol'
import type { Command } from 'commander'
import { isErrorCode, isoTime, systemHost } from 'signalbox'
import { SignalboxError } from 'signalbox/errors'
import { secondsOption } from './ask.ts'
import { type CommandContext, type Shell, withClient } from './context.ts'
import { type Output, printable, table } from './output.ts'

const YEAR_SECONDS = 366 * 86_400
const DAY_SECONDS = 86_400

interface Flags {
  readonly from?: string
  readonly to?: string
  readonly last: number
  readonly tools?: readonly string[]
  readonly signed?: string
}

/** What each kind means to the person who reads it. */
const MEANING: Readonly<Record<OutsideDifferenceView['kind'], string>> = {
  missing_outside: 'succeeded here, not listed there',
  unknown_to_us: 'listed there, made by no effect on record',
  differs: 'both have it, not the same',
  doubled_outside: 'listed there more than once',
  happened_after_all: 'failed here, listed there',
  unknown_happened: 'outcome unknown here, listed there',
  unknown_absent: 'outcome unknown here, not listed there',
}

/** Adds `lineage reconcile`: the ledger of effects against what outside systems list. */
export function addReconcileCommand(lineage: Command, shell: Shell): void {
  lineage
    .command('reconcile')
    .description('compare the ledger of effects with outside systems, as a run; exit code 6 when they differ')
    .option(
      '--last <time>',
      'what became so in this time, such as 24h',
      secondsOption('--last', YEAR_SECONDS),
      DAY_SECONDS,
    )
    .option('--from <time>', 'from this moment on, ISO 8601; instead of --last')
    .option('--to <time>', 'before this moment, ISO 8601; default now')
    .option('--tools <names...>', 'only effects of these tools')
    .option('--signed <file>', 'write a signed report; also SIGNALBOX_AUDIT_KEY')
    .action(async (flags: Flags) => {
      // The shared options are those of `lineage`: it hands them on.
      await withClient(lineage, shell, (context) => reconcile(context, shell, flags, lineage.opts().data))
    })
}

async function reconcile(context: CommandContext, shell: Shell, flags: Flags, data: string): Promise<void> {
  const { client, out, terminal } = context
  if (context.direct)
    throw new SignalboxError('SERVER_UNREACHABLE', 'no server answers, so nothing would run it: start `signalbox dev`')
  const to = flags.to ?? isoTime(systemHost.now())
  const from = flags.from ?? isoTime(Date.parse(to) - flags.last * 1_000)
  const tools = flags.tools === undefined ? {} : { tools: [...flags.tools] }
  const { run_id: id } = await client.reconcile({ body: { from, to, ...tools } })
  for await (const event of client.streamRun(id)) if (event.event === 'end') break
  const { report, status } = await client.reconciliation({ params: { id } })
  if (report === null) {
    const { run } = await client.run({ params: { id } })
    // It ended before it compared anything: by its own code, and not as a difference.
    throw new SignalboxError(
      isErrorCode(run.code) ? run.code : 'RUN_STATE',
      `run \`${id}\` is ${status} without a report: see \`signalbox show ${id}\``,
    )
  }
  if (flags.signed !== undefined) signed(flags.signed, id, report, { dataDir: data, env: terminal.env })
  out.data({ run_id: id, status, report })
  out.text(text(id, report, out))
  if (!report.complete || report.differences > 0) shell.setExitCode(6)
}

function signed(
  path: string,
  run: string,
  report: Reconciliation,
  place: Parameters<typeof writeLineageReport>[2],
): void {
  const findings = report.listings.flatMap((each) => [
    ...each.differences,
    ...(each.complete ? [] : [{ kind: 'incomplete', list: each.list, why: each.why }]),
  ])
  writeLineageReport(path, { mode: 'outside', run, ...report, findings }, place)
}

function text(id: string, report: Reconciliation, out: Output): string {
  const { color } = out
  const lines = report.listings.flatMap((each) => [
    `${printable(each.list)}: ${each.listed} listed, ${each.effects} effects of ${each.tools.map(printable).join(', ')}, ${each.matched} the same`,
    ...(each.not_compared === 0 ? [] : [color.dim(`  ${each.not_compared} by key alone: their content is erased`)]),
    ...(each.complete ? [] : [color.red(`  not read whole: ${printable(each.why)}`)]),
    ...(each.differences.length === 0 ? [] : [differences(each.differences, out.width)]),
  ])
  if (report.unlisted.length > 0)
    lines.push(color.dim(`not compared, no list is declared: ${report.unlisted.map(printable).join(', ')}`))
  const isSame = report.complete && report.differences === 0
  const end = isSame
    ? color.green('no differences')
    : color.red(`${report.differences} difference${report.differences === 1 ? '' : 's'}`)
  return [...lines, `${end}, as run ${id} found`].join('\n')
}

function differences(all: readonly OutsideDifferenceView[], width: number): string {
  return table(
    all,
    [
      { title: 'difference', of: (each) => each.kind },
      { title: 'run', of: (each) => each.run ?? '' },
      { title: 'record', of: (each) => (each.seq === null ? '' : String(each.seq)), right: true },
      { title: 'there', of: (each) => printable(each.ref ?? each.key ?? '') },
      {
        title: 'what it means',
        of: (each) =>
          `${MEANING[each.kind]}${each.fields.length === 0 ? '' : `: ${each.fields.map(printable).join(', ')}`}`,
        grow: true,
      },
    ],
    width,
  )
}
