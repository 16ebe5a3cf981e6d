/** What is measured: this runtime, the bare disk and other products, each behind the same two questions. */

import { type Line, LINES } from '../peers/src/serve.ts'

export type { Line }

/** Something that is measured. One measurement at a time; the data of the rounds before stays where it is. */
export interface Subject {
  readonly name: string
  /** What is on disk when a step is over, in words for the table. */
  readonly durable: string
  /**
   * Runs `runs` concurrent runs of `each` units to their ends and gives units a second; null when the subject has no
   * such line or no such number of runs.
   */
  rate(line: Line, runs: number, each: number): Promise<number | null>
  close(): Promise<void>
}

/** One measured rate. */
export interface Sample {
  readonly round: number
  readonly line: Line
  readonly subject: string
  readonly runs: number
  /** Units a second. */
  readonly rate: number
}

/** How many units each run does, by line and number of concurrent runs. */
export type Work = Readonly<Partial<Record<Line, readonly { readonly runs: number; readonly each: number }[]>>>

/**
 * Measures all subjects in turns: a round goes through lines and numbers of runs, and within each through the subjects,
 * so that what is compared was measured one after the other. Round 0 warms up and is not kept.
 */
export async function interleave(
  subjects: readonly Subject[],
  work: Work,
  rounds: number,
  progress: (text: string) => void,
): Promise<readonly Sample[]> {
  const samples: Sample[] = []
  for (let round = 0; round <= rounds; round++) {
    progress(`round ${round} of ${rounds}`)
    for (const line of LINES)
      for (const { runs, each } of work[line] ?? [])
        for (const subject of subjects) {
          const rate = await subject.rate(line, runs, each)
          if (round > 0 && rate !== null) samples.push({ round, line, subject: subject.name, runs, rate })
        }
  }
  return samples
}
