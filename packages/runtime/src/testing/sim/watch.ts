import { timeOf } from '../../base/time.ts'
import type { ActivityOutcome } from '../../contracts/records.ts'
import type { StreamItem } from '../../contracts/runtime.ts'
import type {
  InboxItem,
  InboxResult,
  NewRun,
  PersonRequestRow,
  RunCommit,
  RunRow,
  Store,
} from '../../contracts/store.ts'
import type { WorkflowSpec } from '../../contracts/workflow.ts'
import { overrideStore } from '../planted-faults.ts'
import { mustHold, type SimCheck, SimViolation } from './checks.ts'
import type { SimProcess } from './machine.ts'
import { RunWatch } from './run-watch.ts'
import type { OutsideSystem } from './scenario.ts'

/** What the watch needs to know of its world. */
export interface WatchOptions {
  readonly wall: () => number
  readonly outside: OutsideSystem
  /** By `name@version`. */
  readonly specs: ReadonlyMap<string, WorkflowSpec>
  /** True when the plan moves the wall clock: times of records then prove nothing. */
  readonly clocksJump: boolean
  readonly note: (line: string) => void
  /** Something durable now waits for a person. */
  readonly onRequest: (row: PersonRequestRow) => void
  /** After every commit that the store took. */
  readonly onCommit: () => void
}

/** True for the end of an effect that was this run's own. */
function isEnd(outcome: ActivityOutcome): boolean {
  const { status, effect, ledger, idempotency_key: key } = outcome
  return status !== 'unknown' && effect !== 'none' && !ledger && !!key
}

/** The kind of record that an order of a person becomes. */
const ORDERS: Readonly<Record<string, string>> = { cancel: 'cancel', terminate: 'terminate', resume: 'resume_parked' }

/**
 * Watches one simulated world from outside of all processes: what became durable, what was sent, what was shown, and
 * what the outside system did. It checks every promise at each of these moments and keeps the first that is broken.
 */
export class Watch {
  readonly runs = new Map<string, RunWatch>()
  violation: SimViolation | null = null
  /** Leases that a process was told it lost, by process, run and epoch. */
  private readonly lost = new Set<string>()
  private effectsSeen = 0
  private readonly options: WatchOptions

  constructor(options: WatchOptions) {
    this.options = options
  }

  /** Ends the simulation with this, unless something was found before. */
  fail(check: SimCheck, message: string): void {
    this.violation ??= new SimViolation(check, message)
  }

  /** The store itself, below everything that may lie about it: what happens here has happened. */
  truth(inner: Store): Store {
    return overrideStore(inner, {
      create: async (run) => {
        const result = await inner.create(run)
        if (result.status === 'created') this.judge(() => this.created(run))
        return result
      },
      commit: async (commits) => {
        const results = await inner.commit(commits)
        this.judge(() => {
          for (const [i, commit] of commits.entries()) if (results[i]?.status === 'committed') this.committed(commit)
        })
        return results
      },
      claim: async (request) => {
        const rows = await inner.claim(request)
        this.judge(() => this.claimed(rows))
        return rows
      },
      post: async (item) => {
        const result = await inner.post(item)
        this.posted(item, result)
        return result
      },
    })
  }

  /** What one process asks of the store and is told by it, above everything that may lie about it. */
  leases(process: SimProcess, inner: Store): Store {
    const place = ({ runId, epoch }: { runId: string; epoch: number }): string => `${process.name}/${runId}/${epoch}`
    return overrideStore(inner, {
      heartbeat: async (worker, held, until) => {
        const stale = held.filter((one) => (this.runs.get(one.runId)?.epoch ?? one.epoch) > one.epoch)
        const lost = await inner.heartbeat(worker, held, until)
        for (const one of stale) this.lost.add(place(one))
        return lost
      },
      commit: async (commits) => {
        for (const commit of commits)
          this.judge(() =>
            mustHold(
              !this.lost.has(place(commit)),
              'fenced',
              () => `${place(commit)} commits after its lease was lost`,
            ),
          )
        const results = await inner.commit(commits)
        for (const [i, commit] of commits.entries()) if (results[i]?.status === 'fenced') this.lost.add(place(commit))
        return results
      },
    })
  }

  /** A request leaves a process, through the tool's own fetch. */
  sends(process: SimProcess, runId: string, method: string, key: string): void {
    this.options.note(`send ${process.name} ${method} ${key}`)
    if (method === 'GET' || method === 'HEAD') return
    this.judge(() => {
      const run = this.runs.get(runId)
      const intent = run?.openIntent(key) ?? null
      mustHold(intent !== null, 'record_before_act', () => `${method} ${key} is sent without a durable, open intent`)
      if (!run || !intent) return
      const inTime = this.options.wall() < timeOf(intent.not_after)
      mustHold(inTime, 'record_before_act', () => `${intent.ask.key} is sent after its time`)
      const lease = `${process.name}/${runId}/${run.epochs.get(intent.segment)}`
      mustHold(!this.lost.has(lease), 'fenced', () => `${intent.ask.key} is sent by ${lease} after its lease was lost`)
    })
  }

  /** A model is called. */
  modelSends(runId: string): void {
    this.judge(() =>
      mustHold(
        this.runs.get(runId)?.hasOpenModelCall === true,
        'record_before_act',
        () => 'a model is called without a durable reservation',
      ),
    )
  }

  /** A process shows something to whoever listens. */
  published(item: StreamItem): void {
    if (item.kind !== 'record') return
    const durable = this.runs.get(item.runId)?.seq ?? 0
    this.judge(() =>
      mustHold(
        item.record.seq <= durable,
        'record_before_act',
        () => `record ${item.record.seq} is shown before it is durable`,
      ),
    )
  }

  /** A request arrived outside: nothing was done twice. */
  arrived(): void {
    const effects = this.options.outside.effects()
    const fresh = effects.slice(this.effectsSeen)
    for (const { identity } of fresh)
      this.judge(() => {
        const times = effects.filter((one) => one.identity === identity).length
        mustHold(times === 1, 'never_twice', () => `\`${identity}\` was done ${times} times, by the outside record`)
      })
    this.effectsSeen = effects.length
  }

  /** At the end: what is on record as done was done, and the other way round (Invariants 4 and 5). */
  checkEffects(): void {
    const done = new Map(this.options.outside.effects().map((effect) => [effect.key, effect.identity]))
    // A key that was certainly not used may be used by a later attempt: its last end counts.
    const last = new Map<string, ActivityOutcome>()
    for (const run of this.runs.values())
      for (const record of run.records)
        if (record.type === 'activity.outcome' && isEnd(record)) {
          const key = record.idempotency_key ?? ''
          // A fork has a copy of what was known at its point.
          if (last.get(key)?.status !== 'succeeded') last.set(key, record)
        }
    for (const [key, { status, resolved_by: by }] of last)
      this.judge(() => {
        const lied = status === 'succeeded' && !done.has(key) && by === null
        mustHold(!lied, 'never_guess', () => `${key} is on record as done and was not`)
        const not = status === 'failed' || status === 'not_sent'
        mustHold(!not || !done.has(key), 'never_guess', () => `${key} is on record as not done, and was`)
      })
    for (const [key, identity] of done)
      this.judge(() => {
        const told = last.has(key) || this.repeated(key)
        mustHold(told, 'never_guess', () => `\`${identity}\` was done, and no outcome on record says so`)
      })
  }

  /** True when the key is an earlier send of an ask that ended under another one. */
  private repeated(key: string): boolean {
    for (const run of this.runs.values()) {
      const intent = run.intents.get(key)
      const outcomes = run.records.filter((one) => one.type === 'activity.outcome' && one.ask.key === intent?.ask.key)
      if (intent && outcomes.some((one) => one.type === 'activity.outcome' && one.status === 'succeeded')) return true
    }
    return false
  }

  private created(run: NewRun): void {
    const spec = this.options.specs.get(`${run.workflow}@${run.version}`)
    if (!spec) throw new Error(`there is no workflow for run ${run.runId}`)
    this.options.note(`create ${run.runId} ${run.genesis.hash}`)
    for (const row of run.requests ?? []) if (row.state === 'open') this.options.onRequest(row)
    this.runs.set(run.runId, new RunWatch(spec, run, this.options.clocksJump))
  }

  private committed(commit: RunCommit): void {
    this.options.note(`commit ${commit.runId} ${commit.seq} ${commit.head} ${commit.row.status} ${commit.release}`)
    this.runs.get(commit.runId)?.committed(commit)
    for (const row of commit.requests) if (row.state === 'open') this.options.onRequest(row)
    this.options.onCommit()
  }

  private claimed(rows: readonly RunRow[]): void {
    for (const row of rows) {
      this.options.note(`claim ${row.runId} ${row.leaseOwner} ${row.epoch}`)
      this.runs.get(row.runId)?.claimed(row)
    }
  }

  private posted(item: InboxItem, result: InboxResult): void {
    this.options.note(`post ${item.runId} ${item.kind} ${result.status}`)
    const order = ORDERS[item.kind]
    const run = this.runs.get(item.runId)
    if (run && item.kind === 'decide' && result.status === 'stored') run.said.push(item.body)
    if (order && run && result.status === 'stored') run.posted.set(order, (run.posted.get(order) ?? 0) + 1)
  }

  private judge(check: () => void): void {
    if (this.violation) return
    try {
      check()
    } catch (thrown) {
      this.violation = thrown instanceof SimViolation ? thrown : new SimViolation('history', String(thrown))
    }
  }
}
