import type { Activity, RecordView, RestorePointView, RunDetail, RunSummary, Superstep } from '@signalbox/protocol'
import { isNever, barOf, statusText, time, usd, who } from './format.ts'
import { folded, type Output, printable, table } from './output.ts'

/** Runs as a table. */
export function runsText(runs: readonly RunSummary[], out: Output): string {
  if (runs.length === 0) return 'no runs'
  return table(
    runs,
    [
      { title: 'run', of: (run) => run.run_id },
      { title: 'workflow', of: (run) => run.workflow, grow: true },
      { title: 'status', of: (run) => (run.code === null ? run.status : `${run.status} ${run.code}`) },
      { title: 'cost', of: (run) => usd(run.cost_nano_usd), right: true },
      { title: 'updated', of: (run) => time(run.updated_at).slice(5) },
    ],
    out.width,
  )
}

/** One run: status, why, budget bars, timeline by superstep. */
export function runText(run: RunDetail, out: Output): string {
  const { color } = out
  const head = [
    `${color.bold(run.run.run_id)}  ${run.run.workflow} ${run.run.version}  ${statusText(run.run.status, color)}${run.run.code === null ? '' : ` ${run.run.code}`}`,
    folded(run.why, out.width),
    `for ${who(run.principal.id)} (${run.principal.roles.join(', ')})  cost ${usd(run.cost_nano_usd)}  policy ${printable(run.bundle).slice(0, 40)}`,
  ]
  const open = run.open.map((each) =>
    color.yellow(
      `waits: ${each.kind} ${each.id} (${each.tool}) ${isNever(each.deadline) ? 'without deadline' : `until ${time(each.deadline)} UTC`}`,
    ),
  )
  const held = run.held_up.map((each) => color.yellow(`held up: ${printable(each.key)}`))
  const undone = endText(run)
  return [
    ...head,
    ...definitionText(run, out),
    ...open,
    ...held,
    ...undone,
    '',
    budgetText(run),
    '',
    ...timelineText(run, out),
  ].join('\n')
}

/** How the run ended, and what was left undone with the reason of each; runs of the first version tell names alone. */
function endText({ ending, undone }: RunDetail): string[] {
  if (!ending) return undone.length > 0 ? [`left undone: ${undone.join(', ')}`] : []
  const subject = ending.subject === null ? '' : ` (${printable(ending.subject)})`
  const cycle = ending.cycle.length > 0 ? [`loop: ${ending.cycle.map(printable).join(', ')}`] : []
  const left = ending.left_undone.map(({ what, why }) => `${printable(what)} (${why.replaceAll('_', ' ')})`)
  const lines = left.length > 0 ? [`left undone: ${left.join(', ')}`] : []
  return [
    `ended by: ${ending.by.replaceAll('_', ' ')}${subject}, after ${ending.turns} model calls`,
    ...cycle,
    ...lines,
  ]
}

/** Nothing while the run is with the version that is here. */
function definitionText({ definition, run }: RunDetail, out: Output): string[] {
  if (run.code === 'RUN_QUARANTINED')
    return [out.color.yellow(`to try it again: signalbox release ${run.run_id} --reason "..."`)]
  if (!definition || definition.standing === 'same') return []
  const { version, here, standing, steps, reason } = definition
  const line = (text: string): string => folded(text, out.width, '  ')
  if (standing === 'refused')
    return [out.color.yellow(line(`version ${version}: ${reason ?? 'nothing here can go on with it'}`))]
  const how = standing === 'upgrade' ? `carried over by the step ${steps.join(', ')}` : 'code alone differs'
  return [
    line(
      `version ${version}, here is ${here ?? 'none'}: when no worker has ${version}, ${here ?? 'none'} takes over (${how})`,
    ),
  ]
}

function budgetText(run: RunDetail): string {
  const amount = (unit: string, value: string): string => {
    if (unit === 'nano_usd') return usd(value)
    return unit === 'milliseconds' ? `${(Number(value) / 1000).toFixed(1)} s` : value
  }
  const lines = run.budget.map(({ name, unit, limit, spent, held, fraction }) => {
    const reserved = held === '0' ? '' : ` (${amount(unit, held)} reserved)`
    return `  ${name.padEnd(11)}${barOf(fraction)}  ${amount(unit, spent)} of ${amount(unit, limit)}${reserved}`
  })
  return ['budget', ...lines].join('\n')
}

function timelineText(run: RunDetail, out: Output): string[] {
  if (run.timeline.length === 0) return ['no superstep has started']
  return run.timeline.flatMap((step) => stepText(step, out))
}

function stepText(step: Superstep, out: Output): string[] {
  const { color } = out
  const branch = step.branch === 0 ? '' : ` branch ${step.branch}`
  const left = step.current ? '' : color.dim(' (left by a restore)')
  const end = step.checkpoint_seq === null ? 'open' : `checkpoint ${step.checkpoint_seq}`
  return [
    `superstep ${step.superstep}${branch}  ${step.nodes.join(', ')}  ${color.dim(end)}${left}`,
    ...step.activities
      .filter((activity) => activity.parent === null)
      .flatMap((activity) => activityText(activity, out)),
    ...step.notes.map((note) => `  ! ${printable(note.text)}`),
  ]
}

function activityText(activity: Activity, out: Output): string[] {
  const { color } = out
  const status = statusText(activity.status, color)
  const effect = activity.effect === 'none' ? '' : ` ${activity.effect}`
  const cost = activity.cost_nano_usd === '0' ? '' : `  ${usd(activity.cost_nano_usd)}`
  const latency = activity.latency_ms === null ? '' : `  ${Math.round(activity.latency_ms)} ms`
  const ledger = activity.from_ledger === null ? '' : '  answered from the ledger'
  const lines = [
    `  ${activity.kind.padEnd(5)} ${printable(activity.name)}${effect}  ${status}${activity.code === null ? '' : ` ${activity.code}`}${cost}${latency}${ledger}`,
  ]
  const { decision, approval } = activity
  if (decision && (decision.verdict !== 'allow' || decision.reason_code !== 'PERMITTED'))
    lines.push(
      color.dim(`        policy: ${decision.verdict} ${decision.reason_code} (${decision.policies.join(', ')})`),
    )
  if (approval) {
    const answer =
      approval.answer === 'open'
        ? 'waits for an answer'
        : `${approval.answer}${approval.by === null ? '' : ` by ${who(approval.by)}`}`
    lines.push(
      color.dim(
        folded(
          `        approval ${approval.approval_id}: ${answer}${approval.reason === null ? '' : `: ${approval.reason}`}`,
          out.width,
          '        ',
        ),
      ),
    )
  }
  return lines
}

/** Restore points as a table, newest first. */
export function restorePointsText(points: readonly RestorePointView[], out: Output): string {
  return table(
    points,
    [
      { title: 'to', of: (point) => String(point.seq), right: true },
      { title: 'kind', of: (point) => point.kind.replace('_', ' ') },
      { title: 'superstep', of: (point) => String(point.superstep), right: true },
      { title: 'node', of: (point) => (point.node === null ? '' : `${point.node} turn ${point.position ?? 0}`) },
      { title: 'at', of: (point) => time(point.at) },
      {
        title: 'effects after it',
        grow: true,
        of: (point) => point.later_effects.map((each) => `${each.tool} ${each.status}`).join(', '),
      },
    ],
    out.width,
  )
}

/** One record as a line. */
export function recordText(record: RecordView): string {
  const name = (key: string): string => {
    const value = record[key]
    return typeof value === 'string' ? ` ${printable(value)}` : ''
  }
  const ask = record.ask
  const node =
    typeof ask === 'object' && ask !== null && 'node' in ask ? ` at ${printable(String(ask.node))}` : name('node')
  return `${String(record.seq).padStart(5)}  ${time(record.at)}  ${record.type}${name('name')}${name('status')}${name('answer')}${name('code')}${node}`
}
