import fc from 'fast-check'
import {
  type FiringRow,
  type Host,
  memoryStore,
  type RunRow,
  type RunsApi,
  SignalboxError,
  type Store,
  systemHost,
} from 'signalbox'
import { faultStore } from 'signalbox/testing'
import { describe, expect, it } from 'vitest'
import { readSchedules, type ScheduleDef } from './definition.ts'
import { type JobEnd, Scheduler } from './scheduler.ts'
import { scheduleService } from './service.ts'

const TENANT = 'dev'
const MINUTE = 60_000
const START = Date.parse('2026-03-28T23:10:00Z')
const OLGA = { id: 'user:olga', kind: 'user', tenant: TENANT, roles: ['operator'] } as const

/** Clocks of one machine: the wall clock is set at will, the monotonic one only goes forward. */
class Clocks {
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
class FakeRuns {
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

interface World {
  readonly clocks: Clocks
  readonly runs: FakeRuns
  readonly store: Store
  readonly logged: string[]
  leader(def?: Partial<ScheduleDef>, over?: { store?: Store; runJob?: () => Promise<JobEnd> }): Scheduler
  history(): Promise<readonly FiringRow[]>
}

const BASE: ScheduleDef = { name: 'sweep', every: { minutes: 5 }, do: { workflow: 'desk', input: {} } }

function world(): World {
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

async function ticks(leader: Scheduler, clocks: Clocks, minutes: number, each = 20_000): Promise<void> {
  for (let ms = 0; ms < minutes * MINUTE; ms += each) {
    clocks.pass(each)
    await leader.tick()
  }
}

const slots = (rows: readonly FiringRow[]) => rows.filter((row) => row.kind === 'slot')
const told = (rows: readonly FiringRow[]) => rows.map((row) => `${row.kind} ${row.state}`)

describe('firing', () => {
  it('SCH-007, SCH-010: each due time starts one run as the principal of its schedule, and is on record with its end', async () => {
    const { leader, clocks, runs, history } = world()
    const one = leader()
    await one.tick()
    await ticks(one, clocks, 6)
    const due = START - (START % (5 * MINUTE)) + 5 * MINUTE
    expect([...runs.started]).toEqual([
      [`schedule/sweep/slot-${due}`, { runId: 'run_1', status: 'running', principal: 'service:schedule/sweep' }],
    ])
    runs.endAll('completed')
    await one.tick()
    const [, slot] = await history()
    expect(slot).toMatchObject({ id: `slot-${due}`, state: 'succeeded', runId: 'run_1', attempt: 1 })
    expect(slot?.endedAt ?? 0).toBeGreaterThan(slot?.startedAt ?? 0)
  })

  it('SCH-010: what a start is refused with is the end of that firing, and the next one is tried', async () => {
    const { leader, clocks, runs, history, logged } = world()
    runs.refuse = new SignalboxError('FORBIDDEN', 'not this one')
    const one = leader()
    await one.tick()
    await ticks(one, clocks, 5)
    runs.refuse = null
    await ticks(one, clocks, 5)
    expect(told(await history())).toEqual(['change recorded', 'slot failed', 'slot running'])
    expect((await history())[1]).toMatchObject({ code: 'FORBIDDEN', detail: 'not this one', runId: null })
    expect(logged).toEqual(['schedule sweep: failed FORBIDDEN: not this one'])
  })

  it('SCH-008: a due time that comes while the one before is under way is skipped, or waits its turn', async () => {
    const { leader, clocks, runs, history } = world()
    const skipping = leader()
    await skipping.tick()
    await ticks(skipping, clocks, 11)
    expect(told(slots(await history()))).toEqual(['slot running', 'slot skipped'])
    const queueing = world()
    const waits = queueing.leader({ overlap: 'queue' })
    await waits.tick()
    await ticks(waits, queueing.clocks, 11)
    expect(told(slots(await queueing.history()))).toEqual(['slot running', 'slot queued'])
    queueing.runs.endAll('completed')
    await waits.tick()
    expect(told(slots(await queueing.history()))).toEqual(['slot succeeded', 'slot running'])
    expect([runs.started.size, queueing.runs.started.size]).toEqual([1, 2])
  })

  it('SCH-009: a firing that takes too long is ended, its run is cancelled, and later ones fire', async () => {
    const { leader, clocks, runs, history } = world()
    const one = leader({ timeoutSeconds: 60 })
    await one.tick()
    await ticks(one, clocks, 10)
    expect(told(slots(await history()))).toEqual(['slot timed_out', 'slot running'])
    expect([...runs.started.values()].map((run) => run.status)).toEqual(['cancelled', 'running'])
  })

  it('SCH-009: a clock that is put forward ends nothing early', async () => {
    const { leader, clocks, runs, history } = world()
    const one = leader({ timeoutSeconds: 600 })
    await one.tick()
    await ticks(one, clocks, 5)
    clocks.wall += 3_600_000
    await one.tick()
    expect(slots(await history())[0]?.state).toBe('running')
    expect([...runs.started.values()][0]?.status).toBe('running')
  })

  it('SCH-014: the history keeps so many entries, the newest', async () => {
    const { leader, clocks, runs, history } = world()
    const one = leader({ keep: 10, every: { minutes: 1 } })
    for (let minute = 0; minute < 30; minute++) {
      await ticks(one, clocks, 1)
      runs.endAll('completed')
    }
    const rows = await history()
    expect(rows.filter((row) => row.endedAt !== null)).toHaveLength(10)
    expect(runs.started.size).toBeGreaterThan(25)
  })
})

describe('definitions', () => {
  it('SCH-013: a changed definition is on record, and another rhythm brings no due times of the past', async () => {
    const { leader, clocks, runs, history, store } = world()
    const one = leader({ catchUp: 'all' })
    await one.tick()
    await one.stop()
    clocks.pass(60 * MINUTE)
    const other = leader({ catchUp: 'all', every: { minutes: 1 } })
    await other.tick()
    expect((await history()).map((row) => row.detail)).toEqual([
      'the schedule is new',
      'definition changed: `every` from {"minutes":5} to {"minutes":1}',
    ])
    expect(runs.started.size).toBe(0)
    await ticks(other, clocks, 1)
    expect(runs.started.size).toBe(1)
    const [row] = await store.schedules(TENANT)
    expect(row?.definition).toContain('"minutes":1')
  })
})

describe('what people do', () => {
  const service = (made: World) =>
    scheduleService({
      store: made.store,
      schedules: readSchedules([BASE], ['desk']),
      host: made.clocks.host(),
    })

  it('SCH-015: a firing that a person asks for is carried out by the leader and tells who asked', async () => {
    const made = world()
    const one = made.leader()
    await one.tick()
    await service(made).run('sweep', OLGA)
    await one.tick()
    expect((await made.history()).at(-1)).toMatchObject({ kind: 'manual', state: 'running', by: 'user:olga' })
    expect(made.runs.started.size).toBe(1)
    await expect(service(made).run('nothing', OLGA)).rejects.toMatchObject({ code: 'NOT_FOUND' })
  })

  it('SCH-016: a paused schedule fires nothing but what is asked for; resumed, it fires from then on', async () => {
    const made = world()
    const one = made.leader({ catchUp: 'all' })
    await one.tick()
    const people = service(made)
    await people.pause('sweep', OLGA, 'maintenance')
    await expect(people.pause('sweep', OLGA, 'maintenance')).rejects.toMatchObject({ code: 'CONFLICT' })
    await ticks(one, made.clocks, 20)
    expect([made.runs.started.size, (await people.list(TENANT))[0]?.nextDueAt]).toEqual([0, null])
    await people.resume('sweep', OLGA, 'done')
    await one.tick()
    expect(made.runs.started.size).toBe(0)
    await ticks(one, made.clocks, 5)
    expect(made.runs.started.size).toBe(1)
    expect((await made.history()).map((row) => row.detail).slice(0, 3)).toEqual([
      'the schedule is new',
      'paused: maintenance',
      'resumed: done',
    ])
  })
})

describe('jobs', () => {
  const job: Partial<ScheduleDef> = { do: { job: 'report' } }

  it('SCH-011: a job is done once, and its result is on record', async () => {
    const { leader, clocks, history } = world()
    let done = 0
    const runJob = async (): Promise<JobEnd> => ({ ok: ++done > 0, code: null, detail: 'three runs' })
    const one = leader(job, { runJob })
    await one.tick()
    await ticks(one, clocks, 6)
    expect([done, slots(await history())]).toMatchObject([1, [{ state: 'succeeded', detail: 'three runs' }]])
  })

  it('SCH-012: a job whose leader died is begun again by the next one, three times at most', async () => {
    const { leader, clocks, history } = world()
    const hangs = { runJob: () => new Promise<JobEnd>(() => undefined) }
    await leader(job, hangs).tick()
    for (let life = 0; life < 4; life++) {
      clocks.pass(10_000)
      const next = leader(job, hangs)
      await next.tick()
      clocks.pass(10_000)
      await next.tick()
      if (life === 0) await ticks(next, clocks, 5)
    }
    expect(slots(await history())[0]).toMatchObject({ state: 'failed', attempt: 3, code: 'INTERNAL' })
  })
})

describe('leaders', () => {
  it('SCH-020: of several processes one leads; when it falls silent another does, whatever the wall clocks say', async () => {
    const { leader, clocks, store } = world()
    const [one, two] = [leader(), leader()]
    await one.tick()
    await two.tick()
    expect([one.leadership.epoch, two.leadership.epoch]).toEqual([1, null])
    clocks.wall -= 3_600_000
    for (let n = 0; n < 10; n++) {
      clocks.pass(2_000)
      await one.tick()
      await two.tick()
    }
    expect([one.leadership.epoch, two.leadership.epoch]).toEqual([1, null])
    // The first one is killed.
    clocks.wall -= 3_600_000
    for (let n = 0; n < 5; n++) {
      clocks.pass(2_000)
      await two.tick()
    }
    expect(two.leadership.epoch).toBe(2)
    expect((await store.lease('schedules')).owner).toBe(two.leadership.owner)
  })

  it('SCH-020: a leader that ends in order gives the lease back at once', async () => {
    const { leader } = world()
    const [one, two] = [leader(), leader()]
    await one.tick()
    await one.stop()
    await two.tick()
    expect(two.leadership.epoch).toBe(2)
  })

  it('SCH-021: a leader that was stopped for a while and goes on changes nothing', async () => {
    const { leader, clocks, runs, store } = world()
    const [old, next] = [leader(), leader()]
    await old.tick()
    await next.tick()
    clocks.pass(10_000)
    await next.tick()
    clocks.pass(5 * MINUTE)
    const before = await store.schedules(TENANT)
    await old.tick()
    expect([old.leadership.epoch, runs.started.size]).toEqual([null, 0])
    expect(await store.schedules(TENANT)).toEqual(before)
  })
})

/** One step of a walk: time passes, the wall clock is set, a leader dies, an answer of the store is lost. */
const steps = fc.array(
  fc.oneof(
    {
      weight: 8,
      arbitrary: fc.record({ kind: fc.constant('pass' as const), ms: fc.integer({ min: 1_000, max: 90_000 }) }),
    },
    {
      weight: 1,
      arbitrary: fc.record({
        kind: fc.constant('set' as const),
        ms: fc.integer({ min: -2 * 3_600_000, max: 3_600_000 }),
      }),
    },
    { weight: 2, arbitrary: fc.record({ kind: fc.constant('kill' as const), at: fc.integer({ min: 1, max: 8 }) }) },
    { weight: 2, arbitrary: fc.record({ kind: fc.constant('lose' as const), at: fc.integer({ min: 1, max: 8 }) }) },
  ),
  { minLength: 20, maxLength: 120 },
)

type Step =
  | { readonly kind: 'pass' | 'set'; readonly ms: number }
  | { readonly kind: 'kill' | 'lose'; readonly at: number }

/** Walks two processes through the steps; a kill or a lost answer strikes at one of the store's next writes. */
async function walk(
  sequence: readonly Step[],
  plant: (runs: FakeRuns) => void = () => undefined,
): Promise<World & { latest: number }> {
  const made = world()
  plant(made.runs)
  const strike = { countdown: 0, kind: 'kill' as 'kill' | 'lose' }
  const store = faultStore(made.store, ({ op }) => {
    if (op !== 'commitSchedule' && op !== 'setLease') return null
    if (strike.countdown === 0 || --strike.countdown > 0) return null
    return { point: strike.kind === 'kill' ? 'before_commit' : 'after_commit_lost_ack' }
  })
  const born = () => made.leader({ catchUp: 'all', overlap: 'queue' }, { store })
  const processes = [born(), born()]
  let latest = START
  const look = async (): Promise<void> => {
    latest = Math.max(latest, made.clocks.wall)
    for (const [at, one] of processes.entries())
      await one.tick().catch(() => {
        // Killed there: what it knew is gone, and another process is started in its place.
        processes[at] = born()
      })
    made.runs.endAll('completed')
  }
  await look()
  for (const step of sequence) {
    if (step.kind === 'pass' && 'ms' in step) made.clocks.pass(step.ms)
    else if (step.kind === 'set' && 'ms' in step) made.clocks.wall += step.ms
    else if ('at' in step) Object.assign(strike, { kind: step.kind, countdown: step.at })
    await look()
  }
  strike.countdown = 0
  // A clock that was set back gets to where it was.
  made.clocks.wall = Math.max(made.clocks.wall, latest)
  // Long enough for a new leader and everything that waits.
  for (let n = 0; n < 200; n++) {
    made.clocks.steady += 2_000
    await look()
  }
  return { ...made, latest }
}

/** Due times that were lost or doubled. */
function wrong(made: World & { latest: number }): string[] {
  const expected: number[] = []
  for (let at = START - (START % (5 * MINUTE)) + 5 * MINUTE; at <= made.latest; at += 5 * MINUTE) expected.push(at)
  const started = [...made.runs.started.keys()].map((id) => Number(id.split('slot-')[1]))
  return [
    ...expected.filter((at) => !started.includes(at)).map((at) => `lost ${at}`),
    ...started.filter((at, n) => started.indexOf(at) !== n || !expected.includes(at)).map((at) => `doubled ${at}`),
  ]
}

describe('walks', () => {
  it('SCH-022: through kills, lost answers and clocks that jump no due time is lost and none starts two runs', async () => {
    let fired = 0
    await fc.assert(
      fc.asyncProperty(steps, async (sequence) => {
        const made = await walk(sequence)
        expect(wrong(made)).toEqual([])
        const rows = slots(await made.history())
        expect(new Set(rows.map((row) => row.id)).size).toBe(rows.length)
        expect(rows.every((row) => row.state === 'succeeded')).toBe(true)
        fired += rows.length
      }),
      { numRuns: 60 },
    )
    expect(fired).toBeGreaterThan(60)
  }, 120_000)

  it('SCH-023: the walk finds a start that is not asked for under one id, and a start that is forgotten', async () => {
    // In the look at which the first one is due: lease, due time, begun, then the run's id, which is not stored.
    const sequence: Step[] = [
      ...Array.from({ length: 4 }, () => ({ kind: 'pass', ms: 60_000 }) as const),
      { kind: 'kill', at: 4 },
      ...Array.from({ length: 8 }, () => ({ kind: 'pass', ms: 60_000 }) as const),
    ]
    const doubling = await walk(sequence, (runs) => {
      const { start } = runs.api
      let n = 0
      Object.assign(runs.api, {
        start: (request: Parameters<typeof start>[0]) =>
          start({ ...request, requestId: `${++n} ${request.requestId}` }),
      })
    })
    expect(wrong(doubling).join()).toContain('doubled')
    const losing = await walk(sequence, (runs) => {
      Object.assign(runs.api, { start: async () => ({ runId: 'run_0', existed: false }) })
    })
    expect(wrong(losing).join()).toContain('lost')
  })
})
