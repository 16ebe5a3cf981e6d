import type {
  CostAttemptView,
  CostGroupView,
  CostReportView,
  RecomputedCostView,
  RunCostView,
} from '@signalbox/protocol'
import { usd } from './format.ts'
import { type Output, printable, table } from './output.ts'

/** What a run cost: sums, then each attempt. */
export function runText(run: RunCostView, out: Output, width: number): string {
  const { total } = run
  const assumed = total.estimated_nano_usd === '0' ? '' : `, ${usd(total.estimated_nano_usd)} of it estimated`
  const held = run.held_nano_usd === '0' ? '' : `; ${usd(run.held_nano_usd)} reserved for calls under way`
  const inherited = run.inherited_nano_usd === '0' ? '' : `; ${usd(run.inherited_nano_usd)} taken over from its parent`
  const corrected =
    run.corrected_nano_usd === null
      ? ''
      : `\ncorrected: ${usd(run.corrected_nano_usd)} (budgets count what was settled)`
  const head = `${out.color.bold(run.run_id)}  actual ${usd(total.actual_nano_usd)}${assumed}, estimate before ${usd(total.estimate_nano_usd)}${held}${inherited}${corrected}`
  if (run.attempts.length === 0) return `${head}\nno model was called`
  const groups = (name: string, rows: readonly CostGroupView[]): string =>
    `${out.color.dim(`by ${name}`)}\n${table(
      rows,
      [
        { title: name, of: (row) => printable(row.name || '(none)') },
        { title: 'calls', of: (row) => String(row.calls), right: true },
        { title: 'estimate', of: (row) => usd(row.estimate_nano_usd), right: true },
        { title: 'actual', of: (row) => usd(row.actual_nano_usd), right: true },
        { title: 'of which estimated', of: (row) => usd(row.estimated_nano_usd), right: true },
      ],
      width,
    )}`
  const own = run.by_overlay.some(({ name }) => name !== '') ? [groups('own price', run.by_overlay)] : []
  return [
    head,
    groups('model', run.by_model),
    groups('node', run.by_node),
    ...own,
    attemptsText(run.attempts, out, width),
  ].join('\n\n')
}

function attemptsText(attempts: readonly CostAttemptView[], out: Output, width: number): string {
  return `${out.color.dim('by attempt')}\n${table(
    attempts,
    [
      { title: 'seq', of: (row) => String(row.seq), right: true },
      { title: 'model', of: (row) => printable(row.model) },
      { title: 'try', of: (row) => String(row.attempt), right: true },
      { title: 'status', of: (row) => row.status },
      { title: 'estimate', of: (row) => usd(row.estimate_nano_usd), right: true },
      {
        title: 'actual',
        of: (row) => (row.actual_nano_usd === null ? 'under way' : usd(row.actual_nano_usd)),
        right: true,
      },
      { title: 'how', of: (row) => [row.source, row.why?.replace('_', ' ')].filter((each) => each).join(': ') },
      { title: 'price', of: (row) => printable([row.price, row.overlay].filter((each) => each).join(' + ')) },
    ],
    width,
  )}`
}

/** What many runs cost. */
export function reportText(report: CostReportView, out: Output, width: number): string {
  const still = report.complete
    ? ''
    : out.color.yellow('; stored records are still being indexed: ask again a little later')
  const head = `${out.color.bold(usd(report.total_nano_usd))} for ${report.runs} runs${report.since ? ` since ${report.since}` : ''}${still}`
  if (report.groups.length === 0) return head
  const perCall = report.by === 'model' || report.by === 'agent'
  return `${head}\n${table(
    report.groups,
    [
      { title: report.by, of: (row) => printable(row.name || '(none)') },
      { title: 'runs', of: (row) => String(row.runs), right: true },
      ...(perCall
        ? [{ title: 'calls', of: (row: CostReportView['groups'][number]) => String(row.calls), right: true }]
        : []),
      { title: 'cost', of: (row) => usd(row.actual_nano_usd), right: true },
      ...(perCall
        ? [
            {
              title: 'of which estimated',
              of: (row: CostReportView['groups'][number]) => usd(row.estimated_nano_usd),
              right: true,
            },
          ]
        : []),
    ],
    width,
  )}`
}

/** What another price table would make of costs, by run and model. */
export function recomputedText(done: readonly RecomputedCostView[], out: Output, width: number): string {
  const changed = done.flatMap((run) =>
    [...Map.groupBy(run.lines, (line) => line.model)].map(([model, lines]) => ({
      run: run.run_id,
      model,
      calls: lines.length,
      before: sum(lines.map((line) => line.settled_nano_usd)),
      after: sum(lines.map((line) => line.corrected_nano_usd)),
    })),
  )
  const [first] = done
  const written = done.filter((run) => run.written).length
  const unpriced = [...new Set(done.flatMap((run) => run.unpriced))]
  const notes = [
    ...(unpriced.length > 0 ? [`no price in that table, left out: ${unpriced.map(printable).join(', ')}`] : []),
    written > 0
      ? `${written} corrections are on record; what was settled stays, and no budget is refilled`
      : 'nothing was written; --write puts the differences on record',
  ]
  const head = `${done.length} runs by table ${out.color.bold(first?.table ?? '(none)')}: ${changed.length === 0 ? 'no difference' : ''}`
  if (changed.length === 0) return [head, ...notes].join('\n')
  const rows = table(
    changed,
    [
      { title: 'run', of: (row) => row.run },
      { title: 'model', of: (row) => printable(row.model) },
      { title: 'calls', of: (row) => String(row.calls), right: true },
      { title: 'settled', of: (row) => usd(row.before), right: true },
      { title: 'by table', of: (row) => usd(row.after), right: true },
      { title: 'difference', of: (row) => usd((BigInt(row.after) - BigInt(row.before)).toString()), right: true },
    ],
    width,
  )
  return [head, rows, ...notes].join('\n')
}

function sum(amounts: readonly string[]): string {
  return amounts.reduce((total, each) => total + BigInt(each), 0n).toString()
}
