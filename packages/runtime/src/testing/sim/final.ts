import type { JsonValue } from '../../base/json.ts'
import { canonicalJson } from '../../base/json.ts'
import type { Store } from '../../contracts/store.ts'
import type { Vault } from '../../contracts/vault.ts'
import { Contents } from '../../engine/contents.ts'
import { openState } from '../../engine/state.ts'
import { auditRun } from '../../observability/audit.ts'
import type { RunWatch } from './run-watch.ts'
import type { OutsideSystem } from './scenario.ts'

/** How a world ended: what must be equal with and without faults (ENGINE R9). */
export interface FinalState {
  readonly runs: readonly {
    readonly status: string
    readonly output: JsonValue
    readonly state: JsonValue
  }[]
  /** Tools whose effects happened, by the records of all runs, sorted. */
  readonly effects: readonly string[]
  /** Identities that the outside system has, sorted. */
  readonly outside: readonly string[]
}

/** Reads how all runs ended, and audits every history anew from the store. Throws with the first finding. */
export async function finalState(
  store: Store,
  vault: Vault,
  runs: readonly RunWatch[],
  outside: OutsideSystem,
): Promise<FinalState> {
  const ends = []
  // By the id of the request: which run is stored first is left to chance.
  const byRequest = (run: RunWatch): string => run.fold.started.request_id
  const sorted = [...runs].sort((a, b) => (byRequest(a) < byRequest(b) ? -1 : 1))
  for (const run of sorted) ends.push(await endOf(store, vault, run))
  return {
    runs: ends,
    effects: effectsOf(runs),
    outside: outside
      .effects()
      .map((effect) => effect.identity)
      .sort(),
  }
}

async function endOf(store: Store, vault: Vault, run: RunWatch): Promise<FinalState['runs'][number]> {
  const { started, checkpoint, status } = run.fold
  const { tenant, run: runId, subject } = started
  const row = await store.run(tenant, runId)
  if (!row) throw new Error(`the run ${runId} is gone`)
  const { findings } = auditRun(await store.records(tenant, runId), row)
  const [first] = findings
  if (first) throw new Error(`the audit finds ${first.kind} at record ${first.seq}: ${first.detail}`)
  const contents = new Contents({ store, vault, tenant, runId, sealer: await vault.sealer(tenant, subject) })
  const { values } = await openState(run.spec, checkpoint, contents)
  const ref = checkpoint.outputs.at(-1)?.value ?? null
  return { status, output: ref ? await contents.read(ref) : null, state: values }
}

/** Tools of the effects that happened: a fork has copies of records, and an effect counts once by its key. */
function effectsOf(runs: readonly RunWatch[]): readonly string[] {
  const byKey = new Map<string, string>()
  for (const record of runs.flatMap((run) => run.records))
    if (
      record.type === 'activity.outcome' &&
      record.effect !== 'none' &&
      record.status === 'succeeded' &&
      !record.ledger
    )
      byKey.set(record.idempotency_key ?? '', record.name)
  return [...byKey.values()].sort()
}

/** What is different between two ends, in words; null when nothing is. */
export function differenceOf(expected: FinalState, found: FinalState): string | null {
  const parts: string[] = []
  for (const [i, run] of expected.runs.entries()) {
    const other = found.runs[i]
    for (const name of ['status', 'output', 'state'] as const) {
      const [want, have] = [canonicalJson(run[name]), canonicalJson(other?.[name] ?? null)]
      if (want !== have) parts.push(`${name} of run ${i + 1} is ${have} and was ${want} without faults`)
    }
  }
  for (const name of ['effects', 'outside'] as const) {
    const [want, have] = [canonicalJson(expected[name]), canonicalJson(found[name])]
    if (want !== have) parts.push(`${name} are ${have} and were ${want} without faults`)
  }
  return parts.length === 0 ? null : parts.join('; ')
}
