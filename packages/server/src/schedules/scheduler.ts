import {
  type ErrorCode,
  type FiringRow,
  type Host,
  OPEN_FIRINGS,
  type Principal,
  type RunRow,
  type RunsApi,
  type ScheduleCommit,
  type ScheduleRow,
  SignalboxError,
  type Store,
  sleep,
  toSignalboxError,
} from 'signalbox'
import type { JobName, Schedule } from './definition.ts'
import { definitionNews, dueNews, firstScheduleRow, nextToStart, type ScheduleChange } from './firings.ts'
import { Leadership } from './leadership.ts'

/** Name of the lease of the one process that fires schedules. */
export const LEASE = 'schedules'

/** How a job ended. */
export interface JobEnd {
  readonly ok: boolean
  readonly code: ErrorCode | null
  /** One sentence, or a number of facts in one line. Never content. */
  readonly detail: string
}

/** Does a built-in job. Stops soon after the signal aborts. */
export type JobRunner = (
  job: JobName,
  context: { readonly dueAt: number; readonly signal: AbortSignal },
) => Promise<JobEnd>

/** What a scheduler works with. */
export interface SchedulerOptions {
  readonly store: Store
  readonly runs: Pick<RunsApi, 'start' | 'get' | 'cancel'>
  readonly host: Host
  readonly tenant: string
  readonly schedules: readonly Schedule[]
  readonly runJob: JobRunner
  readonly log: (line: string) => void
  readonly leaseMs?: number
  /** Default 1,000. */
  readonly tickMs?: number
}

/** A scheduler at work. */
export interface SchedulerHandle {
  /** Ends after what it is just writing; a job under way is broken off and taken up by the next leader. */
  stop(): Promise<void>
}

/** Fires schedules while this process leads. Does nothing when the project has none. */
export function startScheduler(options: SchedulerOptions): SchedulerHandle {
  const stopping = new AbortController()
  const scheduler = new Scheduler(options)
  const ended = options.schedules.length === 0 ? Promise.resolve() : ticking(scheduler, options, stopping.signal)
  return {
    stop: async () => {
      stopping.abort()
      await ended
    },
  }
}

const TICK_MS = 1_000

async function ticking(scheduler: Scheduler, options: SchedulerOptions, signal: AbortSignal): Promise<void> {
  let told = ''
  while (!signal.aborted) {
    try {
      await scheduler.tick()
      told = ''
    } catch (thrown) {
      const { code, message } = toSignalboxError(thrown)
      if (message !== told) options.log(`schedules: ${code}: ${message}`)
      told = message
    }
    await sleep(options.host, options.tickMs ?? TICK_MS, signal)
  }
  await scheduler.stop().catch(() => undefined)
}

/** The principal of the runs that a schedule starts. */
export function principalOfSchedule(tenant: string, schedule: Pick<Schedule, 'name' | 'do'>): Principal {
  const roles = ('workflow' in schedule.do && schedule.do.roles) || ['scheduler']
  return { id: `service:schedule/${schedule.name}`, kind: 'service', tenant, roles }
}

interface UnderWay {
  readonly abort: AbortController
  end: JobEnd | null
}

/** A job that its leader's death interrupted is begun again this often. */
const MOST_ATTEMPTS = 3
const ENDED = new Set(['completed', 'stopped', 'cancelled', 'terminated'])

/**
 * Fires the schedules of one tenant while it leads. Each firing is on record before it is begun (Invariant 3), each step is
 * one commit under the leader's epoch and the schedule's revision, and a run is started under an id made of schedule and
 * due time, so that no due time starts two (Invariant 4).
 */
export class Scheduler {
  readonly leadership: Leadership
  readonly #options: SchedulerOptions
  readonly #jobs = new Map<string, UnderWay>()
  /** Since when, on the monotonic clock, this process has seen a firing under way. */
  readonly #since = new Map<string, number>()

  constructor(options: SchedulerOptions) {
    this.#options = options
    const { store, host, leaseMs } = options
    this.leadership = new Leadership({ store, host, name: LEASE, ...(leaseMs === undefined ? {} : { leaseMs }) })
  }

  /** Looks once at every schedule. Throws the store's codes; what it could not do is done by a later look. */
  async tick(): Promise<void> {
    const epoch = await this.leadership.hold()
    if (epoch === null) {
      this.#breakOff()
      return
    }
    const { store, tenant, schedules } = this.#options
    const rows = new Map((await store.schedules(tenant)).map((row) => [row.name, row]))
    for (const schedule of schedules) await this.#look(schedule, rows.get(schedule.name) ?? null, epoch)
  }

  /** Gives the lease back. */
  async stop(): Promise<void> {
    this.#breakOff()
    await this.leadership.release()
  }

  #breakOff(): void {
    for (const { abort } of this.#jobs.values()) abort.abort()
    this.#jobs.clear()
    this.#since.clear()
  }

  async #look(schedule: Schedule, known: ScheduleRow | null, epoch: number): Promise<void> {
    const { store, tenant, host } = this.#options
    const { owner } = this.leadership
    const row = known ?? firstScheduleRow(tenant, schedule, host.now())
    const turn = new Turn({ store, host, epoch, owner, keep: schedule.keep }, row)
    if (!(await turn.apply(definitionNews(turn.row, schedule, host.now())))) return
    const open = await store.firings({ tenant, schedule: schedule.name, open: true, limit: 1_000 })
    const due = dueNews(turn.row, schedule, open, host.now())
    if (!(await turn.apply(due))) return
    let waiting = [...open, ...(due?.firings ?? [])].filter((each) => OPEN_FIRINGS.includes(each.state))
    for (const firing of waiting.filter((each) => each.state === 'running')) {
      const now = await this.#follow(schedule, firing, turn)
      if (now === null) return
      waiting = waiting
        .map((each) => (each.id === now.id ? now : each))
        .filter((each) => OPEN_FIRINGS.includes(each.state))
    }
    const next = nextToStart(waiting, turn.row.paused)
    if (next) await this.#begin(schedule, next, turn)
  }

  /** Puts a firing on record as under way, then begins it. */
  async #begin(schedule: Schedule, firing: FiringRow, turn: Turn): Promise<FiringRow | null> {
    const { host } = this.#options
    const startedAt = firing.startedAt ?? host.now()
    const begun: FiringRow = { ...firing, state: 'running', attempt: firing.attempt + 1, epoch: turn.epoch, startedAt }
    if (!(await turn.put(begun))) return null
    // The write may have taken long: whoever was silent meanwhile does not lead any more.
    if (this.leadership.epoch !== turn.epoch) return null
    this.#since.set(keyOf(begun), host.monotonicMs())
    if ('job' in schedule.do) {
      this.#do(schedule.do.job, begun)
      return begun
    }
    return this.#start(schedule, begun, turn)
  }

  #do(job: JobName, firing: FiringRow): void {
    const under: UnderWay = { abort: new AbortController(), end: null }
    this.#jobs.set(keyOf(firing), under)
    this.#options
      .runJob(job, { dueAt: firing.dueAt, signal: under.abort.signal })
      .catch(
        (thrown: unknown): JobEnd => ({ ok: false, code: toSignalboxError(thrown).code, detail: messageOf(thrown) }),
      )
      .then((end) => {
        under.end = end
      })
  }

  /** Starts the run of a firing; asked again after a lost answer it is the same run. */
  async #start(schedule: Schedule, firing: FiringRow, turn: Turn): Promise<FiringRow | null> {
    if (!('workflow' in schedule.do)) return firing
    const { runs, tenant } = this.#options
    const { workflow, input } = schedule.do
    const requestId = `schedule/${schedule.name}/${firing.id}`
    try {
      const principal = principalOfSchedule(tenant, schedule)
      const { runId } = await runs.start({ workflow, input, principal, requestId })
      const started = { ...firing, runId }
      return (await turn.put(started)) ? started : null
    } catch (thrown) {
      const { code, message } = toSignalboxError(thrown)
      // The store's own trouble passes: the next look starts it.
      if (code.startsWith('STORE_')) throw thrown
      return await this.#end(turn, firing, { ok: false, code, detail: message })
    }
  }

  /** What became of a firing that is under way. Null when this process no longer leads, or somebody changed the schedule. */
  async #follow(schedule: Schedule, firing: FiringRow, turn: Turn): Promise<FiringRow | null> {
    const { host } = this.#options
    const since = this.#since.get(keyOf(firing)) ?? host.monotonicMs()
    this.#since.set(keyOf(firing), since)
    const late = host.monotonicMs() - since > schedule.timeoutSeconds * 1_000
    return 'job' in schedule.do
      ? this.#followJob(schedule.do.job, firing, turn, late)
      : this.#followRun(schedule, firing, turn, late)
  }

  async #followJob(job: JobName, firing: FiringRow, turn: Turn, late: boolean): Promise<FiringRow | null> {
    const under = this.#jobs.get(keyOf(firing))
    if (under?.end) return this.#end(turn, firing, under.end)
    if (under && late) {
      under.abort.abort()
      return this.#end(turn, firing, { ok: false, code: null, detail: 'it took longer than it may' }, 'timed_out')
    }
    if (under) return firing
    if (firing.attempt >= MOST_ATTEMPTS) {
      const detail = `the process that did it ended ${firing.attempt} times`
      return this.#end(turn, firing, { ok: false, code: 'INTERNAL', detail })
    }
    const again = { ...firing, attempt: firing.attempt + 1, epoch: turn.epoch }
    if (!(await turn.put(again))) return null
    if (this.leadership.epoch !== turn.epoch) return null
    this.#do(job, again)
    return again
  }

  async #followRun(schedule: Schedule, firing: FiringRow, turn: Turn, late: boolean): Promise<FiringRow | null> {
    const { runs, tenant } = this.#options
    if (firing.runId === null) return this.#start(schedule, firing, turn)
    const run = await runs.get(tenant, firing.runId).catch(missing)
    if (run === null) return this.#end(turn, firing, { ok: false, code: 'RUN_NOT_FOUND', detail: 'its run is gone' })
    if (ENDED.has(run.status)) return this.#end(turn, firing, endOfRun(run))
    if (!late) return firing
    const by = principalOfSchedule(tenant, schedule)
    const reason = `it took longer than the ${schedule.timeoutSeconds} s that its schedule gives it`
    await runs.cancel({ runId: run.runId, by, reason }).catch(ignoreEnded)
    return this.#end(turn, firing, { ok: false, code: null, detail: `its run was cancelled: ${reason}` }, 'timed_out')
  }

  async #end(turn: Turn, firing: FiringRow, end: JobEnd, state?: 'timed_out'): Promise<FiringRow | null> {
    const endedAt = Math.max(this.#options.host.now(), firing.startedAt ?? 0)
    const { ok, code, detail } = end
    const ended: FiringRow = { ...firing, state: state ?? (ok ? 'succeeded' : 'failed'), code, detail, endedAt }
    if (!(await turn.put(ended))) return null
    this.#jobs.delete(keyOf(firing))
    this.#since.delete(keyOf(firing))
    if (!ok)
      this.#options.log(`schedule ${firing.schedule}: ${ended.state}${code === null ? '' : ` ${code}`}: ${detail}`)
    return ended
  }
}

function keyOf(firing: FiringRow): string {
  return JSON.stringify([firing.schedule, firing.id])
}

function messageOf(thrown: unknown): string {
  return thrown instanceof SignalboxError ? thrown.message : 'an unexpected fault'
}

function missing(thrown: unknown): null {
  if (thrown instanceof SignalboxError && thrown.code === 'RUN_NOT_FOUND') return null
  throw thrown
}

function ignoreEnded(thrown: unknown): void {
  if (!(thrown instanceof SignalboxError && thrown.code === 'RUN_ENDED')) throw thrown
}

function endOfRun(run: RunRow): JobEnd {
  if (run.status === 'completed') return { ok: true, code: null, detail: 'its run completed' }
  return { ok: false, code: null, detail: `its run ended ${run.status}${run.code === null ? '' : ` (${run.code})`}` }
}

interface TurnOptions {
  readonly store: Pick<Store, 'commitSchedule'>
  readonly host: Host
  readonly epoch: number
  readonly owner: string
  readonly keep: number
}

/** One look at one schedule: its row as this look left it, and commits that follow each other. */
class Turn {
  row: ScheduleRow
  readonly #options: TurnOptions

  constructor(options: TurnOptions, row: ScheduleRow) {
    this.#options = options
    this.row = row
  }

  get epoch(): number {
    return this.#options.epoch
  }

  /** Stores a change; true when there was none. False when another leader or a person was first: the look ends. */
  async apply(change: ScheduleChange | null): Promise<boolean> {
    if (change === null) return true
    const { store, host, epoch, owner, keep } = this.#options
    const row = { ...change.row, revision: this.row.revision + 1, updatedAt: host.now(), updatedBy: owner }
    const commit: ScheduleCommit = {
      lease: { name: LEASE, epoch },
      expectRevision: this.row.revision,
      row,
      firings: change.firings,
      keep,
    }
    if ((await store.commitSchedule(commit)) !== 'committed') return false
    this.row = row
    return true
  }

  /** Stores a firing. */
  put(firing: FiringRow): Promise<boolean> {
    return this.apply({ row: this.row, firings: [firing] })
  }
}
