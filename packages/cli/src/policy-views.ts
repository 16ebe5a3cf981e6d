import type {
  BundleChange,
  PolicyEventView,
  PolicyHolderView,
  PolicyStatus,
  PrincipalView,
  ShadowReport,
} from '@signalbox/protocol'
import { time } from './format.ts'
import { folded, type Output, printable, table } from './output.ts'

/** A bundle by its name and the beginning of its hash. */
function shortHash(bundle: string | null): string {
  if (bundle === null) return ''
  const at = bundle.lastIndexOf('@')
  return at < 0 ? bundle : `${bundle.slice(0, at)}@${bundle.slice(at + 1, at + 13)}`
}

/** Who acted, or that nobody did. */
function who(principal: PrincipalView | null): string {
  return principal === null ? 'nobody' : principal.id
}

/** What a bundle changes, what loosens first. */
export function changesText(changes: readonly BundleChange[] | null, out: Output): string {
  if (changes === null) return 'its difference to the bundle in force cannot be shown'
  if (changes.length === 0) return 'it changes nothing that the policy means'
  const sorted = [...changes].sort((a, b) => Number(b.loosens) - Number(a.loosens))
  return sorted.map((each) => changeText(each, out)).join('\n')
}

const SIGN = { added: '+', removed: '-', changed: '~' } as const

function changeText({ what, how, name, details, loosens }: BundleChange, out: Output): string {
  const mark = loosens ? `  ${out.color.yellow('loosens')}` : ''
  const head = `  ${SIGN[how]} ${what} ${printable(name)}${mark}`
  return [head, ...details.map((line) => folded(`      ${printable(line)}`, out.width, '      '))].join('\n')
}

/** What happened to the policy, newest first. */
export function historyText(events: readonly PolicyEventView[], out: Output): string {
  if (events.length === 0) return 'nothing has happened yet'
  return events
    .map((event) => {
      const what = (event.way ?? event.type.replace(/^.*\./, '')).padEnd(11)
      const author = event.author === null ? '' : `, author ${who(event.author)}`
      const by = event.by === null ? '' : `by ${who(event.by)}${author}`
      const head = `${String(event.seq).padStart(4)}  ${time(event.at)}  ${what}  ${shortHash(event.bundle)}  ${by}`
      return [printable(head.trimEnd()), folded(`      ${printable(event.reason)}`, out.width, '      ')].join('\n')
    })
    .join('\n')
}

/** How the policy stands. */
export function statusText(status: PolicyStatus, out: Output): string {
  const { in_force: inForce, folder, drafts, shadow, holders } = status
  const lines: string[] = []
  if (inForce === null)
    lines.push(out.color.yellow('no bundle is in force: propose one, and let somebody else activate it'))
  else {
    const how =
      inForce.by === null
        ? `from the folder (${inForce.way})`
        : `${inForce.way} by ${who(inForce.by)}, author ${who(inForce.author)}`
    lines.push(
      `${out.color.bold('in force')}  ${shortHash(inForce.bundle)} ${inForce.version}  since ${time(inForce.at)} UTC`,
    )
    lines.push(printable(`  ${how}: ${inForce.reason}`))
  }
  if (!folder.same) lines.push(...folderLines(status, out))
  for (const seq of status.reviews_open)
    lines.push(out.color.yellow(`activation ${seq} was made by one person alone: signalbox policy review ${seq}`))
  if (holders.length > 0) lines.push('', holdersText(holders, out))
  if (status.reached_all_ms !== null) lines.push(`  all of them ${status.reached_all_ms} ms after the activation`)
  for (const draft of drafts) {
    const stale = draft.stale ? out.color.yellow('  stale: propose it again') : ''
    lines.push(
      '',
      `${out.color.bold('draft')}     ${shortHash(draft.bundle)} ${draft.version} by ${who(draft.by)}${stale}`,
    )
    lines.push(printable(`  ${draft.reason}`), changesText(draft.changes, out))
  }
  if (shadow) lines.push('', `${out.color.bold('shadow')}    ${shortHash(shadow.bundle)}  ${countsText(shadow.counts)}`)
  return lines.join('\n')
}

function folderLines({ folder, activation, in_force: inForce }: PolicyStatus, out: Output): string[] {
  if (folder.problem !== null)
    return [out.color.yellow(folded(`the folder ${folder.path} is no bundle: ${folder.problem}`, out.width, '  '))]
  if (activation === 'folder') return []
  const what = inForce === null ? 'is not in force' : 'holds another bundle, which is not used'
  return [`the folder ${folder.path} ${what}: signalbox policy propose`]
}

function holdersText(holders: readonly PolicyHolderView[], out: Output): string {
  return table(
    holders,
    [
      { title: 'process', of: (row) => row.process },
      { title: 'holds', of: (row) => (row.bundle === null ? 'nothing' : shortHash(row.bundle)) },
      { title: 'since', of: (row) => time(row.held_at) },
      { title: 'after', of: (row) => (row.reached_ms === null ? '' : `${row.reached_ms} ms`), right: true },
      { title: '', of: (row) => stateOf(row), grow: true },
    ],
    out.width,
  )
}

function stateOf({ alive, current, refused }: PolicyHolderView): string {
  if (refused) return `refused ${shortHash(refused.bundle)}: ${refused.code}`
  if (!alive) return 'gone'
  return current ? 'current' : 'behind'
}

function countsText(counts: NonNullable<ShadowReport['shadow']>['counts']): string {
  const { same, would_block: block, would_allow: allow, would_ask: ask, error, dropped } = counts
  const more = [error > 0 ? `, ${error} could not be evaluated` : '', dropped > 0 ? `, ${dropped} not compared` : '']
  return `${same} the same, would have blocked ${block}, allowed ${allow}, asked ${ask}${more.join('')}`
}

/** What a shadow found. */
export function findingsText({ shadow, findings }: ShadowReport, out: Output): string {
  if (!shadow) return 'no draft is evaluated: signalbox policy shadow start <hash>'
  const head = `${shortHash(shadow.bundle)} beside the bundle in force since ${time(shadow.since)} UTC\n  ${countsText(shadow.counts)}`
  if (findings.length === 0) return head
  const rows = table(
    findings,
    [
      { title: 'when', of: (row) => time(row.at).slice(5, 16) },
      { title: 'would', of: (row) => row.outcome.replace('would_', '') },
      { title: 'action', of: (row) => row.action },
      { title: 'now', of: (row) => row.now.verdict },
      { title: 'reason of the draft', of: (row) => row.draft.reason_code, grow: true },
      { title: 'run', of: (row) => row.run_id },
    ],
    out.width,
  )
  return `${head}\n\n${rows}`
}
