/** This runtime as one of the subjects that are measured. */
import { join } from 'node:path'
import { AgentBox } from './agent-turn.ts'
import type { OpenStore } from './box.ts'
import { GovernedBox } from './governed.ts'
import { readBarriers, StepsBox } from './steps.ts'
import type { Line, Subject } from './subject.ts'

/** Name of this runtime in results. */
export const OURS = 'Signalbox'

/** What this runtime said and did, against which its files are held. */
export interface Account {
  /** Supersteps that it said were durable. */
  readonly acknowledged: number
  /** Barriers in the file, read without any of our code. */
  readonly onRecord: number
  readonly bytesEach: number
  /** The smallest number of commits in which one run did a superstep each; below 1 they were not flushed one by one. */
  readonly commitsAStep: number
  /** Turns that ended, and how often the outside system was called for them. */
  readonly turns: number
  readonly executed: number
}

/** Stores on files of their own, one for each kind of work; all keep what the rounds before left. */
export class Ours implements Subject {
  readonly name = OURS
  readonly durable =
    'one record with message and state, sealed and chained; one flush a commit, shared between runs that are ready'
  readonly #path: string
  readonly #steps: StepsBox
  readonly #turns: GovernedBox
  readonly #agent: AgentBox
  #acknowledged = 0
  #commitsAStep = Number.POSITIVE_INFINITY

  private constructor(path: string, steps: StepsBox, turns: GovernedBox, agent: AgentBox) {
    this.#path = path
    this.#steps = steps
    this.#turns = turns
    this.#agent = agent
  }

  static async start(open: OpenStore, folder: string): Promise<Ours> {
    const path = join(folder, 'steps.db')
    const turns = new GovernedBox(await open(join(folder, 'turns.db')))
    return new Ours(path, new StepsBox(await open(path)), turns, new AgentBox(await open(join(folder, 'agent.db'))))
  }

  async rate(line: Line, runs: number, each: number): Promise<number> {
    if (line === 'turns') return this.#turns.rate(runs, each)
    if (line === 'agent') return (each * 1_000) / (await this.#agent.turns(each))
    if (line === 'chunks') return (each * 1_000) / (await this.#agent.chunks(each))
    const round = await this.#steps.round(runs, each)
    this.#acknowledged += round.supersteps
    if (runs === 1) this.#commitsAStep = Math.min(this.#commitsAStep, round.commits / round.supersteps)
    return round.rate
  }

  async close(): Promise<void> {
    await this.#steps.close()
    await this.#turns.close()
    await this.#agent.close()
  }

  /** After `close`: what was said beside what is in the file. */
  account(): Account {
    const { supersteps, bytesEach } = readBarriers(this.#path)
    return {
      acknowledged: this.#acknowledged,
      onRecord: supersteps,
      bytesEach,
      commitsAStep: Number(this.#commitsAStep.toFixed(2)),
      turns: this.#turns.finished + this.#agent.finished,
      executed: this.#turns.executed + this.#agent.executed,
    }
  }
}
