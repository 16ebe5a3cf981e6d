import { SignalboxError } from '../base/errors.ts'
import type { RunRow } from '../contracts/store.ts'

/** Refuses what would need contents that were destroyed (ENGINE R13): CONTENT_ERASED; and what goes on elsewhere: RUN_MOVED. */
export function refusePruned({ runId, kept, code }: RunRow): void {
  if (code === 'RUN_MOVED')
    throw new SignalboxError('RUN_MOVED', `run \`${runId}\` was moved to another store: it goes on there`)
  if (kept === undefined) return
  const left =
    kept === 'metadata' ? 'its records are left, without contents' : 'only the hashes of its records are left'
  throw new SignalboxError(
    'CONTENT_ERASED',
    `the history of run \`${runId}\` was pruned: ${left}; see \`signalbox explain ${runId}\``,
  )
}
