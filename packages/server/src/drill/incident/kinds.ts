/** The twenty kinds of incidents. */
import { APPROVAL_KINDS, POLICY_KINDS } from './kinds-approval.ts'
import { PROCESS_KINDS, RECOVERY_KINDS } from './kinds-recovery.ts'
import { OTHER_KINDS, OTHER_KINDS_ALONE } from './kinds-other.ts'
import { STOPPED_KINDS } from './kinds-stopped.ts'
import type { Pager } from './pager.ts'
import type { Plant, PlantAlone } from './planter.ts'
import type { Planted } from './truth.ts'
import type { World } from './world.ts'

const SHARED = { ...APPROVAL_KINDS, ...STOPPED_KINDS, ...RECOVERY_KINDS, ...OTHER_KINDS } as const
const ALONE = { ...POLICY_KINDS, ...PROCESS_KINDS, ...OTHER_KINDS_ALONE } as const

/** A kind of incident. */
export type IncidentKind = keyof typeof SHARED | keyof typeof ALONE

const PLANTS = new Map<string, Plant>(Object.entries(SHARED))
const PLANTS_ALONE = new Map<string, PlantAlone>(Object.entries(ALONE))

// The keys of both literals are exactly their own.
/** Every kind of incident that can be planted, in a fixed order. */
export const INCIDENT_KINDS = [...PLANTS.keys(), ...PLANTS_ALONE.keys()] as readonly IncidentKind[]

/** Plants one incident of a kind. No worker of the world may be at work. */
export async function plantIncident(world: World, pager: Pager, kind: IncidentKind): Promise<Planted> {
  const alone = PLANTS_ALONE.get(kind)
  if (alone) return { kind, ...(await alone(world, pager)) }
  const plant = PLANTS.get(kind)
  if (!plant) throw new Error(`nobody plants ${kind}`)
  return { kind, ...(await world.during({}, (box) => plant(world, box, pager))) }
}
