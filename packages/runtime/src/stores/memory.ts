/**
 * The store for tests: everything in maps, the same answers as the durable ones, gone with the process.
 * Each method does its work before it first waits, so that methods never interleave.
 */
import { SignalboxError } from '../base/errors.ts'
import type { Host } from '../base/host.ts'
import type {
  AdoptedRun,
  AdoptResult,
  ClaimRequest,
  CommitResult,
  CreateResult,
  EffectRow,
  ExportedRecord,
  InboxItem,
  InboxResult,
  KeptInboxItem,
  NewRun,
  PersonRequestRow,
  Prune,
  RecordFilter,
  RequestClosing,
  RunCommit,
  RunFilter,
  RunRow,
  Store,
  StoredInboxItem,
  StoredRecord,
  StoreStats,
} from '../contracts/store.ts'
import { isPruningType } from '../contracts/pruning.ts'
import {
  ACTIVE_STATUSES,
  adoptedRow,
  checkAdopted,
  checkCommit,
  checkNewRun,
  claimableSince,
  firstRow,
  movesOn,
  runnableAfterAdoption,
  runnableAfterRelease,
  settledItem,
  STORE_VERSION,
  wakes,
} from './rules.ts'
import { MemoryFacts } from './memory-facts.ts'
import { MemoryLedger } from './memory-ledger.ts'
import { pair } from './memory-kept.ts'

interface MemoryInboxRow {
  readonly item: StoredInboxItem
  consumed: boolean
}

interface MemoryRun {
  row: RunRow
  runnable: boolean
  readonly records: StoredRecord[]
  readonly inbox: MemoryInboxRow[]
}

function open(run: MemoryRun): MemoryInboxRow[] {
  return run.inbox.filter((entry) => !entry.consumed)
}

/** True while an inbox row waits that the run must read in its status. */
function asked(run: MemoryRun): boolean {
  return open(run).some((entry) => wakes(entry.item.kind, run.row.status))
}

class MemoryStore extends MemoryFacts implements Store {
  readonly version = STORE_VERSION
  readonly capabilities = { durable: false, sharedBetweenProcesses: false }

  readonly #runs = new Map<string, MemoryRun>()
  readonly #byRequest = new Map<string, MemoryRun>()
  readonly #log: ExportedRecord[] = []
  readonly #ledger = new MemoryLedger()
  readonly #requests = new Map<string, PersonRequestRow>()
  #inboxRows = 0
  #bytes = 0
  #commits = 0
  #closed = false

  async create(run: NewRun): Promise<CreateResult> {
    this.check()
    checkNewRun(run)
    const known = this.#find(run.tenant, run.runId) ?? this.#byRequest.get(pair(run.tenant, run.requestId))
    if (known) return { status: 'exists', runId: known.row.runId }
    const refused = this.chargeStart(run)
    if (refused) return { status: 'refused', scope: refused.scope }
    const made: MemoryRun = { row: firstRow(run), runnable: true, records: [], inbox: [] }
    this.#runs.set(pair(run.tenant, run.runId), made)
    this.#byRequest.set(pair(run.tenant, run.requestId), made)
    this.#append(made, [run.genesis, ...(run.copied ?? [])])
    for (const request of run.requests ?? []) this.#requests.set(pair(request.tenant, request.id), { ...request })
    this.addNotices(run.notices)
    this.addTerms(run.terms)
    this.#commits++
    return { status: 'created' }
  }

  async adopt(run: AdoptedRun): Promise<AdoptResult> {
    this.check()
    checkAdopted(run)
    const { tenant, runId, requestId } = run.row
    const known = this.#find(tenant, runId) ?? this.#byRequest.get(pair(tenant, requestId))
    const asked = run.requests.find((each) => this.#requests.has(pair(tenant, each.id)))
    const id = known?.row.runId ?? asked?.id
    if (id !== undefined) return { status: 'exists', id }
    const effectId = this.#ledger.adopt(run.effects)
    if (effectId !== null) return { status: 'effect_claimed', effectId }
    const inbox = run.inbox.map(({ consumed, ...item }) => ({ item: { ...item, row: ++this.#inboxRows }, consumed }))
    const made: MemoryRun = { row: adoptedRow(run.row), runnable: runnableAfterAdoption(run), records: [], inbox }
    this.#runs.set(pair(tenant, runId), made)
    this.#byRequest.set(pair(tenant, requestId), made)
    for (const request of run.requests) this.#requests.set(pair(tenant, request.id), { ...request })
    this.addNotices(run.notices)
    this.addTerms(run.terms)
    this.#append(made, run.records)
    this.#commits++
    return { status: 'adopted' }
  }

  async commit(commits: readonly RunCommit[]): Promise<readonly CommitResult[]> {
    this.check()
    for (const commit of commits) checkCommit(commit)
    const results = commits.map((commit) => this.#commitOne(commit))
    if (results.some((result) => result.status === 'committed')) this.#commits++
    return results
  }

  async claim(request: ClaimRequest): Promise<readonly RunRow[]> {
    this.check()
    for (const { tenant, runId, epoch } of request.returned ?? []) {
      const run = this.#find(tenant, runId)
      if (!run || run.row.epoch !== epoch || run.row.leaseOwner !== request.worker) continue
      run.row = { ...run.row, leaseUntil: request.now, attempts: Math.max(run.row.attempts - 1, 0) }
    }
    const claimed: RunRow[] = []
    for (const run of this.#runs.values()) {
      if (claimed.length >= request.limit) break
      if (!claimable(run, request)) continue
      run.runnable = asked(run)
      const { epoch, attempts } = run.row
      const { worker: leaseOwner, leaseUntil } = request
      run.row = { ...run.row, epoch: epoch + 1, attempts: attempts + 1, leaseOwner, leaseUntil }
      claimed.push(run.row)
    }
    return claimed
  }

  async heartbeat(
    worker: string,
    held: readonly { tenant: string; runId: string; epoch: number }[],
    leaseUntil: number,
  ): Promise<readonly string[]> {
    this.check()
    const lost: string[] = []
    for (const { tenant, runId, epoch } of held) {
      const run = this.#find(tenant, runId)
      if (run && run.row.leaseOwner === worker && run.row.epoch === epoch) run.row = { ...run.row, leaseUntil }
      else lost.push(runId)
    }
    return lost
  }

  async post(item: InboxItem): Promise<InboxResult> {
    this.check()
    return this.#post(item)
  }

  #post(item: InboxItem): InboxResult {
    const run = this.#find(item.tenant, item.runId)
    if (!run) return { status: 'no_run' }
    if (run.inbox.some((entry) => entry.item.id === item.id)) return { status: 'duplicate' }
    const first = item.slot === null ? undefined : run.inbox.find((entry) => entry.item.slot === item.slot)
    if (first) {
      const { by, body, createdAt } = first.item
      return { status: 'slot_taken', by: by.id, body, createdAt }
    }
    run.inbox.push({ item: { ...item, row: ++this.#inboxRows }, consumed: false })
    if (wakes(item.kind, run.row.status)) run.runnable = true
    return { status: 'stored' }
  }

  async inbox(tenant: string, runId: string): Promise<readonly StoredInboxItem[]> {
    this.check()
    const run = this.#find(tenant, runId)
    return run ? open(run).map((entry) => entry.item) : []
  }

  async inboxKept(tenant: string, runId: string): Promise<readonly KeptInboxItem[]> {
    this.check()
    return (this.#find(tenant, runId)?.inbox ?? []).map(({ item: { row: _, ...item }, consumed }) => ({
      ...item,
      consumed,
    }))
  }

  async run(tenant: string, runId: string): Promise<RunRow | null> {
    this.check()
    return this.#find(tenant, runId)?.row ?? null
  }

  async runs(filter: RunFilter): Promise<readonly RunRow[]> {
    this.check()
    return [...this.#runs.values()]
      .map((run) => run.row)
      .filter((row) => inFilter(row, filter))
      .sort(newestFirst)
      .slice(0, filter.limit)
  }

  async records(tenant: string, runId: string, filter: RecordFilter = {}): Promise<readonly StoredRecord[]> {
    this.check()
    const { after = 0, through = Number.MAX_SAFE_INTEGER, types, limit, descending = false } = filter
    const found = (this.#find(tenant, runId)?.records ?? []).filter(
      (record) => record.seq > after && record.seq <= through && (!types || types.includes(record.type)),
    )
    if (descending) found.reverse()
    return found.slice(0, limit)
  }

  async recordsAt(tenant: string, runId: string, seqs: readonly number[]): Promise<readonly StoredRecord[]> {
    this.check()
    const wanted = new Set(seqs)
    return (this.#find(tenant, runId)?.records ?? []).filter((record) => wanted.has(record.seq))
  }

  async forks(tenant: string, runId: string): Promise<readonly string[]> {
    this.check()
    return [...this.#runs.values()]
      .filter((run) => run.row.tenant === tenant && parentOf(run.records[0]?.body ?? '') === runId)
      .map((run) => run.row.runId)
  }

  async tenants(): Promise<readonly string[]> {
    this.check()
    return [...new Set([...this.#runs.values()].map((run) => run.row.tenant))].sort()
  }

  async export(after: number, limit: number): Promise<readonly ExportedRecord[]> {
    this.check()
    return this.#log.slice(Math.max(0, after), Math.max(0, after) + limit)
  }

  async effect(tenant: string, tool: string, scope: string, identity: string): Promise<EffectRow | null> {
    this.check()
    return this.#ledger.holder({ tenant, tool, scope, identity }) ?? null
  }

  async effects(tenant: string, rootRunId: string): Promise<readonly EffectRow[]> {
    this.check()
    return this.#ledger.family(tenant, rootRunId)
  }

  async runEffects(tenant: string, runId: string): Promise<readonly EffectRow[]> {
    this.check()
    return this.#ledger.ofRun(tenant, runId)
  }

  async effectsInFlight(tenant: string, limit: number): Promise<readonly EffectRow[]> {
    this.check()
    return this.#ledger.inFlight(tenant).slice(0, limit)
  }

  async request(tenant: string, id: string): Promise<PersonRequestRow | null> {
    this.check()
    return this.#requests.get(pair(tenant, id)) ?? null
  }

  async requests(filter: Parameters<Store['requests']>[0]): Promise<readonly PersonRequestRow[]> {
    this.check()
    return [...this.#requests.values()]
      .filter(
        (row) =>
          row.tenant === filter.tenant &&
          (filter.state === undefined || row.state === filter.state) &&
          (filter.kind === undefined || row.kind === filter.kind) &&
          (filter.runId === undefined || row.runId === filter.runId) &&
          (filter.question === undefined || row.question === filter.question),
      )
      .sort((a, b) => (a.requestedAt - b.requestedAt || (a.id < b.id ? -1 : 1)) * (filter.newest ? -1 : 1))
      .slice(0, filter.limit)
  }

  async decidedRequests(filter: Parameters<Store['decidedRequests']>[0]): Promise<readonly PersonRequestRow[]> {
    this.check()
    const { tenant, kind, since, limit } = filter
    return [...this.#requests.values()]
      .filter((row) => row.tenant === tenant && row.kind === kind && (row.decidedAt ?? -1) >= since)
      .sort((a, b) => (b.decidedAt ?? 0) - (a.decidedAt ?? 0) || (a.id < b.id ? 1 : -1))
      .slice(0, limit)
  }

  async stats(): Promise<StoreStats> {
    this.check()
    return { runs: this.#runs.size, records: this.#log.length, bytes: this.#bytes, commits: this.#commits }
  }

  async close(): Promise<void> {
    this.#closed = true
  }

  protected override check(): void {
    if (this.#closed) throw new SignalboxError('STORE_UNAVAILABLE', 'the store is closed: open it again')
  }

  #find(tenant: string, runId: string): MemoryRun | undefined {
    return this.#runs.get(pair(tenant, runId))
  }

  protected override leasedAt(tenant: string, runId: string): number | null {
    const row = this.#find(tenant, runId)?.row
    return row && row.leaseOwner !== null ? row.epoch : null
  }

  #commitOne(commit: RunCommit): CommitResult {
    const run = this.#find(commit.tenant, commit.runId)
    if (!run || run.row.leaseOwner === null || run.row.seq !== commit.expectSeq || run.row.epoch !== commit.epoch)
      return { status: 'fenced' }
    const consumed = new Set(commit.consumed)
    const left = new Set(commit.left)
    const unread = open(run).filter(({ item }) => !consumed.has(item.row) && !left.has(item.row))
    if (commit.release && unread.length > 0) return { status: 'inbox_not_empty' }
    const spent = this.spent(commit)
    if (spent !== null) return { status: 'mandate_spent', mandateId: spent }
    const holder = this.#ledger.apply(commit)
    if (holder !== null) return { status: 'effect_claimed', effectId: holder }
    this.setSlices(commit)
    this.countUses(commit)
    for (const entry of run.inbox) if (consumed.has(entry.item.row)) entry.consumed = true
    for (const request of commit.requests) this.#requests.set(pair(request.tenant, request.id), { ...request })
    for (const closing of commit.closed) this.#closeRequest(commit, closing)
    this.addNotices(commit.notices)
    this.addActs(commit.acts)
    this.addTerms(commit.terms)
    const lease = commit.release ? { leaseOwner: null, leaseUntil: null } : {}
    const attempts = movesOn(commit) ? 0 : run.row.attempts
    const { seq, head, definition } = commit
    run.row = { ...run.row, ...commit.row, ...lease, ...definition, seq, head, attempts }
    if (commit.prune) this.#prune(run, commit.prune)
    if (commit.release) run.runnable = runnableAfterRelease(commit.row.status)
    this.#append(run, commit.records)
    for (const { runId, effect } of this.#ledger.ended(commit)) {
      const item = settledItem(runId, effect, commit.row.updatedAt)
      this.#post(item)
    }
    return { status: 'committed' }
  }

  #closeRequest({ tenant, runId }: RunCommit, closing: RequestClosing): void {
    const place = pair(tenant, closing.id)
    const request = this.#requests.get(place)
    if (request?.runId === runId) this.#requests.set(place, { ...request, ...closing })
  }

  #prune(run: MemoryRun, { through, keep }: Prune): void {
    const { tenant, runId } = run.row
    for (const [at, record] of run.records.entries()) {
      if (record.seq > through) continue
      const body = keep === 'nothing' && !isPruningType(record.type) ? '' : record.body
      run.records[at] = { ...record, body, sealed: null }
      const place = this.#log.findIndex(
        (each) => each.tenant === tenant && each.runId === runId && each.seq === record.seq,
      )
      const logged = this.#log[place]
      if (logged) this.#log[place] = { ...logged, body }
      this.#bytes -= record.body.length - body.length + (record.sealed?.length ?? 0)
    }
    for (const [at, { item, consumed }] of run.inbox.entries())
      if (consumed) run.inbox[at] = { item: { ...item, sealed: null }, consumed }
    run.row = { ...run.row, kept: keep }
  }

  #append(run: MemoryRun, records: readonly StoredRecord[]): void {
    for (const record of records) {
      const kept = { ...record, sealed: record.sealed?.slice() ?? null }
      run.records.push(kept)
      const { tenant, runId } = run.row
      const { sealed: _, ...logged } = kept
      this.#log.push({ ...logged, position: this.#log.length + 1, tenant, runId })
      this.#bytes += kept.body.length + (kept.sealed?.length ?? 0)
    }
  }
}

/** The run that a genesis names as the one it was forked from. */
function parentOf(body: string): unknown {
  try {
    const value: unknown = JSON.parse(body)
    const parent: unknown = typeof value === 'object' && value !== null && 'parent' in value ? value.parent : null
    return typeof parent === 'object' && parent !== null && 'run' in parent ? parent.run : null
  } catch {
    return null
  }
}

function claimable(run: MemoryRun, request: ClaimRequest): boolean {
  const { row } = run
  const known = !request.signatures || request.signatures.includes(row.signature)
  if (!known && (request.only || !isOrphan(run, request))) return false
  const leased = row.leaseOwner !== null && row.leaseUntil !== null
  const live = leased && (row.leaseUntil ?? 0) > request.now
  if (request.only) {
    if (row.tenant !== request.only.tenant || row.runId !== request.only.runId) return false
    return !live || row.leaseOwner === request.worker
  }
  if (live) return false
  if (!ACTIVE_STATUSES.includes(row.status)) return run.runnable && asked(run)
  return run.runnable || leased || (row.wakeAt !== null && row.wakeAt <= request.now)
}

function isOrphan(run: MemoryRun, { orphans, now }: ClaimRequest): boolean {
  if (!orphans?.workflows.includes(run.row.workflow)) return false
  const told = open(run).map((entry) => entry.item.createdAt)
  return claimableSince(run.row, told.length > 0 ? Math.min(...told) : null, now) < orphans.quietSince
}

function inFilter(row: RunRow, filter: RunFilter): boolean {
  return (
    row.tenant === filter.tenant &&
    (filter.status === undefined || filter.status.includes(row.status)) &&
    (filter.workflow === undefined || row.workflow === filter.workflow) &&
    (filter.requestId === undefined || row.requestId === filter.requestId) &&
    (filter.subject === undefined || row.subject === filter.subject) &&
    (filter.before === undefined || newestFirst(filter.before, row) < 0)
  )
}

function newestFirst(a: { createdAt: number; runId: string }, b: { createdAt: number; runId: string }): number {
  return b.createdAt - a.createdAt || (a.runId < b.runId ? 1 : a.runId > b.runId ? -1 : 0)
}

/** An empty store in memory. It takes the host so that all stores are opened alike; it needs neither clock nor chance. */
export function memoryStore(_host?: Host): Store {
  return new MemoryStore()
}
