import type { RunRecord } from '../contracts/records.ts'
import type { Gap } from './lineage.ts'
import { activitiesOf } from './view.ts'
import { proposalOf } from './lineage.ts'

/** A record of another run that a history rests on. */
export interface ForeignLink {
  readonly run: string
  readonly seq: number
  /** The tool that the record has to be about. */
  readonly tool: string
  /** Set where it has to be the outcome of exactly this effect. */
  readonly effectId: string | null
  /** The record that names it, and what the link is. */
  readonly from: number
  readonly kind: 'ledger' | 'undo'
}

/** The records of other runs that a history names: answers from the ledger of a family, and what a compensation undoes. */
export function foreignLinks(records: readonly RunRecord[]): readonly ForeignLink[] {
  return activitiesOf(records).flatMap((activity): readonly ForeignLink[] => {
    const first = activity.intent ?? activity.outcomes[0]
    // What a fork took over was checked where it was made; a read of a preview names what its call names.
    if (!first || first.origin || first.ask.parent) return []
    const undoes = proposalOf(activity)?.undoes
    const undo: readonly ForeignLink[] = undoes
      ? [{ ...undoes, effectId: undoes.effect_id, from: first.seq, kind: 'undo' }]
      : []
    const answers = activity.outcomes.flatMap(({ ledger, name, seq, run }): readonly ForeignLink[] =>
      ledger && ledger.run !== run
        ? [{ run: ledger.run, seq: ledger.seq, tool: name, effectId: null, from: seq, kind: 'ledger' }]
        : [],
    )
    return [...undo, ...answers]
  })
}

/** The link's gap, or null where the other run's record is what the history takes it for. `found` is null where it is missing. */
export function foreignGap(link: ForeignLink, found: RunRecord | null): Gap | null {
  const gap = (detail: string): Gap => ({ kind: link.kind, seq: link.from, detail })
  const place = `record ${link.seq} of run \`${link.run}\``
  if (!found) return gap(`${place}, which it names, is not there`)
  const isOutcome = found.type === 'activity.outcome'
  if (!isOutcome && found.type !== 'activity.intent') return gap(`${place}, which it names, is no call`)
  const name = isOutcome ? found.name : found.proposal.name
  if (name !== link.tool) return gap(`${place}, which it names, is of another tool`)
  if (link.effectId !== null && found.effect_id !== link.effectId)
    return gap(`${place}, which it names, is of another effect`)
  return null
}
