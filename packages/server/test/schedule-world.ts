/** What the tests of schedules share: clocks that a test sets, runs that it ends, leaders on one store in memory. */
import {
  type FiringRow,
  type Host,
  memoryStore,
  type RunRow,
  type RunsApi,
  type SignalboxError,
  type Store,
  systemHost,
} from 'signalbox'
import { readSchedules, type ScheduleDef } from '../src/schedules/definition.ts'
import { type JobEnd, Scheduler } from '../src/schedules/scheduler.ts'

/** The tenant of every schedule. */
export const TENANT = 'dev'
/** Milliseconds. */
export const MINUTE = 60_000
/** Wall time at the start, an hour before summer time. */
export const START = Date.parse('2026-03-28T23:10:00Z')
/** An operator. */
export const OLGA = { id: 'user:olga', kind: 'user', tenant: TENANT, roles: ['operator'] } as const

/** Clocks of one machine: the wall clock is set at will, the monotonic one only goes forward. */
export class Clocks {
  wall = START
  steady = 0

  host(): Host {
    return { ...systemHost, now: () => this.wall, monotonicMs: () => this.steady, after: () => () => undefined }
  }

  pass(ms: number): void {
    this.wall += ms
    this.steady += ms
  }
}

/** Runs as the store of runs would keep them: one for each request id, ended when the test says so. */
export class FakeRuns {
  readonly started = new Map<string, { runId: string; status: RunRow['status']; principal: string }>()
  refuse: SignalboxError | null = null

  readonly api: Pick<RunsApi, 'start' | 'get' | 'cancel'> = {
    start: async ({ requestId = '', principal }) => {
      if (this.refuse) throw this.refuse
      const known = this.started.get(requestId)
      if (known) return { runId: known.runId, existed: true }
      const runId = `run_${this.started.size + 1}`
      this.started.set(requestId, { runId, status: 'running', principal: principal.id })
      return { runId, existed: false }
    },
    get: async (_tenant, runId) => {
      const found = [...this.started.values()].find((each) => each.runId === runId)
      // The scheduler reads the status and its code only.
      return { runId, status: found?.status ?? 'running', code: null } as RunRow
    },
    cancel: async ({ runId }) => this.endAll('cancelled', runId),
  }

  endAll(status: RunRow['status'], runId?: string): void {
    for (const run of this.started.values()) if (runId === undefined || run.runId === runId) run.status = status
  }
}

/** Everything that a test of schedules looks at. */
export interface World {
  readonly clocks: Clocks
  readonly runs: FakeRuns
  readonly store: Store
  readonly logged: string[]
  leader(def?: Partial<ScheduleDef>, over?: { store?: Store; runJob?: () => Promise<JobEnd> }): Scheduler
  history(): Promise<readonly FiringRow[]>
}

/** The schedule of every test, before its changes. */
export const BASE: ScheduleDef = { name: 'sweep', every: { minutes: 5 }, do: { workflow: 'desk', input: {} } }

/** A new world. */
export function world(): World {
  const clocks = new Clocks()
  const runs = new FakeRuns()
  const store = memoryStore()
  const logged: string[] = []
  return {
    clocks,
    runs,
    store,
    logged,
    leader: (def = {}, over = {}) =>
      new Scheduler({
        store: over.store ?? store,
        runs: runs.api,
        host: clocks.host(),
        tenant: TENANT,
        schedules: readSchedules([{ ...BASE, ...def }], ['desk']),
        runJob: over.runJob ?? (async () => ({ ok: true, code: null, detail: 'done' })),
        log: (line) => logged.push(line),
      }),
    history: async () => (await store.firings({ tenant: TENANT, schedule: 'sweep', limit: 500 })).toReversed(),
  }
}

/** Entries of due times alone. */
export const slots = (rows: readonly FiringRow[]): FiringRow[] => rows.filter((row) => row.kind === 'slot')
