/** All measurements of one run of the benchmark. */
import { join } from 'node:path'
import type { Mark } from '../peers/src/serve.ts'
import { AgentBox, bareModel, type PartTimes } from './agent-turn.ts'
import { inFolder, type OpenStore } from './box.ts'
import { measureTurns, type TurnsFound } from './conversation.ts'
import { canTrace, countFlushes, type Flushes, OURS_TRACED } from './flushes.ts'
import { type Account, Ours } from './ours.ts'
import { PeerProcess, type PeerSpec } from './peers.ts'
import { RawTable } from './raw.ts'
import { measureRestores, type Restored, type RestorePlan } from './restore.ts'
import { readBarriers, StepsBox } from './steps.ts'
import { spread } from './stats.ts'
import { interleave, type Sample, type Subject, type Work } from './subject.ts'

/** How much is measured. */
export interface Plan {
  readonly rounds: number
  readonly work: Work
  /** Turns of the long conversation from which on blocks are timed; ascending. With none there is no conversation. */
  readonly turnMarks: readonly number[]
  /** Blocks that are timed at each mark. */
  readonly turnPairs: number
  /** The same for the peer that keeps a conversation: it is as long as its last mark. */
  readonly peerMarks: readonly number[]
  readonly restore: RestorePlan | null
  /** Counts flushes, where that can be done. */
  readonly flushes: boolean
}

/** Everything that was measured, not yet judged. */
export interface Measured {
  readonly plan: Plan
  readonly samples: readonly Sample[]
  readonly account: Account
  readonly durable: readonly { readonly subject: string; readonly text: string }[]
  readonly flushes: readonly Flushes[]
  readonly turns: TurnsFound | null
  /** Of LangGraph; empty when it was not measured. */
  readonly peerTurns: readonly Mark[]
  readonly restores: readonly Restored[]
  /** Milliseconds of a governed turn between the points of the door, the middle of several runs; null when not measured. */
  readonly parts: PartTimes | null
}

/** Tells what goes on. */
export type Progress = (text: string) => void

/** Measures by the plan, beside the given peers. */
export async function measure(
  open: OpenStore,
  plan: Plan,
  peers: readonly PeerSpec[],
  progress: Progress = () => undefined,
): Promise<Measured> {
  progress('rates')
  const rates = await inFolder((folder) => measureRates(open, plan, peers, folder, progress))
  progress('flushes')
  const flushes: Flushes[] = []
  if (plan.flushes && canTrace())
    for (const spec of [OURS_TRACED, ...peers.filter(({ keepsSteps }) => keepsSteps)])
      flushes.push(await countFlushes(spec))
  progress('conversations')
  const turns = await inFolder(async (folder) =>
    plan.turnMarks.length === 0
      ? null
      : measureTurns(await open(join(folder, 'conversation.db')), plan.turnMarks, plan.turnPairs),
  )
  const peerTurns = await inFolder((folder) => measurePeerTurns(peers, plan, folder))
  progress('parts of a turn')
  const parts = await inFolder((folder) => measureParts(open, plan, folder))
  progress('restores')
  const restores = plan.restore === null ? [] : await measureRestores(open, plan.restore)
  return { plan, ...rates, flushes, turns, peerTurns, restores, parts }
}

/** Bytes of one superstep, by which the raw rows are as large: measured in a first short run. */
async function calibrate(open: OpenStore, folder: string): Promise<number> {
  const path = join(folder, 'calibrate.db')
  const box = new StepsBox(await open(path))
  await box.round(1, 20)
  await box.close()
  return readBarriers(path).bytesEach
}

async function measureRates(
  open: OpenStore,
  plan: Plan,
  peers: readonly PeerSpec[],
  folder: string,
  progress: Progress,
): Promise<Pick<Measured, 'samples' | 'account' | 'durable'>> {
  const raw = new RawTable(join(folder, 'raw.db'), await calibrate(open, folder))
  const ours = await Ours.start(open, folder)
  const subjects: Subject[] = [raw, bareModel, ours]
  for (const spec of peers) subjects.push(await PeerProcess.start(spec, folder))
  const samples = await interleave(subjects, plan.work, plan.rounds, progress)
  for (const subject of subjects) await subject.close()
  const durable = subjects.map((subject) => ({ subject: subject.name, text: subject.durable }))
  return { samples, account: ours.account(), durable }
}

/** The first peer that keeps conversations. */
async function measurePeerTurns(peers: readonly PeerSpec[], plan: Plan, folder: string): Promise<readonly Mark[]> {
  for (const spec of peers.filter(({ keepsSteps }) => keepsSteps)) {
    const peer = await PeerProcess.start(spec, folder)
    const marks = await peer.conversation(plan.peerMarks.at(-1) ?? 0, plan.peerMarks)
    await peer.close()
    if (marks.length > 0) return marks
  }
  return []
}

/** Runs that are timed, after as many that warm up; each part is the middle of them. */
const PARTS_RUNS = 9

/** Where the time of a governed turn goes; timed in runs of its own, since looking at the clock takes time too. */
async function measureParts(open: OpenStore, plan: Plan, folder: string): Promise<PartTimes | null> {
  const [first] = plan.work.agent ?? []
  if (!first) return null
  const box = new AgentBox(await open(join(folder, 'parts.db')), true)
  const found: PartTimes[] = []
  for (let i = 0; i < PARTS_RUNS * 2; i++) {
    await box.turns(first.each)
    const parts = box.parts(first.each)
    if (parts && i >= PARTS_RUNS) found.push(parts)
  }
  await box.close()
  const names = Object.keys(found[0] ?? {}) as (keyof PartTimes)[]
  const middle = (name: keyof PartTimes): number =>
    spread(
      found.map((parts) => parts[name]),
      3,
    ).median
  // The same parts as those that were measured.
  return Object.fromEntries(names.map((name) => [name, middle(name)])) as PartTimes
}
