/** All measurements, interleaved: each round measures the raw table and the runtime one after the other. */
import { join } from 'node:path'
import { inFolder, type OpenStore } from './box.ts'
import { measureTurnBytes, measureTurnTime, type TurnBytes, type TurnPair } from './conversation.ts'
import { RawTable } from './raw.ts'
import { type OnRecord, readBarriers, StepsBox, type StepsRound } from './steps.ts'

/** How much is measured. */
export interface Plan {
  readonly rounds: number
  /** Supersteps of the one run, and raw commits, in each round. */
  readonly steps: number
  /** Concurrent runs. */
  readonly runs: number
  /** Supersteps of each of them, and shared raw commits, in each round. */
  readonly stepsEach: number
  /** Pairs of blocks of turns that are timed; with none only their bytes are measured. */
  readonly turnPairs: number
}

/** What one round gave, in supersteps or rows a second. */
export interface Round {
  readonly rawSingle: number
  readonly one: StepsRound
  readonly rawShared: number
  readonly many: StepsRound
}

/** Everything that was measured, not yet judged. */
export interface Measured {
  readonly plan: Plan
  readonly rounds: readonly Round[]
  /** Supersteps that the runtime said were durable, warm-up included. */
  readonly acknowledged: number
  readonly onRecord: OnRecord
  readonly turns: readonly TurnPair[]
  readonly turnBytes: TurnBytes
}

/** Bytes of one superstep, by which the raw rows are as large: measured in a first short run. */
async function calibrate(open: OpenStore, folder: string): Promise<number> {
  const path = join(folder, 'calibrate.db')
  const box = new StepsBox(await open(path))
  await box.round(1, 50)
  await box.close()
  return readBarriers(path).bytesEach
}

/** Measures by the plan. The first round warms up and is not kept. */
export function measure(open: OpenStore, plan: Plan): Promise<Measured> {
  return inFolder(async (folder) => {
    const raw = new RawTable(join(folder, 'raw.db'), await calibrate(open, folder))
    const path = join(folder, 'steps.db')
    const box = new StepsBox(await open(path))
    const all: Round[] = []
    for (let i = 0; i <= plan.rounds; i++)
      all.push({
        rawSingle: raw.rate(plan.steps, 1),
        one: await box.round(1, plan.steps),
        rawShared: raw.rate(plan.stepsEach, plan.runs),
        many: await box.round(plan.runs, plan.stepsEach),
      })
    raw.close()
    await box.close()
    const acknowledged = all.reduce((sum, round) => sum + round.one.supersteps + round.many.supersteps, 0)
    return {
      plan,
      rounds: all.slice(1),
      acknowledged,
      onRecord: readBarriers(path),
      turns: plan.turnPairs === 0 ? [] : await measureTurnTime(await open(join(folder, 'turns.db')), plan.turnPairs),
      turnBytes: await turnBytes(open, join(folder, 'bytes.db')),
    }
  })
}

async function turnBytes(open: OpenStore, path: string): Promise<TurnBytes> {
  return measureTurnBytes(await open(path), path)
}
