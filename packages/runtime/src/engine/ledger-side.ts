/** The ledger's side of a comparison with the outside: effects of a window with what the outside must hold of them. */
import { toSignalboxError } from '../base/errors.ts'
import type { JsonObject } from '../base/json.ts'
import { isoTime } from '../base/time.ts'
import { isEmptied } from '../contracts/pruning.ts'
import type { LedgerEntry } from '../contracts/reconcile.ts'
import type { RunRecord } from '../contracts/records.ts'
import type { EffectRow, EffectState, RunRow } from '../contracts/store.ts'
import type { ToolSpec } from '../contracts/tool.ts'
import { toolsWithin } from '../contracts/workflow.ts'
import { decodeRecord } from '../reliability/chain.ts'
import { Contents } from './contents.ts'
import type { Env } from './env.ts'

/** Most effects of one listing that a comparison reads; a longer window is compared in parts. */
export const MOST_EFFECTS = 5_000
const PAGE = 200

/** Which effects are read. Times in milliseconds since 1970. */
export interface LedgerWindow {
  readonly tenant: string
  readonly tools: readonly string[]
  readonly from: number
  readonly to: number
}

/** What was read; `whole` is false where there is more than one comparison holds. */
export interface LedgerSide {
  readonly effects: readonly LedgerEntry[]
  readonly whole: boolean
}

/** Effects of these tools that ended in the window, and those that are open. Reads only. */
export async function ledgerSide(env: Env, { tenant, tools, from, to }: LedgerWindow): Promise<LedgerSide> {
  const runs = new Set<string>()
  let [seen, whole] = [0, true]
  for (const name of tools) {
    let before: { readonly at: number; readonly runId: string; readonly seq: number } = { at: to, runId: '', seq: 0 }
    for (let more = true; more && whole; ) {
      const page = await env.store.lineageTerms({ tenant, term: 'tool', value: name, limit: PAGE, before })
      const rows = page.filter(({ at }) => at >= from)
      for (const { runId } of rows) runs.add(runId)
      seen += rows.length
      whole = seen <= MOST_EFFECTS
      before = page.at(-1) ?? before
      more = rows.length === PAGE
    }
    const open = await env.store.facts({ tenant, only: 'effect', phase: 'open', name, limit: PAGE })
    for (const { run_id } of open) runs.add(run_id)
  }
  const effects: LedgerEntry[] = []
  for (const run of [...runs].sort())
    effects.push(...(await effectsOf(env, tenant, run, (row) => tools.includes(row.tool))))
  return { effects, whole }
}

/** The effects that were sent under these keys, whenever that was. */
export async function effectsUnder(
  env: Env,
  { tenant, keys }: { readonly tenant: string; readonly keys: readonly string[] },
): Promise<readonly LedgerEntry[]> {
  const found: LedgerEntry[] = []
  for (const value of keys) {
    const [row] = await env.store.lineageTerms({ tenant, term: 'idempotency_key', value, limit: 1 })
    if (row) found.push(...(await effectsOf(env, tenant, row.runId, (each) => each.idempotencyKey === value)))
  }
  return found
}

/** States in which the outside may hold something. */
const SENT = {
  open: 'open',
  unknown: 'unknown',
  succeeded: 'succeeded',
  failed: 'failed',
  not_sent: null,
  released: null,
} as const satisfies Record<EffectState, LedgerEntry['status'] | null>

async function effectsOf(
  env: Env,
  tenant: string,
  runId: string,
  which: (row: EffectRow) => boolean,
): Promise<readonly LedgerEntry[]> {
  const run = await env.store.run(tenant, runId)
  const rows = (await env.store.runEffects(tenant, runId)).filter((row) => SENT[row.state] !== null && which(row))
  if (!run || rows.length === 0) return []
  const seqs = rows.flatMap(({ intentSeq, outcomeSeq }) =>
    outcomeSeq === null ? [intentSeq] : [intentSeq, outcomeSeq],
  )
  const stored = await env.store.recordsAt(tenant, runId, [...new Set(seqs)])
  const records = new Map(stored.flatMap((each) => (isEmptied(each) ? [] : [[each.seq, decodeRecord(each)] as const])))
  const sealer = await env.vault.sealer(tenant, run.subject)
  const contents = new Contents({ store: env.store, vault: env.vault, tenant, runId, sealer })
  return Promise.all(rows.map((row) => entryOf(env, run, row, records, contents)))
}

async function entryOf(
  env: Env,
  run: RunRow,
  row: EffectRow,
  records: ReadonlyMap<number, RunRecord>,
  contents: Contents,
): Promise<LedgerEntry> {
  const seq = row.outcomeSeq ?? row.intentSeq
  const content = await contentOf(toolOf(env, run, row.tool), row, records, contents)
  return {
    tool: row.tool,
    run: row.runId,
    seq,
    // Of a pruned run only hashes are left: it is as old as the run.
    at: records.get(seq)?.at ?? isoTime(run.createdAt),
    key: row.idempotencyKey,
    // States without a status were left out before.
    status: SENT[row.state] ?? 'open',
    ...content,
  }
}

type Content = Pick<LedgerEntry, 'names' | 'expected'>
const NOTHING: Content = { names: [], expected: null }

/** What the tool makes of what was recorded. Erased or pruned content leaves nothing to compare; that is told. */
async function contentOf(
  tool: ToolSpec | null,
  row: EffectRow,
  records: ReadonlyMap<number, RunRecord>,
  contents: Contents,
): Promise<Content> {
  const [intent, outcome] = [records.get(row.intentSeq), records.get(row.outcomeSeq ?? 0)]
  if (tool === null || intent?.type !== 'activity.intent') return NOTHING
  try {
    const args = tool.parseInput(await contents.read((intent.proposal.edited ?? intent.proposal).args))
    const happened = row.state === 'succeeded' && outcome?.type === 'activity.outcome' && outcome.result !== null
    const output = happened && outcome.result ? await contents.read(outcome.result) : null
    const expected: JsonObject | null = output === null ? null : (tool.listed?.expect(args, output) ?? null)
    return { names: tool.touches?.(args, output) ?? [], expected }
  } catch (thrown) {
    if (toSignalboxError(thrown).code === 'CONTENT_ERASED') return NOTHING
    throw thrown
  }
}

/** The tool of the run's own workflow version; else the newest of that name that is loaded. */
function toolOf(env: Env, run: RunRow, name: string): ToolSpec | null {
  const own = env.workflows.get(run.signature)
  const specs = [...(own ? [own] : []), ...[...env.workflows.values()].reverse()]
  return specs.flatMap(toolsWithin).find((tool) => tool.name === name) ?? null
}
