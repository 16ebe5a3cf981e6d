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
  RecordFilter,
  RunCommit,
  RunFilter,
  RunRow,
  Store,
  StoredInboxItem,
  StoredRecord,
  StoreStats,
  SubjectKey,
} from '../../contracts/store.ts'
import type {
  FiringRow,
  LeaseRow,
  ScheduleCommit,
  ScheduleCommitResult,
  ScheduleRow,
  ScheduleStore,
} from '../../contracts/schedule.ts'
import type {
  PolicyHolder,
  PolicyLogRow,
  ShadowBatch,
  ShadowFinding,
  ShadowOutcome,
} from '../../contracts/policy-history.ts'
import type {
  ChannelState,
  Delivery,
  DeliveryFilter,
  Notice,
  OutboxCommit,
  OutboxCommitResult,
  StoredNotice,
} from '../../contracts/outbox.ts'
import type { GrantRequest, GrantResult, ScopeRow, SliceRow } from '../../contracts/scopes.ts'
import type {
  KillSwitch,
  StoredSwitchEvent,
  SwitchBook,
  SwitchChange,
  SwitchOverride,
  SwitchWorker,
} from '../../contracts/switches.ts'
import { checkAdopted, checkCommit, checkNewRun, STORE_VERSION } from '../rules.ts'
import { readActed } from './acts.ts'
import { adoptRun, readInboxKept } from './adopt.ts'
import { SqliteFacts } from './facts.ts'
import { claimRuns, extendLeases } from './claims.ts'
import { Appender, HOLDER } from './commits.ts'
import type { Connection } from './connection.ts'
import { isConstraint } from './errors.ts'
import {
  addPolicyRow,
  readHolders,
  readPolicyHead,
  readPolicyLog,
  readShadowCounts,
  readShadowFindings,
  writeHolder,
  writeShadow,
} from './policy.ts'
import {
  readEffects,
  readExport,
  readForks,
  readRecords,
  readRecordsAt,
  readRequests,
  readRunEffects,
  readRuns,
  readTenants,
} from './reads.ts'
import { addNotices, readChannelStates, readDeliveries, readNotices, readUnrouted, writeOutbox } from './outbox.ts'
import { putLease, readFirings, readLease, readSchedules, writeSchedule } from './schedules.ts'
import { grantSlices, readScopes, readSlices } from './scopes.ts'
import {
  readKillSwitches,
  readOverrides,
  readSwitchBook,
  readSwitchEvents,
  readSwitchWorkers,
  writeSwitch,
  writeSwitchWorker,
} from './switches.ts'
import { effectRow, inboxItem, requestRow, runRow, subjectKey } from './rows.ts'

/** The `Store` over one SQLite file, shared by any number of processes on this machine. */
export class SqliteStore extends SqliteFacts implements Store {
  readonly version = STORE_VERSION
  readonly capabilities = { durable: true, sharedBetweenProcesses: true }
  readonly #connection: Connection
  readonly #appender: Appender

  constructor(connection: Connection) {
    super(connection)
    this.#connection = connection
    this.#appender = new Appender(connection)
  }

  async create(run: NewRun): Promise<CreateResult> {
    checkNewRun(run)
    const known = await this.#connection.write(() => this.#appender.create(run))
    if (known === null) return { status: 'created' }
    return typeof known === 'string' ? { status: 'exists', runId: known } : { status: 'refused', scope: known.scope }
  }

  async commit(commits: readonly RunCommit[]): Promise<readonly CommitResult[]> {
    for (const commit of commits) checkCommit(commit)
    if (commits.length === 0) return []
    try {
      const results = await this.#connection.write(() => commits.map((commit) => this.#appender.commit(commit)))
      // What was destroyed must not stay readable in the log.
      if (commits.some((commit) => commit.prune)) this.#connection.truncateLog()
      return results
    } catch (thrown) {
      if (commits.length === 1 || !isConstraint(thrown instanceof Error ? thrown.cause : null)) throw thrown
      return this.#commitAlone(commits)
    }
  }

  async adopt(run: AdoptedRun): Promise<AdoptResult> {
    checkAdopted(run)
    return this.#connection.write(() => adoptRun(this.#connection, this.#appender, run))
  }

  claim(request: ClaimRequest): Promise<readonly RunRow[]> {
    return claimRuns(this.#connection, request)
  }

  heartbeat(
    worker: string,
    held: readonly { tenant: string; runId: string; epoch: number }[],
    leaseUntil: number,
  ): Promise<readonly string[]> {
    return extendLeases(this.#connection, worker, held, leaseUntil)
  }

  post(item: InboxItem): Promise<InboxResult> {
    return this.#connection.write(() => this.#appender.post(item))
  }

  inbox(tenant: string, runId: string): Promise<readonly StoredInboxItem[]> {
    return this.#ofRun(tenant, runId, (rid) =>
      this.#connection
        .sql('SELECT * FROM inbox WHERE rid = ? AND consumed = 0 ORDER BY entry')
        .all(rid)
        .map((row) => inboxItem(row, tenant, runId)),
    )
  }

  inboxKept(tenant: string, runId: string): Promise<readonly KeptInboxItem[]> {
    return this.#ofRun(tenant, runId, (rid) => readInboxKept(this.#connection, rid, tenant, runId))
  }

  run(tenant: string, runId: string): Promise<RunRow | null> {
    return this.#connection.read(() => {
      const row = this.#connection.sql('SELECT * FROM runs WHERE tenant = ? AND run_id = ?').get(tenant, runId)
      return row ? runRow(row) : null
    })
  }

  runs(filter: RunFilter): Promise<readonly RunRow[]> {
    return this.#connection.read(() => readRuns(this.#connection, filter))
  }

  records(tenant: string, runId: string, filter: RecordFilter = {}): Promise<readonly StoredRecord[]> {
    return this.#ofRun(tenant, runId, (rid) => readRecords(this.#connection, rid, filter))
  }

  recordsAt(tenant: string, runId: string, seqs: readonly number[]): Promise<readonly StoredRecord[]> {
    return this.#ofRun(tenant, runId, (rid) => readRecordsAt(this.#connection, rid, seqs))
  }

  forks(tenant: string, runId: string): Promise<readonly string[]> {
    return this.#connection.read(() => readForks(this.#connection, tenant, runId))
  }

  tenants(): Promise<readonly string[]> {
    return this.#connection.read(() => readTenants(this.#connection))
  }

  export(after: number, limit: number): Promise<readonly ExportedRecord[]> {
    return this.#connection.read(() => readExport(this.#connection, after, limit))
  }

  effect(tenant: string, tool: string, scope: string, identity: string): Promise<EffectRow | null> {
    return this.#connection.read(() => {
      const row = this.#connection.sql(HOLDER).get(tenant, tool, scope, identity)
      return row ? effectRow(row) : null
    })
  }

  effects(tenant: string, rootRunId: string): Promise<readonly EffectRow[]> {
    return this.#connection.read(() => readEffects(this.#connection, tenant, rootRunId))
  }

  runEffects(tenant: string, runId: string): Promise<readonly EffectRow[]> {
    return this.#connection.read(() => readRunEffects(this.#connection, tenant, runId))
  }

  request(tenant: string, id: string): Promise<PersonRequestRow | null> {
    return this.#connection.read(() => {
      const row = this.#connection.sql('SELECT * FROM requests WHERE tenant = ? AND id = ?').get(tenant, id)
      return row ? requestRow(row) : null
    })
  }

  requests(filter: Parameters<Store['requests']>[0]): Promise<readonly PersonRequestRow[]> {
    return this.#connection.read(() => readRequests(this.#connection, filter))
  }

  killSwitches(tenant: string): Promise<readonly KillSwitch[]> {
    return this.#connection.read(() => readKillSwitches(this.#connection, tenant))
  }

  overrides(tenant: string): Promise<readonly SwitchOverride[]> {
    return this.#connection.read(() => readOverrides(this.#connection, tenant))
  }

  switchBook(): Promise<SwitchBook> {
    return this.#connection.read(() => readSwitchBook(this.#connection))
  }

  commitSwitch(change: SwitchChange): Promise<number | null> {
    return writeSwitch(this.#connection, change)
  }

  switchEvents(tenant: string): Promise<readonly StoredSwitchEvent[]> {
    return this.#connection.read(() => readSwitchEvents(this.#connection, tenant))
  }

  putSwitchWorker(row: SwitchWorker): Promise<void> {
    return writeSwitchWorker(this.#connection, row)
  }

  switchWorkers(): Promise<readonly SwitchWorker[]> {
    return this.#connection.read(() => readSwitchWorkers(this.#connection))
  }

  key(tenant: string, subject: string): Promise<{ wrapped: Uint8Array | null; destroyedAt: number | null } | null> {
    return this.#connection.read(() => this.#readKey(tenant, subject))
  }

  keys(tenant: string): Promise<readonly SubjectKey[]> {
    const all = 'SELECT subject, wrapped, destroyed_at FROM subject_keys WHERE tenant = ? ORDER BY subject'
    return this.#connection.read(() => this.#connection.sql(all).all(tenant).map(subjectKey))
  }

  putKey(tenant: string, subject: string, wrapped: Uint8Array): Promise<Uint8Array | null> {
    const put = 'INSERT OR IGNORE INTO subject_keys (tenant, subject, wrapped) VALUES (?, ?, ?)'
    return this.#connection.write(() => {
      this.#connection.sql(put).run(tenant, subject, wrapped)
      return this.#readKey(tenant, subject)?.wrapped ?? null
    })
  }

  async destroyKey(tenant: string, subject: string, at: number): Promise<void> {
    const destroy = `INSERT INTO subject_keys (tenant, subject, wrapped, destroyed_at) VALUES (?, ?, NULL, ?)
      ON CONFLICT (tenant, subject) DO UPDATE SET wrapped = NULL, destroyed_at = coalesce(destroyed_at, excluded.destroyed_at)`
    await this.#connection.write(() => this.#connection.sql(destroy).run(tenant, subject, at))
    this.#connection.truncateLog()
  }

  cursor(name: string): Promise<number> {
    return this.#connection.read(() =>
      Number(this.#connection.sql('SELECT position FROM cursors WHERE name = ?').get(name)?.position ?? 0),
    )
  }

  async setCursor(name: string, position: number): Promise<void> {
    const set = 'INSERT OR REPLACE INTO cursors (name, position) VALUES (?, ?)'
    await this.#connection.write(() => this.#connection.sql(set).run(name, position))
  }

  definition(signature: string): Promise<string | null> {
    const get = 'SELECT description FROM definitions WHERE signature = ?'
    return this.#connection.read(() => {
      const found = this.#connection.sql(get).get(signature)?.description
      return typeof found === 'string' ? found : null
    })
  }

  async putDefinition(signature: string, description: string): Promise<void> {
    if ((await this.definition(signature)) !== null) return
    const put = 'INSERT OR IGNORE INTO definitions (signature, description) VALUES (?, ?)'
    await this.#connection.write(() => this.#connection.sql(put).run(signature, description))
  }

  lease(name: string): Promise<LeaseRow> {
    return this.#connection.read(() => readLease(this.#connection, name))
  }

  setLease(row: LeaseRow, expect: { readonly epoch: number; readonly beat: number }): Promise<boolean> {
    return putLease(this.#connection, row, expect)
  }

  schedules(tenant: string): Promise<readonly ScheduleRow[]> {
    return this.#connection.read(() => readSchedules(this.#connection, tenant))
  }

  firings(filter: Parameters<ScheduleStore['firings']>[0]): Promise<readonly FiringRow[]> {
    return this.#connection.read(() => readFirings(this.#connection, filter))
  }

  commitSchedule(commit: ScheduleCommit): Promise<ScheduleCommitResult> {
    return writeSchedule(this.#connection, commit)
  }

  policyHead(): Promise<number> {
    return this.#connection.read(() => readPolicyHead(this.#connection))
  }

  policyLog(after: number): Promise<readonly PolicyLogRow[]> {
    return this.#connection.read(() => readPolicyLog(this.#connection, after))
  }

  appendPolicyLog(row: PolicyLogRow): Promise<boolean> {
    return addPolicyRow(this.#connection, row)
  }

  policyHolders(): Promise<readonly PolicyHolder[]> {
    return this.#connection.read(() => readHolders(this.#connection))
  }

  putPolicyHolder(row: PolicyHolder): Promise<void> {
    return writeHolder(this.#connection, row)
  }

  async dropPolicyHolder(process: string): Promise<void> {
    const drop = 'DELETE FROM policy_holders WHERE process = ?'
    await this.#connection.write(() => this.#connection.sql(drop).run(process))
  }

  addShadow(batch: ShadowBatch): Promise<void> {
    return writeShadow(this.#connection, batch)
  }

  shadowCounts(tenant: string, shadow: number): Promise<Readonly<Partial<Record<ShadowOutcome, number>>>> {
    return this.#connection.read(() => readShadowCounts(this.#connection, tenant, shadow))
  }

  shadowFindings(tenant: string, shadow: number, limit: number): Promise<readonly ShadowFinding[]> {
    return this.#connection.read(() => readShadowFindings(this.#connection, tenant, shadow, limit))
  }

  grant(request: GrantRequest): Promise<GrantResult> {
    return grantSlices(this.#connection, request)
  }

  acted(tenant: string, tool: string, subject: string): Promise<readonly string[]> {
    return this.#connection.read(() => readActed(this.#connection, tenant, tool, subject))
  }

  slices(tenant: string, runId: string): Promise<readonly SliceRow[]> {
    return this.#connection.read(() => readSlices(this.#connection, tenant, runId))
  }

  scopes(tenant: string): Promise<readonly ScopeRow[]> {
    return this.#connection.read(() => readScopes(this.#connection, tenant))
  }

  async notify(notices: readonly Notice[]): Promise<void> {
    await this.#connection.write(() => addNotices(this.#connection, notices))
  }

  unrouted(limit: number): Promise<readonly StoredNotice[]> {
    return this.#connection.read(() => readUnrouted(this.#connection, limit))
  }

  notices(tenant: string, ids: readonly string[]): Promise<readonly Notice[]> {
    return this.#connection.read(() => readNotices(this.#connection, tenant, ids))
  }

  deliveries(filter: DeliveryFilter): Promise<readonly Delivery[]> {
    return this.#connection.read(() => readDeliveries(this.#connection, filter))
  }

  channelStates(tenant: string): Promise<readonly ChannelState[]> {
    return this.#connection.read(() => readChannelStates(this.#connection, tenant))
  }

  async commitOutbox(commit: OutboxCommit): Promise<OutboxCommitResult> {
    return writeOutbox(this.#connection, commit)
  }

  /** Counts come from the ends of the key ranges, which have no gaps, so that asking does not read the tables. */
  stats(): Promise<StoreStats> {
    const count = (text: string): number => Number(this.#connection.sql(text).get()?.n ?? 0)
    return this.#connection.read(() => ({
      runs: count('SELECT max(rid) AS n FROM runs'),
      records: count('SELECT max(position) AS n FROM records'),
      bytes: count('SELECT page_count * page_size AS n FROM pragma_page_count, pragma_page_size'),
      commits: this.#connection.transactions,
    }))
  }

  async close(): Promise<void> {
    this.#connection.close()
  }

  /**
   * After a row broke a rule of the tables: each run in a transaction of its own, so that the others are stored. The run
   * at fault throws once all have been tried; the caller reads the rows again (ENGINE R11).
   */
  async #commitAlone(commits: readonly RunCommit[]): Promise<readonly CommitResult[]> {
    const results: CommitResult[] = []
    let fault: unknown = null
    for (const commit of commits) {
      try {
        results.push(await this.#connection.write(() => this.#appender.commit(commit)))
      } catch (thrown) {
        fault ??= thrown
      }
    }
    if (fault !== null) throw fault
    return results
  }

  #ofRun<T>(tenant: string, runId: string, read: (rid: number) => readonly T[]): Promise<readonly T[]> {
    return this.#connection.read(() => {
      const rid = this.#appender.rid(tenant, runId)
      return rid === null ? [] : read(rid)
    })
  }

  #readKey(tenant: string, subject: string): { wrapped: Uint8Array | null; destroyedAt: number | null } | null {
    const row = this.#connection
      .sql('SELECT subject, wrapped, destroyed_at FROM subject_keys WHERE tenant = ? AND subject = ?')
      .get(tenant, subject)
    if (!row) return null
    const { wrapped, destroyedAt } = subjectKey(row)
    return { wrapped, destroyedAt }
  }
}
