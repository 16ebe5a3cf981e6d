import type { DecisionDetail, DecisionListView, DecisionToldView, PolicyReplayResult } from '@signalbox/protocol'
import type { BundleDifference, FixtureReport, PolicyBundle, PolicyFinding } from 'signalbox'
import { time, who } from './format.ts'
import { type Colors, folded, type Output, printable, table } from './output.ts'

/** What a check found, errors first, each with its place. */
export function findingsText(bundle: PolicyBundle, findings: readonly PolicyFinding[], out: Output): string {
  const { color } = out
  const count = (severity: PolicyFinding['severity']) => findings.filter((each) => each.severity === severity).length
  const paint = { error: color.red, warning: color.yellow, notice: (text: string) => text }
  const ready = count('error') === 0 ? color.green('ready for production') : color.red('production refuses it')
  const lines = findings.map((each) => {
    const head = `${paint[each.severity](each.severity.padEnd(7))}  ${each.code}  ${each.file}:${each.line}`
    return `${head}\n${folded(`    ${each.message}`, out.width, '    ')}`
  })
  const sum = `${count('error')} errors, ${count('warning')} warnings, ${count('notice')} notices`
  return [`${color.bold(`${bundle.name} ${bundle.version}`)}  ${ready}`, ...lines, sum].join('\n')
}

/** How the cases came out: those that failed with what differs, then the sum. */
export function casesText(report: FixtureReport, out: Output): string {
  const { color } = out
  const failed = report.results.filter((each) => !each.passed)
  const lines = failed.map((each) =>
    [
      `${color.red('failed')}  ${printable(each.name)}  ${each.file}:${each.line}`,
      ...each.differences.map((one) => folded(`    ${one}`, out.width, '    ')),
    ].join('\n'),
  )
  const untested =
    report.untested.length === 0
      ? 'every policy decides in a case'
      : color.yellow(`no case is decided by: ${report.untested.join(', ')}`)
  return [...lines, `${report.passed} passed, ${report.failed} failed`, untested].join('\n')
}

/** What differs between two bundles, a line each; what may loosen is marked. */
export function differencesText(
  before: PolicyBundle,
  after: PolicyBundle,
  differences: readonly BundleDifference[],
  out: Output,
): string {
  const { color } = out
  const sign = { added: '+', removed: '-', changed: '~' }
  const lines = differences.map(({ what, how, name, details, loosens }) => {
    const mark = loosens ? `  ${color.yellow('may loosen')}` : ''
    const head = `${sign[how]} ${what.replace('_', '-')} ${color.bold(printable(name))}${mark}`
    return [head, ...details.map((detail) => folded(`    ${detail}`, out.width, '    '))].join('\n')
  })
  const head = `${before.bundle.slice(0, 40)} → ${after.bundle.slice(0, 40)}`
  return [head, ...(lines.length === 0 ? ['they mean the same'] : lines)].join('\n')
}

/** The log of decisions as a table. */
export function decisionsText(
  list: Pick<DecisionListView, 'decisions' | 'runs' | 'next' | 'complete'>,
  out: Output,
): string {
  const rows = table(
    list.decisions,
    [
      { title: 'at', of: (row) => time(row.at).slice(5) },
      { title: 'verdict', of: (row) => (row.verdict === 'require_approval' ? 'ask' : row.verdict) },
      { title: 'name', of: (row) => row.name },
      { title: 'reason', of: (row) => row.reason_code, grow: true },
      { title: 'for', of: (row) => who(row.principal) },
      { title: 'decision', of: (row) => row.id },
    ],
    Math.max(out.width, 118),
  )
  const more = list.next === null ? '' : `; there may be more: go on with --before ${list.next}`
  const still = list.complete ? '' : '\nstored records are still being indexed: ask again a little later'
  return list.decisions.length === 0
    ? `no decision fits${still}`
    : `${rows}\n${list.decisions.length} decisions of ${list.runs} runs${more}${still}`
}

function verdictText(verdict: string, color: Colors): string {
  if (verdict === 'allow' || verdict === 'warn') return color.green(verdict)
  return verdict === 'require_approval' ? color.yellow('ask a person') : color.red(verdict)
}

/** One decision on record in plain words. */
export function detailText(detail: DecisionDetail, out: Output): string {
  const { color } = out
  const { decision, asked, told, approval } = detail
  const line = (text: string) => folded(text, out.width, '    ')
  const sentence = detail.sentence === null ? '' : `: ${detail.sentence}`
  const by =
    approval && approval.answer !== null
      ? ` ${approval.answer}${approval.by ? ` by ${who(approval.by)}` : ''}`
      : ' waits'
  return [
    line(
      `${color.bold(decision.id)}  ${time(decision.at)}  ${verdictText(decision.verdict, color)}  ${decision.reason_code}${sentence}`,
    ),
    line(
      `  ${decision.kind} ${color.bold(printable(decision.name))} (${decision.class}, ${decision.effect}) in ${decision.workflow}${decision.node === null ? '' : `, node ${decision.node}`}, record ${decision.seq} of ${decision.run_id}`,
    ),
    ...(asked
      ? [
          line(`  for ${asked.principal.id} with the roles ${asked.principal.roles.join(', ') || 'none'}`),
          ...valuesLines('input', asked.input, out),
          ...valuesLines('facts', asked.facts, out),
        ]
      : []),
    ...(approval ? [line(`  approval ${approval.id}${by}`)] : []),
    told
      ? policiesText(told, out)
      : line(`  ${color.yellow(`no more can be told: ${detail.not_told ?? 'nothing is on record'}`)}`),
    line(`  bundle ${decision.bundle}`),
  ].join('\n')
}

function valuesLines(name: string, values: Readonly<Record<string, unknown>>, out: Output): string[] {
  const all = Object.entries(values)
  if (all.length === 0) return []
  return [
    folded(`  ${name}: ${all.map(([key, value]) => `${key} ${JSON.stringify(value)}`).join(', ')}`, out.width, '    '),
  ]
}

/** What a bundle would decide. */
export function toldText(told: DecisionToldView, out: Output): string {
  const sentence = told.sentence === null ? '' : `: ${told.sentence}`
  return [
    folded(`${verdictText(told.verdict, out.color)}  ${told.reason_code}${sentence}`, out.width, '    '),
    policiesText(told, out),
    `  bundle ${told.bundle}`,
  ].join('\n')
}

const STOOD = { decided: 'decided', matched: 'matched', not_matched: 'did not match', error: 'failed' } as const

function policiesText(told: DecisionToldView, out: Output): string {
  const lines = told.policies.map((each) => {
    const values = Object.entries(each.values).map(([path, value]) => `${path} is ${value}`)
    const looked = values.length === 0 ? '' : `; ${values.join(', ')}`
    const because =
      each.because === null ? '' : `: ${each.stood === 'not_matched' ? 'needs' : 'since'} \`${each.because}\`${looked}`
    return folded(
      `  ${STOOD[each.stood]}  ${each.kind} ${each.id} (${each.file}:${each.line})${because}`,
      out.width,
      '      ',
    )
  })
  const people = told.approvers.map(
    ({ policy, roles }) => `  one with the role ${roles.join(' or ')} may answer ${policy}`,
  )
  return [...lines, ...people, `  ${told.other_actions} policies are about other actions`].join('\n')
}

/** What came of asking a draft about decisions on record. */
export function replayText(result: PolicyReplayResult, out: Output): string {
  const { color } = out
  const groups = result.flips.map((flip) => {
    const asks = flip.approvers.length === 0 ? '' : `, asks ${flip.approvers.join(', ')}`
    const refused = flip.refused_by_person === 0 ? '' : color.red(`  a person had refused ${flip.refused_by_person}`)
    const [first] = flip.examples
    return [
      `${String(flip.count).padStart(5)}  ${wordOf(flip.before)} → ${verdictWord(flip.after, color)}  ${color.bold(printable(flip.name))}  by ${flip.policies.join(', ') || 'no policy'} (${flip.reason_code}${asks}), ${flip.runs} runs${refused}`,
      ...(first ? [`         such as ${first.decision_id} in ${first.run_id}`] : []),
    ].join('\n')
  })
  const left = Object.entries(result.not_again).filter(([, count]) => count > 0)
  const notes = [
    ...left.map(([why, count]) => `${count} decisions were not asked again: ${WHY[why] ?? why}`),
    ...(result.pruned_runs === 0 ? [] : [`${result.pruned_runs} runs have no records left`]),
    ...(result.unchecked === 0
      ? []
      : [`${result.unchecked} decisions were taken by bundles that are not stored here, and could not be checked`]),
  ]
  const head = `${result.decisions} decisions of ${result.runs} runs since ${time(result.since)}: ${result.same} the same, ${result.flipped} otherwise`
  return [head, `against ${result.bundle}`, ...groups, ...notes.map((note) => color.yellow(note))].join('\n')
}

function wordOf(verdict: string): string {
  return verdict === 'require_approval' ? 'ask' : verdict
}

function verdictWord(verdict: string, color: Colors): string {
  const word = wordOf(verdict)
  return word === 'allow' || word === 'warn' ? color.yellow(word) : word
}

const WHY: Readonly<Record<string, string>> = {
  erased: 'their contents were erased',
  not_recorded: 'what was judged is not on record',
  fork_plan: 'a fork asked, and no policy',
  not_reproduced: 'the bundle that took them decides otherwise by what is on record',
}
