import type { DefinitionRef, RunRecord, RunStarted } from '../contracts/records.ts'

/** What a run was with after a record, and whether a superstep was open then. */
interface Held {
  readonly definition: DefinitionRef | null
  readonly open: boolean
}

/** A take-over by another version that is on record where none may be. */
export interface UpgradeFinding {
  readonly seq: number
  readonly detail: string
}

/** Records of a superstep that has not ended. */
const WORK: ReadonlySet<RunRecord['type']> = new Set([
  'activity.intent',
  'activity.outcome',
  'approval.requested',
  'question.asked',
  'timer.set',
  'step.failed',
  'request.answered',
  'position.saved',
  'activation.completed',
  'activation.failed',
  'request.opened',
])

/**
 * Finds upgrades that do not start from the version that the run was with, an upgrade applied twice for instance, and
 * upgrades of state inside an open superstep (invariant 11, ENGINE R14). Follows branches; reads records alone.
 */
export function upgradeFindings(records: readonly RunRecord[]): readonly UpgradeFinding[] {
  const findings: UpgradeFinding[] = []
  const after = new Map<number, Held>()
  let held: Held = { definition: null, open: false }
  for (const record of records) {
    if (record.type === 'run.upgraded') findings.push(...faultsOf(record, held))
    held = next(record, held, after)
    after.set(record.seq, held)
  }
  return findings
}

/** A genesis that was tampered with may name no workflow: other checks tell of that. */
function firstDefinition(started: Partial<RunStarted>): DefinitionRef | null {
  if (!started.workflow) return null
  const { version, signature, shape } = started.workflow
  return { version, signature, shape }
}

function next(record: RunRecord, held: Held, after: ReadonlyMap<number, Held>): Held {
  if (WORK.has(record.type)) return { ...held, open: true }
  switch (record.type) {
    case 'run.started':
      return { definition: firstDefinition(record), open: false }
    case 'superstep.completed':
      return { ...held, open: false }
    case 'run.upgraded':
      return { ...held, definition: record.to }
    case 'branch.started':
      return after.get(record.from) ?? held
    default:
      return held
  }
}

function faultsOf(record: Extract<RunRecord, { type: 'run.upgraded' }>, held: Held): UpgradeFinding[] {
  const { seq, from, checkpoint } = record
  const faults: UpgradeFinding[] = []
  const is = held.definition
  if (is && (from.version !== is.version || from.signature !== is.signature || from.shape !== is.shape))
    faults.push({ seq, detail: `it starts from version ${from.version}, and the run was with ${is.version}` })
  if (checkpoint !== null && held.open) faults.push({ seq, detail: 'it changes the state inside an open superstep' })
  return faults
}
