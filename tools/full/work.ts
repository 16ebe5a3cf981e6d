/** The work of `npm run test:full` in slices, and the file that remembers which are done. */
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import type { RestoreDrillResult } from '../../packages/server/src/index.ts'

/** A range of simulation seeds, both ends included. */
export interface SeedSlice {
  readonly kind: 'seeds'
  readonly id: string
  readonly from: number
  readonly to: number
}

/** Some kills of one example. */
export interface KillSlice {
  readonly kind: 'kills'
  readonly id: string
  /** Project file, from the root. */
  readonly config: string
  readonly workflow: string
  readonly kills: number
  readonly seed: number
}

/** Some random graphs, drawn from a seed of their own. */
export interface GraphSlice {
  readonly kind: 'graphs'
  readonly id: string
  readonly graphs: number
  readonly seed: number
}

/** A check that is one command: how it ended, in one sentence for people. */
export interface CheckResult {
  readonly passed: boolean
  readonly told: string
  readonly duration_ms: number
}

/** What the check of random graphs reports: how many, in how many other orders, broken off how often. */
export interface GraphResult {
  readonly graphs: number
  readonly orders: number
  readonly crashes: number
  /** The smallest graph that did not come to the same; absent or null when all did. */
  readonly failure?: unknown
}

/** What the simulator reports of a range of seeds: histograms by name. */
export interface SeedResult {
  readonly seeds: { readonly from: number; readonly to: number }
  readonly scenarios: Readonly<Record<string, number>>
  readonly faults: Readonly<Record<string, number>>
  readonly points: Readonly<Record<string, number>>
  readonly failures: readonly unknown[]
  readonly duration_ms: number
}

/** Everything that is done so far, of one source tree. */
export interface WorkDone {
  readonly tree: string
  readonly seeds: Readonly<Record<string, SeedResult>>
  readonly kills: Readonly<Record<string, RestoreDrillResult>>
  readonly graphs: Readonly<Record<string, GraphResult>>
  /** By the name of the check. */
  readonly checks: Readonly<Record<string, CheckResult>>
}

/** How much is to be done. */
export interface Extent {
  readonly seeds: { readonly from: number; readonly to: number }
  readonly kills: number
  readonly graphs: number
}

/** A workflow of an example that has a drill. */
export interface DrilledExample {
  /** Project file, from the root. */
  readonly config: string
  readonly workflow: string
}

/** Project files of all examples, from the root: the one that `npm start` shows, then the others by name. */
export function exampleConfigs(root: string): readonly string[] {
  const folders = readdirSync(join(root, 'examples')).sort()
  const configs = folders.map((folder) => `examples/${folder}/signalbox.config.ts`)
  return ['signalbox.config.ts', ...configs.filter((config) => existsSync(join(root, config)))]
}

const SEEDS_A_SLICE = 1_000
const KILLS_A_SLICE = 20
const GRAPHS_A_SLICE = 100

/** Ranges of seeds that cover the extent. */
export function seedSlices({ seeds }: Extent): SeedSlice[] {
  const slices: SeedSlice[] = []
  for (let from = seeds.from; from <= seeds.to; from += SEEDS_A_SLICE) {
    const to = Math.min(seeds.to, from + SEEDS_A_SLICE - 1)
    slices.push({ kind: 'seeds', id: `${from}..${to}`, from, to })
  }
  return slices
}

/** Random graphs in slices, each with a seed of its own. */
export function graphSlices({ graphs }: Extent): GraphSlice[] {
  const slices: GraphSlice[] = []
  for (let planned = 0; planned < graphs; planned += GRAPHS_A_SLICE) {
    const [some, seed] = [Math.min(GRAPHS_A_SLICE, graphs - planned), slices.length + 1]
    slices.push({ kind: 'graphs', id: `${seed}/${some}`, graphs: some, seed })
  }
  return slices
}

/** Kills over all examples by turns, each slice with a seed of its own. */
export function killSlices({ kills }: Extent, examples: readonly DrilledExample[]): KillSlice[] {
  const slices: KillSlice[] = []
  for (let planned = 0; planned < kills; planned += KILLS_A_SLICE) {
    const seed = slices.length + 1
    const example = examples[slices.length % examples.length]
    if (!example) break
    const some = Math.min(KILLS_A_SLICE, kills - planned)
    slices.push({ kind: 'kills', id: `${example.workflow} ${seed}/${some}`, ...example, kills: some, seed })
  }
  return slices
}

/** What the file remembers of this source tree; nothing when it is of another one, or cannot be read. */
export function readWork(path: string, tree: string): WorkDone {
  const nothing: WorkDone = { tree, seeds: {}, kills: {}, graphs: {}, checks: {} }
  try {
    // Written by `writeWork` in this form.
    const work = JSON.parse(readFileSync(path, 'utf8')) as WorkDone
    return work.tree === tree ? { ...nothing, ...work } : nothing
  } catch {
    return nothing
  }
}

/** Remembers, in one step: a stop in the middle leaves what was there before. */
export function writeWork(path: string, work: WorkDone): void {
  mkdirSync(dirname(path), { recursive: true })
  writeFileSync(`${path}.draft`, JSON.stringify(work))
  renameSync(`${path}.draft`, path)
}
