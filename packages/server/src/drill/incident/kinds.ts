/** The twenty kinds of incidents. */
import { APPROVAL_KINDS } from './kinds-approval.ts'
import { RECOVERY_KINDS } from './kinds-recovery.ts'
import { STOPPED_KINDS } from './kinds-stopped.ts'

/** How each kind of incident is planted. */
export const INCIDENT_KINDS = { ...APPROVAL_KINDS, ...STOPPED_KINDS, ...RECOVERY_KINDS } as const
/** A kind of incident. */
export type IncidentKind = keyof typeof INCIDENT_KINDS
/** All kinds, in the order in which they are listed. */
// The keys of a literal are exactly its own.
export const KIND_NAMES = Object.keys(INCIDENT_KINDS) as readonly IncidentKind[]
