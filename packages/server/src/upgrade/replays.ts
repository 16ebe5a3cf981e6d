/** Replays the runs of one store that nobody else uses, and sums up what came of it. */
import type { Host, PolicyFlip, ReplayDifference, Replayer, RunReplay, RunRow, Store } from 'signalbox'

/** Which runs are replayed: all, those of a workflow, the newest so many, those since a time (milliseconds since 1970). */
export interface Selection {
  readonly workflow: string | null
  readonly last: number | null
  readonly sinceMs: number | null
}

/** What is wrong, or to be told, about one run. */
export interface UpgradeFinding {
  /**
   * `difference`: the same definition does something else. `declared`: another version does, which its number tells.
   * `cannot_go_on`: an open run that nothing here can take up. `unreadable`: it cannot be replayed. `history`: its history
   * does not verify. Only `declared` is no failure.
   */
  readonly kind: 'difference' | 'declared' | 'cannot_go_on' | 'unreadable' | 'history'
  readonly runId: string
  readonly workflow: string
  readonly version: string
  readonly here: string | null
  /** A sentence without content. */
  readonly what: string
  readonly difference: ReplayDifference | null
  readonly changes: readonly string[]
}

/** Decisions that come out otherwise, summed up by what was called. */
export interface FlipSum {
  readonly name: string
  readonly before: string
  readonly after: string
  readonly count: number
  readonly first: { readonly runId: string; readonly seq: number }
}

/** What came of the runs of one store. */
export interface ReplaySum {
  readonly runs: number
  readonly open: number
  readonly same: number
  readonly differs: number
  readonly declared: number
  readonly skipped: Readonly<Record<string, number>>
  readonly cannotGoOn: number
  readonly supersteps: number
  readonly asks: number
  readonly decisions: number
  readonly flipped: number
  readonly durationMs: number
  /** Findings that are told; of more than `MOST_FINDINGS` the rest is counted in `failed` alone. */
  readonly findings: readonly UpgradeFinding[]
  /** Findings that are failures. */
  readonly failed: number
  readonly flips: readonly FlipSum[]
}

/** Findings that a report tells one by one. */
export const MOST_FINDINGS = 200

const PAGE = 100
/** Kinds of flips that are told apart. */
const MOST_FLIPS = 100

/** Ended runs without contents are told as skipped: there is nothing left to replay. */
const MAY_SKIP: ReadonlySet<string> = new Set(['CONTENT_ERASED', 'RUN_MOVED'])

const ENDED: ReadonlySet<string> = new Set(['completed', 'stopped', 'cancelled', 'terminated'])

/** What is replayed and how it is watched. */
export interface ReplayStoreOptions {
  readonly store: Store
  readonly replayer: Replayer
  readonly host: Host
  readonly selection: Selection
  /** Ways out that user code tried while one run was replayed, and forgets them. */
  readonly takeAttempts: () => readonly string[]
  readonly onRun?: (done: number) => void
}

/** Replays the chosen runs one after the other, newest first: what is in memory does not grow with their number. */
export async function replayStore(options: ReplayStoreOptions): Promise<ReplaySum> {
  const { store, replayer, host, selection, takeAttempts, onRun } = options
  const tally = new Tally()
  const started = host.monotonicMs()
  for (const tenant of await store.tenants())
    for await (const row of rowsOf(store, tenant, selection)) {
      takeAttempts()
      const replay = await replayer.run(tenant, row.runId)
      tally.add(withAttempts(replay, takeAttempts()))
      onRun?.(tally.runs)
    }
  return tally.sum(host.monotonicMs() - started)
}

async function* rowsOf(store: Store, tenant: string, { workflow, last, sinceMs }: Selection): AsyncGenerator<RunRow> {
  let left = last ?? Number.POSITIVE_INFINITY
  let before: { createdAt: number; runId: string } | undefined
  for (;;) {
    const rows = await store.runs({
      tenant,
      limit: PAGE,
      ...(workflow === null ? {} : { workflow }),
      ...(before ? { before } : {}),
    })
    for (const row of rows) {
      if (left <= 0 || (sinceMs !== null && row.createdAt < sinceMs)) return
      left -= 1
      yield row
    }
    before = rows.at(-1)
    if (rows.length < PAGE) return
  }
}

/** Code that tried to get out is a difference, whatever else came of the run. */
function withAttempts(replay: RunReplay, attempts: readonly string[]): RunReplay {
  const [how] = attempts
  if (how === undefined || replay.difference?.kind === 'outside_call') return replay
  const what = `code of the workflow goes out by itself (${how}); use a tool instead`
  const nowhere = {
    superstep: 0,
    node: null,
    activation: null,
    ask: null,
    seq: null,
    field: null,
    before: null,
    after: null,
  }
  return { ...replay, end: 'differs', why: null, difference: { kind: 'outside_call', what, ...nowhere } }
}

class Tally {
  runs = 0
  private open = 0
  private same = 0
  private differs = 0
  private declared = 0
  private cannotGoOn = 0
  private supersteps = 0
  private asks = 0
  private decisions = 0
  private flipped = 0
  private failed = 0
  private readonly skipped: Record<string, number> = {}
  private readonly findings: UpgradeFinding[] = []
  private readonly flips = new Map<string, FlipSum>()

  add(run: RunReplay): void {
    const isOpen = !ENDED.has(run.status)
    this.runs += 1
    if (isOpen) this.open += 1
    this.supersteps += run.supersteps
    this.asks += run.asks
    this.decisions += run.decisions
    this.flipped += run.flipped
    for (const flip of run.flips) this.flip(flip)
    if (run.end === 'same') this.same += 1
    if (run.end === 'differs') this.different(run)
    if (run.end === 'skipped') this.skip(run, isOpen)
    if (run.cannotGoOn !== null) this.stuck(run, run.cannotGoOn)
  }

  private different(run: RunReplay): void {
    // Another version says by its number that it does something else.
    const isDeclared = run.otherVersion && run.difference?.kind !== 'outside_call'
    if (isDeclared) this.declared += 1
    else this.differs += 1
    this.find(run, isDeclared ? 'declared' : 'difference', run.difference?.what ?? 'it differs')
  }

  private skip(run: RunReplay, isOpen: boolean): void {
    const { code, message } = run.why ?? { code: 'INTERNAL', message: 'it was skipped' }
    this.skipped[code] = (this.skipped[code] ?? 0) + 1
    if (code === 'WORKFLOW_UNKNOWN' && isOpen) this.stuck(run, message)
    else if (!MAY_SKIP.has(code) && code !== 'WORKFLOW_UNKNOWN') this.find(run, 'unreadable', `${code}: ${message}`)
  }

  private stuck(run: RunReplay, why: string): void {
    this.cannotGoOn += 1
    this.find(run, 'cannot_go_on', why)
  }

  private find(run: RunReplay, kind: UpgradeFinding['kind'], what: string): void {
    if (kind !== 'declared') this.failed += 1
    if (this.findings.length >= MOST_FINDINGS) return
    const { runId, workflow, version, here, difference, changes } = run
    this.findings.push({ kind, runId, workflow, version, here, what, difference, changes })
  }

  private flip({ runId, seq, name, before, after }: PolicyFlip): void {
    const key = JSON.stringify([name, before, after])
    const known = this.flips.get(key)
    if (!known && this.flips.size >= MOST_FLIPS) return
    const first = known?.first ?? { runId, seq }
    this.flips.set(key, { name, before, after, count: (known?.count ?? 0) + 1, first })
  }

  sum(durationMs: number): ReplaySum {
    const { runs, open, same, differs, declared, cannotGoOn, supersteps, asks, decisions, flipped, failed } = this
    const counts = { runs, open, same, differs, declared, cannotGoOn, supersteps, asks, decisions, flipped, failed }
    const { skipped, findings } = this
    return { ...counts, durationMs, skipped, findings, flips: [...this.flips.values()] }
  }
}
