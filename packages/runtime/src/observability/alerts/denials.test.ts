import { describe, expect, it } from 'vitest'
import { seededRandom } from '../../reliability/keys.ts'
import { advance, chanceOf, countAsk, type DenialStream, newStream, viewOf } from './denials.ts'
import { denialSpike } from './rules-records.ts'

const HOUR = 3_600_000
const STEP = 300_000
const START = Date.parse('2026-01-01T00:00:00Z')

function fires(stream: DenialStream): boolean {
  const { atLeast, chanceBelow, risePoints } = denialSpike.limits
  const view = viewOf(stream)
  const { denied, chance, percent, usualPercent } = view
  return denied >= (atLeast ?? 0) && chance <= (chanceBelow ?? 0) && percent - usualPercent >= (risePoints ?? 0)
}

/** Asks at random times, denied at random; tells each opening of an alert, with what is usual frozen while it is open. */
function simulate(options: {
  readonly seed: string
  readonly perHour: number
  readonly rate: (at: number) => number
  readonly hours: number
}): number[] {
  const { seed, perHour, rate, hours } = options
  let [stream, n, open] = [newStream('acme', 'desk', START), 0, false]
  const alarms: number[] = []
  for (let at = START; at < START + hours * HOUR; at += STEP) {
    stream = advance(stream, at, open)
    const mean = (perHour * STEP) / HOUR
    const least = Math.exp(-mean)
    for (let p = seededRandom(`${seed}/${n}`); p > least; p *= seededRandom(`${seed}/${n}`)) {
      n += 1
      const denied = seededRandom(`${seed}/d/${n}`) < rate(at)
      stream = countAsk(stream, { at, denied, run: `run_${n}`, seq: 1 })
      if (denied && !open && fires(stream)) {
        alarms.push(at)
        open = true
      }
    }
    n += 1
    if (open && !fires(stream)) open = false
  }
  return alarms
}

describe('the rise of denials', () => {
  it('ALR-020: the chance of so many denials is exact: it agrees with counting, and with a history that says little it is not small', () => {
    // Drawing without a history, each outcome of the uniform prior is as probable as the others.
    expect(chanceOf(3, 9, 1, 1)).toBeCloseTo(7 / 10, 12)
    expect(chanceOf(9, 9, 1, 1)).toBeCloseTo(1 / 10, 12)
    expect(chanceOf(0, 9, 1, 19)).toBe(1)
    // 1·2·3·4·5·6 / (20·21·22·23·24·25)
    expect(chanceOf(6, 6, 1, 19)).toBeCloseTo(720 / 127_512_000, 12)
    // A long history is a binomial distribution: 3 or more of 10 at one half.
    expect(chanceOf(3, 10, 5e7, 5e7)).toBeCloseTo(968 / 1_024, 5)
    const sum = Array.from({ length: 41 }, (_, k) => chanceOf(k, 40, 2.5, 30) - chanceOf(k + 1, 40, 2.5, 30))
    expect(sum.reduce((a, b) => a + b, 0)).toBeCloseTo(1, 9)
  })

  it('ALR-020: one bad hour of a quiet workflow is no alarm, and denials of one run count as three', () => {
    let stream = newStream('acme', 'desk', START)
    for (let i = 0; i < 4; i++) stream = countAsk(stream, { at: START, denied: true, run: `run_${i}`, seq: 1 })
    expect(fires(stream)).toBe(false)
    for (let i = 0; i < 40; i++) stream = countAsk(stream, { at: START, denied: true, run: 'run_loop', seq: i })
    expect(viewOf(stream)).toMatchObject({ denied: 7, worst: { run: 'run_loop', denied: 40 } })
  })

  it('ALR-021: what is usual does not learn from a spike while its alert is open, and does once somebody took it up', () => {
    let stream = newStream('acme', 'desk', START)
    for (let i = 0; i < 20; i++) stream = countAsk(stream, { at: START, denied: true, run: `run_${i}`, seq: 1 })
    expect(advance(stream, START + 3 * HOUR, true).usual).toEqual({ asks: 0, denied: 0, at: START })
    expect(advance(stream, START + 3 * HOUR, false).usual).toMatchObject({ asks: 20, denied: 20 })
    expect(advance(stream, START + 3 * HOUR, false).steps).toEqual([])
  })

  it('ALR-022: by simulation there are less than one false alarm in half a year at any traffic, and a spike is told within minutes', () => {
    const quiet = [
      { perHour: 0.2, rate: 0.02, hours: 4_380 },
      { perHour: 4, rate: 0.1, hours: 4_380 },
      { perHour: 4, rate: 0.02, hours: 4_380 },
      { perHour: 20, rate: 0.05, hours: 1_500 },
    ]
    const alarms = quiet.map(
      ({ perHour, rate, hours }, i) => simulate({ seed: `quiet/${i}`, perHour, rate: () => rate, hours }).length,
    )
    expect(alarms).toEqual([0, 0, 0, 0])
    const at = START + 200 * HOUR
    const delays = [20, 60].map((perHour) => {
      const rate = (now: number): number => (now >= at ? 0.8 : 0.02)
      const [first = Number.POSITIVE_INFINITY] = simulate({ seed: `spike/${perHour}`, perHour, rate, hours: 210 })
      return (first - at) / 60_000
    })
    for (const minutes of delays) {
      expect(minutes).toBeGreaterThanOrEqual(0)
      expect(minutes).toBeLessThanOrEqual(45)
    }
  })
})
