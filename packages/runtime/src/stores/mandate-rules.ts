import { hasRoom, holdsAt, type MandateRow, type MandateUse } from '../contracts/mandates.ts'
import type { RunCommit } from '../contracts/store.ts'

/** What a store has of a mandate. */
export interface MandatePlace {
  readonly mandate: (id: string) => MandateRow | null
  readonly uses: (id: string) => readonly MandateUse[]
}

/** The id of the first mandate without room for a use of the commit, or null. A use that is counted already has room. */
export function spentMandate(place: MandatePlace, { uses = [] }: RunCommit): string | null {
  const added = new Map<string, MandateUse[]>()
  for (const use of uses) {
    const before = [...place.uses(use.mandateId), ...(added.get(use.mandateId) ?? [])]
    if (before.some((one) => one.useId === use.useId)) continue
    const row = place.mandate(use.mandateId)
    if (row === null || !holdsAt(row, use.at) || !hasRoom(row, before, use)) return use.mandateId
    added.set(use.mandateId, [...(added.get(use.mandateId) ?? []), use])
  }
  return null
}
