import { type FiringRow, SignalboxError } from 'signalbox'
import { describe, expect, it } from 'vitest'
import { BASE, type Clocks, MINUTE, OLGA, slots, START, TENANT, type World, world } from '../../test/schedule-world.ts'
import { readSchedules, type ScheduleDef } from './definition.ts'
import type { JobEnd, Scheduler } from './scheduler.ts'
import { scheduleService } from './service.ts'

async function ticks(leader: Scheduler, clocks: Clocks, minutes: number, each = 20_000): Promise<void> {
  for (let ms = 0; ms < minutes * MINUTE; ms += each) {
    clocks.pass(each)
    await leader.tick()
  }
}

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
