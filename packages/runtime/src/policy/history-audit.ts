import { sha256Hex } from '../base/hash.ts'
import { bundleHash, type PolicyEvent, type PolicyLogRow } from '../contracts/policy-history.ts'
import { POLICY_CHAIN_START } from './history.ts'

/** What is wrong with a policy history. */
export type HistoryFindingKind =
  | 'unreadable'
  | 'hash'
  | 'chain'
  | 'sequence'
  /** An activation without a second person, or with the author as the reviewer. */
  | 'one_person'
  /** A stored bundle is gone, or is not what its hash says. */
  | 'content'
  /** A decision was made by a bundle that was never in force. */
  | 'not_activated'
  /** Somebody took a bundle back alone, and nobody has looked at it in three days. */
  | 'not_reviewed'

/** One thing that is wrong, at an event; null where it is about none. */
export interface HistoryFinding {
  readonly kind: HistoryFindingKind
  readonly seq: number | null
  readonly detail: string
}

/** What the history is checked against. */
export interface PolicyAudit {
  readonly rows: readonly PolicyLogRow[]
  /** The stored text of a bundle by its hash, or null. */
  readonly content: (hash: string) => string | null
  /** Bundles (`name@sha256`) by which runs were decided that were started since the history begins. */
  readonly decided: ReadonlySet<string>
  /** Milliseconds since 1970. */
  readonly now: number
}

/** An emergency has to be looked at within this time. */
const REVIEW_MS = 3 * 86_400_000

/** Verifies a policy history from the stored bytes alone (Invariant 9): chain, people, contents, and what decided. */
export function auditPolicyHistory({ rows, content, decided, now }: PolicyAudit): readonly HistoryFinding[] {
  const found: HistoryFinding[] = []
  const say = (kind: HistoryFindingKind, seq: number | null, detail: string) => found.push({ kind, seq, detail })
  const inForce = new Set<string>()
  const open = new Map<number, string>()
  let head = POLICY_CHAIN_START
  for (const [at, row] of rows.entries()) {
    const hash = sha256Hex(row.body)
    const event = readEvent(row.body)
    if (row.seq !== at + 1) say('sequence', row.seq, `event ${at + 1} should come here`)
    if (hash !== row.hash) say('hash', row.seq, 'the bytes do not give the stored hash')
    if (event === null) say('unreadable', row.seq, 'the body is not an event')
    else {
      if (event.prev !== head || event.seq !== row.seq)
        say('chain', row.seq, 'it does not continue the event before it')
      if (event.type === 'bundles.imported') for (const each of event.bundles) inForce.add(each)
      if (event.type === 'activation.reviewed') open.delete(event.activation)
      if (event.type === 'bundle.activated') {
        inForce.add(event.bundle)
        if (event.way === 'emergency') open.set(row.seq, event.at)
        const wrong = onePerson(event)
        if (wrong !== null) say('one_person', row.seq, wrong)
        const text = content(bundleHash(event.bundle))
        if (text === null || sha256Hex(text) !== bundleHash(event.bundle))
          say('content', row.seq, `the store does not hold \`${event.bundle}\` as its hash says`)
      }
    }
    head = hash
  }
  for (const [seq, at] of open)
    if (now - Date.parse(at) > REVIEW_MS) say('not_reviewed', seq, 'one person did this alone, and nobody looked at it')
  for (const bundle of decided)
    if (!inForce.has(bundle)) say('not_activated', null, `runs were decided by \`${bundle}\`, which was never in force`)
  return found
}

function onePerson(event: Extract<PolicyEvent, { type: 'bundle.activated' }>): string | null {
  const { way, author, by } = event
  if (way === 'development') return null
  if (by === null) return 'nobody activated it'
  if (way === 'emergency') return null
  if (author === null) return 'nobody proposed it'
  return author.id === by.id ? 'its author activated it' : null
}

function readEvent(body: string): PolicyEvent | null {
  try {
    const value: unknown = JSON.parse(body)
    // What else the bytes may be shows in hash and chain.
    return typeof value === 'object' && value !== null && 'type' in value ? (value as PolicyEvent) : null
  } catch {
    return null
  }
}
