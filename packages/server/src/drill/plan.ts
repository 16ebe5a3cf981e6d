/** Chooses where workers are killed: from the points that the undisturbed runs have reached, by a seed. */
import { sha256Hex } from 'signalbox'
import { type KillPoint, STAGE_NAMES, type Stage, stageOf } from './orders.ts'

/** A point that the undisturbed run of an input reached, for the `nth` time under this name. */
export interface Reached {
  readonly input: string
  readonly point: KillPoint
  readonly name: string
  readonly nth: number
}

/** One kill that is to be carried out. */
export interface PlannedKill extends Reached {
  readonly stage: Stage
}

/** What a plan is made of. */
export interface PlanOptions {
  readonly reached: readonly Reached[]
  /** How many kills in all. They are spread evenly over the stages that can be reached. */
  readonly kills: number
  readonly seed: number
  /** Tools with effects: their calls are chosen before others. */
  readonly effects: readonly string[]
}

/** Reads the lines of an observed worker. `inputOf` gives the input's name of a run. */
export function reachedIn(lines: readonly string[], inputOf: (runId: string) => string | undefined): Reached[] {
  const counts = new Map<string, number>()
  const reached: Reached[] = []
  for (const line of lines) {
    const [, runId = '', point, name = ''] = /^point (\S+) (\S+) (.*)$/.exec(line) ?? []
    const input = inputOf(runId)
    if (point === undefined || input === undefined) continue
    const nth = (counts.get(`${runId} ${point} ${name}`) ?? 0) + 1
    counts.set(`${runId} ${point} ${name}`, nth)
    // The worker writes its own points.
    reached.push({ input, point: point as KillPoint, name, nth })
  }
  return reached
}

/**
 * The kills in rounds: within a round each input is killed once, since every round starts with empty outside systems. The
 * same options give the same plan. Stages take turns; within a stage calls with effects come first, and points that were
 * not chosen yet before those that were.
 */
export function planKills({ reached, kills, seed, effects }: PlanOptions): PlannedKill[][] {
  const queues = new Map<Stage, PlannedKill[]>()
  for (const stage of STAGE_NAMES) {
    const of = reached.filter((each) => stageOf(each.point) === stage).map((each) => ({ ...each, stage }))
    if (of.length > 0) queues.set(stage, ordered(of, seed, effects))
  }
  const rounds: PlannedKill[][] = []
  let round: PlannedKill[] = []
  for (let planned = 0, turn = 0; queues.size > 0 && planned < kills; turn += 1) {
    const [stage, queue] = [...queues][turn % queues.size] ?? []
    if (stage === undefined || queue === undefined) break
    const isFree = ({ input }: Reached): boolean => round.every((each) => each.input !== input)
    const at = queue.findIndex(isFree)
    if (at < 0) {
      // Every input that comes to this stage is used: the next round starts with all of them.
      rounds.push(round)
      round = []
      turn -= 1
      continue
    }
    // What was chosen goes to the end, so that everything is chosen once before anything is chosen again.
    const chosen = queue.splice(at, 1)
    queue.push(...chosen)
    round.push(...chosen)
    planned += 1
  }
  return round.length > 0 ? [...rounds, round] : rounds
}

/** Kinds of points take turns, those of effects twice as often, each with its inputs in an order that the seed gives. */
function ordered(kills: readonly PlannedKill[], seed: number, effects: readonly string[]): PlannedKill[] {
  const kinds = new Map<string, PlannedKill[]>()
  const shuffled = [...kills].sort((a, b) => (rank(a, seed) < rank(b, seed) ? -1 : 1))
  for (const kill of shuffled) {
    const kind = `${kill.point} ${kill.name}`
    kinds.set(kind, [...(kinds.get(kind) ?? []), kill])
  }
  const groups = [...kinds.entries()].sort(([a], [b]) =>
    sha256Hex(`${seed} ${a}`) < sha256Hex(`${seed} ${b}`) ? -1 : 1,
  )
  const isEffect = (group: readonly PlannedKill[]): boolean => effects.includes(group[0]?.name ?? '')
  const first = groups.map(([, group]) => group).filter(isEffect)
  const others = groups.map(([, group]) => group).filter((group) => !isEffect(group))
  const result: PlannedKill[] = []
  while (first.length + others.length > 0) {
    for (const from of [first, first, others]) {
      const group = from.shift()
      const next = group?.shift()
      if (next) result.push(next)
      if (group && group.length > 0) from.push(group)
    }
  }
  return result
}

function rank({ input, point, name, nth }: Reached, seed: number): string {
  return sha256Hex(`${seed}\n${input}\n${point}\n${name}\n${nth}`)
}
