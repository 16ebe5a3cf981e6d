import { canonicalJson, type JsonObject } from '../base/json.ts'
import type {
  DifferenceKind,
  LedgerEntry,
  ListingReport,
  OutsideDifference,
  OutsideEntry,
} from '../contracts/reconcile.ts'

/** Both sides of one listing, read whole or not. */
export interface BothSides {
  readonly list: string
  readonly tools: readonly string[]
  readonly entries: readonly OutsideEntry[]
  /** Effects that the window holds, and those outside of it that an entry's key leads to. */
  readonly effects: readonly LedgerEntry[]
  /** Why a side was not read whole; empty when it was. */
  readonly broken: readonly string[]
  /** True for a moment of the window that was asked for; what lies beside it is only there to find its other side. */
  readonly within: (at: string) => boolean
}

/**
 * Compares an outside system with the ledger. Pure. While a side was not read whole nothing is called missing, because
 * it may be on a page that was not read; what is there and wrong is told all the same.
 */
export function compareSides(sides: BothSides): ListingReport {
  const { list, tools, entries, effects, broken, within } = sides
  const faults = [...broken, ...repeated(entries)]
  const isWhole = faults.length === 0
  const known = indexOf(effects)
  const found = new Map<LedgerEntry, OutsideEntry[]>()
  const differences: OutsideDifference[] = []
  for (const entry of distinct(entries)) {
    const effect = effectOf(entry, known)
    if (effect === null) {
      if (within(entry.at)) differences.push(difference('unknown_to_us', null, entry))
    } else found.set(effect, [...(found.get(effect) ?? []), entry])
  }
  let [matched, notCompared] = [0, 0]
  for (const effect of effects) {
    const [entry, ...more] = found.get(effect) ?? []
    if (entry) {
      const wrong = judged(effect, entry, more)
      differences.push(...wrong)
      if (wrong.length === 0) matched += 1
      if (wrong.length === 0 && effect.expected === null) notCompared += 1
    } else if (isWhole && within(effect.at)) differences.push(...absent(effect))
  }
  return {
    list,
    tools,
    complete: isWhole,
    why: faults.join('; '),
    listed: entries.length,
    effects: effects.filter(({ at }) => within(at)).length,
    matched,
    not_compared: notCompared,
    differences,
  }
}

/** The same entry on two pages: the listing turned its pages wrongly, and may have left others out. */
function repeated(entries: readonly OutsideEntry[]): readonly string[] {
  const again = entries.length - distinct(entries).length
  return again === 0 ? [] : [`${again} entries were listed more than once: pages overlap`]
}

function distinct(entries: readonly OutsideEntry[]): readonly OutsideEntry[] {
  const identity = (entry: OutsideEntry): string =>
    canonicalJson(entry.ref === null ? entry : { key: entry.key, ref: entry.ref })
  return [...new Map(entries.map((entry) => [identity(entry), entry])).values()]
}

interface Known {
  readonly byKey: ReadonlyMap<string, LedgerEntry>
  readonly byName: ReadonlyMap<string, readonly LedgerEntry[]>
}

function indexOf(effects: readonly LedgerEntry[]): Known {
  const byName = new Map<string, LedgerEntry[]>()
  for (const effect of effects) for (const name of effect.names) byName.set(name, [...(byName.get(name) ?? []), effect])
  return { byKey: new Map(effects.map((effect) => [effect.key, effect])), byName }
}

/** By key, else by the outside's own name; by what it is about only where the outside keeps no key. */
function effectOf({ key, ref, object }: OutsideEntry, { byKey, byName }: Known): LedgerEntry | null {
  const exact =
    (key === null ? undefined : byKey.get(key)) ?? (ref === null ? undefined : byName.get(`ref:${ref}`)?.[0])
  if (exact) return exact
  if (key !== null || object === null) return null
  const about = byName.get(object) ?? []
  return about.find(({ status }) => status === 'unknown' || status === 'open') ?? about[0] ?? null
}

function judged(effect: LedgerEntry, entry: OutsideEntry, more: readonly OutsideEntry[]): readonly OutsideDifference[] {
  const doubled = more.map((each) => difference('doubled_outside', effect, each))
  switch (effect.status) {
    case 'failed':
      return [difference('happened_after_all', effect, entry), ...doubled]
    case 'unknown':
      return [difference('unknown_happened', effect, entry), ...doubled]
    case 'open':
      // Its answer is not on record yet: nothing can be said about it but that it is there.
      return doubled
    case 'succeeded': {
      const fields = effect.expected === null ? [] : fieldsThatDiffer(effect.expected, entry.what)
      return fields.length === 0 ? doubled : [difference('differs', effect, entry, fields), ...doubled]
    }
  }
}

function absent(effect: LedgerEntry): readonly OutsideDifference[] {
  if (effect.status === 'succeeded') return [difference('missing_outside', effect, null)]
  return effect.status === 'unknown' ? [difference('unknown_absent', effect, null)] : []
}

/** Names of the fields that the outside has otherwise, or not at all. What it has beyond them is its own matter. */
function fieldsThatDiffer(expected: JsonObject, what: JsonObject): readonly string[] {
  return Object.keys(expected)
    .filter((field) => canonicalJson(expected[field] ?? null) !== canonicalJson(what[field] ?? null))
    .sort()
}

function difference(
  kind: DifferenceKind,
  effect: LedgerEntry | null,
  entry: OutsideEntry | null,
  fields: readonly string[] = [],
): OutsideDifference {
  const { tool = null, run = null, seq = null, key = null } = effect ?? {}
  return { kind, tool, run, seq, key: key ?? entry?.key ?? null, ref: entry?.ref ?? null, fields }
}
