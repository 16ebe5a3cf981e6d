/** Stands of the kill tests: the drill's own, on the desk with short times. */
import { fileURLToPath } from 'node:url'
import {
  checkEvidence,
  type DrillFault,
  type Evidence,
  type Killable,
  openStand,
  type Stand,
  type Story,
  storyOf,
} from '@signalbox/server'
import { deskDrill } from '../src/drill.ts'
import { WORLD_URL } from '../src/tools/index.ts'
import { readBank } from '../src/world/bank-store.ts'
import { DESK } from '../src/workflow.ts'
import { bankFolderOf } from './kill-project.ts'

const CONFIG = fileURLToPath(new URL('./kill-project.ts', import.meta.url))

/** Sets a stand up. */
export function makeStand(planted: DrillFault | null = null): Promise<Stand> {
  return openStand({ configPath: CONFIG, workflow: DESK, planted })
}

/** Where a stand's bank answers. */
export function bankUrl({ world }: Stand): string {
  return world.env[WORLD_URL] ?? ''
}

/** Starts the run of one invoice file; gives its id. */
export function startRun(stand: Stand, file: string): Promise<string> {
  return stand.start({ name: file, input: { file } })
}

/** Starts a worker process and lets it go at once. */
export async function workOn(stand: Stand, name: string): Promise<Killable> {
  const worker = await stand.worker(name)
  worker.go([])
  return worker
}

/** Waits until every run has ended. Throws with what is left. */
export async function untilAllEnded(stand: Stand, quietMs?: number): Promise<void> {
  const left = await stand.untilAllEnded(quietMs)
  if (left.length > 0) throw new Error(left.join('; '))
}

/** Everything that is wrong, one sentence each. */
export function check(evidence: Evidence): string[] {
  return checkEvidence(evidence, deskDrill.recorded).map(({ kind, detail }) => `${kind}: ${detail}`)
}

/** What each run came to, by its input. */
export async function stories({ runs, recorded }: Evidence): Promise<Story[]> {
  const told = await Promise.all(runs.map((run) => storyOf(run, deskDrill.volatile ?? [], recorded)))
  return told.sort((a, b) => (JSON.stringify(a.input) < JSON.stringify(b.input) ? -1 : 1))
}

/** What the stand's bank has booked. */
export function bookingsOf({ folder }: Stand): ReturnType<typeof readBank>['bookings'] {
  return readBank(bankFolderOf(folder)).bookings
}
