import { auditHeads, proveRun, type RunProof, SignalboxError, type VerifierKey } from 'signalbox'
import { readHeads } from './files.ts'

/**
 * The proof that the last head of a folder covers a run. Throws AUDIT_FAILED when the heads themselves do not verify, and
 * NOT_FOUND when none covers the run, or runs of several tenants have this id.
 */
export function proveFromHeads(place: { readonly dir: string; readonly key: VerifierKey }, runId: string): RunProof {
  const { findings, last, leaves } = auditHeads(
    readHeads(place.dir).filter((each) => each.note !== null),
    place.key,
  )
  const [finding] = findings
  if (finding)
    throw new SignalboxError('AUDIT_FAILED', `head ${finding.head ?? '?'}: ${finding.kind}: ${finding.detail}`)
  const own = leaves.all().filter((leaf) => leaf.runId === runId)
  const [leaf] = own
  if (!last || !leaf)
    throw new SignalboxError(
      'NOT_FOUND',
      `no tree head covers run \`${runId}\`: wait for the next one, or name --heads`,
    )
  if (own.length > 1) throw new SignalboxError('NOT_FOUND', `runs of ${own.length} tenants have the id \`${runId}\``)
  return proveRun(leaf, leaves, last.note)
}
