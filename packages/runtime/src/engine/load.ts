import { SignalboxError } from '../base/errors.ts'
import type { BranchStarted, DefinitionRef, RunRecord, RunStarted } from '../contracts/records.ts'
import type { RunRow } from '../contracts/store.ts'
import type { WorkflowSpec } from '../contracts/workflow.ts'
import { BudgetLedger, type OuterBudgets, ScopeLedgers } from '../policy/index.ts'
import { decodeRecord } from '../reliability/chain.ts'
import { type Ancestor, ancestorOf } from '../reliability/family.ts'
import { foldRecord, foldStart, type RunFold } from '../reliability/fold.ts'
import { CHECKPOINT_TYPES, isCheckpoint, type Range, timelineRanges } from '../reliability/timeline.ts'
import { Contents } from './contents.ts'
import { standingOf } from './definitions.ts'
import type { Env } from './env.ts'
import { type Deadline, deadlineIn } from './lease.ts'
import { LiveRun } from './live-run.ts'
import { Slices } from './slices.ts'

/** A run as its records tell it, not yet live. */
export interface Loaded {
  readonly started: RunStarted
  readonly fold: RunFold
  readonly budget: BudgetLedger
  readonly timeline: readonly Range[]
}

/** Reads the genesis record of a run. Throws RUN_NOT_FOUND. */
export async function readStarted(env: Pick<Env, 'store'>, tenant: string, runId: string): Promise<RunStarted> {
  const [stored] = await env.store.recordsAt(tenant, runId, [1])
  const record = stored ? decodeRecord(stored) : null
  if (record?.type !== 'run.started') throw new SignalboxError('RUN_NOT_FOUND', `there is no run \`${runId}\``)
  return record
}

/**
 * Folds the records since the last checkpoint of the timeline that ends at `head` (ENGINE resume): the work does not
 * grow with the history, nor with what lies on other branches. Nothing after `head` is looked at: the run as it was then.
 * Budgets count all branches before it: the record of a branch holds their totals. What was reserved and never settled
 * stays reserved until its ask comes again and is charged in full (invariant 6).
 */
export async function loadFold(
  env: Pick<Env, 'store'>,
  row: RunRow,
  checkpointSeq: number,
  head: number,
): Promise<Loaded> {
  const { tenant, runId } = row
  const started = await readStarted(env, tenant, runId)
  const branches = row.branch > 0 ? await readBranches(env, tenant, runId) : []
  const timeline = timelineRanges(head, branches)
  const since = await readTimeline(env, row, timeline, checkpointSeq)
  const fold = foldStart(started)
  fold.definition = definitionBefore(started, since[0])
  fold.since = branches.findLast((branch) => branch.seq <= head)?.at ?? started.at
  const budgetFrom = totalsBefore(since, started)
  const budget = new BudgetLedger(started.budget, budgetFrom.spent)
  for (const record of since) {
    if (record.seq > budgetFrom.seq) budget.apply(record)
    foldOnTimeline(fold, record)
  }
  // What was passed before was told then.
  budget.freshWarnings()
  return { started, fold, budget, timeline }
}

/** The version that the run was with before the first record that is folded: its checkpoint tells. */
function definitionBefore(started: RunStarted, first: RunRecord | undefined): DefinitionRef {
  if (first?.type === 'run.upgraded') return first.from
  const { version, signature, shape } = started.workflow
  return (first && isCheckpoint(first) ? first.checkpoint.definition : null) ?? { version, signature, shape }
}

function foldOnTimeline(fold: RunFold, record: RunRecord): void {
  if (record.type === 'run.started') return
  // A checkpoint is made while the run is running.
  if (isCheckpoint(record) && fold.status === 'queued') fold.status = 'running'
  foldRecord(fold, record)
}

/** The newest totals on record: those of a branch or checkpoint, whichever came last. */
function totalsBefore(
  since: readonly RunRecord[],
  started: RunStarted,
): { readonly seq: number; readonly spent: RunStarted['checkpoint']['spent'] } {
  for (const record of [...since].reverse()) {
    if (record.type === 'branch.started') return { seq: record.seq, spent: record.spent }
    if (isCheckpoint(record)) return { seq: record.seq, spent: record.checkpoint.spent }
  }
  return { seq: started.seq, spent: started.checkpoint.spent }
}

/** The branch records of a run, oldest first. */
export async function readBranches(
  env: Pick<Env, 'store'>,
  tenant: string,
  runId: string,
): Promise<readonly BranchStarted[]> {
  const stored = await env.store.records(tenant, runId, { types: ['branch.started'] })
  return stored.map(decodeRecord).filter((record) => record.type === 'branch.started')
}

/** Sequence of the last checkpoint of a timeline: looked for from its end, so that the history is not read. */
export async function lastCheckpoint(
  env: Pick<Env, 'store'>,
  { tenant, runId }: RunRow,
  timeline: readonly Range[],
): Promise<number> {
  for (const { from, through } of timeline.toReversed()) {
    let last = through
    while (last >= from) {
      const filter = { types: CHECKPOINT_TYPES, after: from - 1, through: last, descending: true, limit: 1 }
      const [found] = await env.store.records(tenant, runId, filter)
      if (!found) break
      if (isCheckpoint(decodeRecord(found))) return found.seq
      last = found.seq - 1
    }
  }
  return 1
}

/** The records of a timeline from one sequence on, oldest first; what lies between its ranges is not read. */
async function readTimeline(
  env: Pick<Env, 'store'>,
  { tenant, runId }: RunRow,
  timeline: readonly Range[],
  first: number,
): Promise<readonly RunRecord[]> {
  const records: RunRecord[] = []
  for (const { from, through } of timeline) {
    if (through < first) continue
    const filter = { after: Math.max(from, first) - 1, through }
    for (const stored of await env.store.records(tenant, runId, filter)) records.push(decodeRecord(stored))
  }
  return records
}

/** The runs that a run was forked from, nearest first, each with the records that are shared. None for a run of its own. */
export async function readAncestors(
  env: Pick<Env, 'store'>,
  tenant: string,
  started: RunStarted,
): Promise<readonly Ancestor[]> {
  const ancestors: Ancestor[] = []
  let { parent } = started
  while (parent) {
    ancestors.push(ancestorOf(parent, await readBranches(env, tenant, parent.run)))
    parent = (await readStarted(env, tenant, parent.run)).parent
  }
  return ancestors
}

/** Brings a claimed run to life, with the definition that is here. Throws WORKFLOW_UNKNOWN when there is none. */
export async function loadRun(env: Env, row: RunRow, lease: Deadline): Promise<LiveRun> {
  const { started, fold, budget, timeline } = await loadFold(env, row, row.checkpointSeq, row.seq)
  const standing = standingOf(env, started.workflow.name, fold.definition)
  if (standing.kind === 'missing')
    throw new SignalboxError(
      'WORKFLOW_UNKNOWN',
      `workflow \`${started.workflow.name}\` of run \`${row.runId}\` is not loaded here`,
    )
  const { spec } = standing
  const sealer = await env.vault.sealer(row.tenant, row.subject)
  const contents = new Contents({ store: env.store, vault: env.vault, tenant: row.tenant, runId: row.runId, sealer })
  const ancestors = await readAncestors(env, row.tenant, started)
  const ranges = openEnded(timeline)
  const parts = { env, row, fold, spec, standing, sealer, contents, budget, lease, timeline: ranges, ancestors }
  const run = new LiveRun(parts)
  if (env.outer) await openSlices(run, env.outer)
  if (hasOwnBudgets(spec)) run.budget.scopes = await scopeLedgers(env, row)
  return run
}

/** What nested scopes used so far, over all branches: read whole, but only for workflows that limit one. */
async function scopeLedgers(env: Env, { tenant, runId, seq }: RunRow): Promise<ScopeLedgers> {
  const ledgers = new ScopeLedgers()
  const types = ['activity.intent', 'activity.outcome', 'branch.started'] as const
  for (const stored of await env.store.records(tenant, runId, { types, through: seq }))
    ledgers.apply(decodeRecord(stored))
  return ledgers
}

function hasOwnBudgets(spec: WorkflowSpec): boolean {
  return [...spec.scopes.values()].some((inner) => inner.ownBudget !== undefined || hasOwnBudgets(inner))
}

/** What the run holds of budgets over many runs; what a worker before it held is still its own (ENGINE R12). */
async function openSlices(run: LiveRun, outer: OuterBudgets): Promise<void> {
  const { env, tenant, runId, epoch, spec } = run
  const owner = { tenant, workflow: spec.name, principal: run.principal.id }
  for (const row of await env.store.runEffects(tenant, runId)) run.sentKeys.add(row.idempotencyKey)
  run.slices = new Slices({
    store: env.store,
    at: { tenant, runId, epoch },
    rows: await env.store.slices(tenant, runId),
    scopes: () => outer.scopesOf(owner, env.host.now()),
    totals: () => ({ spent: run.budget.spent, held: run.budget.held, effects: run.sentKeys.size }),
    onNews: (news) => {
      const { scope } = news
      if (news.what === 'warning')
        run.append({ type: 'budget.warning' as const, scope, limit: news.limit, percent: news.percent })
      else run.append({ type: 'budget.slice' as const, what: news.what, scope, granted: news.granted })
    },
  })
}

/** The last range grows with every record that is appended. */
function openEnded(ranges: readonly Range[]): readonly Range[] {
  const last = ranges.at(-1)
  return last ? [...ranges.slice(0, -1), { ...last, through: Number.MAX_SAFE_INTEGER }] : ranges
}

const ALONE_LEASE_MS = 10_000

/** Claims one run that nobody works on, to append something on a person's word. Throws RUN_STATE when a worker has it. */
export async function claimAlone(env: Env, row: RunRow, who: string): Promise<LiveRun> {
  const now = env.host.now()
  const lease = deadlineIn(env.host, ALONE_LEASE_MS)
  const only = { tenant: row.tenant, runId: row.runId }
  const [claimed] = await env.store.claim({
    worker: who,
    now,
    leaseUntil: lease.wallMs,
    limit: 1,
    signatures: null,
    only,
  })
  if (!claimed)
    throw new SignalboxError('RUN_STATE', `run \`${row.runId}\` is being worked on; cancel it or wait until it waits`)
  return loadRun(env, claimed, lease)
}
