/** Walks of two processes through kills, lost answers and clocks that jump. */
import fc from 'fast-check'
import { faultStore } from 'signalbox/testing'
import { describe, expect, it } from 'vitest'
import { type FakeRuns, MINUTE, slots, START, type World, world } from '../../test/schedule-world.ts'

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
