/** Drives the kill tests: starts runs and worker processes, sees to it that they are killed, and plays the person. */
import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { type PersonRequestRow, type RunRow, type Signalbox, sleep, systemHost } from 'signalbox'
import { readBank } from '../src/world/bank-store.ts'
import { type SpawnedWorld, spawnWorld } from '../src/world/spawn.ts'
import { openKillDesk, PAUL, RITA, TENANT } from './kill-desk.ts'
import type { KillOrder, WorkerStart } from './kill-orders.ts'

const WORKER = fileURLToPath(new URL('./kill-worker.ts', import.meta.url))
const LIMIT_MS = 60_000

/** A worker process. */
export interface Killable {
  readonly child: ChildProcess
  readonly lines: readonly string[]
  /** Sets it going. */
  go(orders: readonly KillOrder[]): void
  /** Resolves with the order that ended it. Throws when it ends otherwise. */
  killed(): Promise<string>
  /** Resolves when it has stopped at an order's point. */
  stopped(): Promise<void>
  /** Ends it now, as the parent. */
  kill(): Promise<void>
  /** Lets it stop by itself. */
  stop(): Promise<void>
}

/** Starts a worker process, `under` another program, and waits until it is ready; it does nothing before `go`. */
export async function startKillable(start: WorkerStart, under: readonly string[] = []): Promise<Killable> {
  const command = [...under, process.execPath, '--conditions=signalbox-source', '--no-warnings']
  const child = fork(WORKER, [JSON.stringify(start)], {
    execPath: command[0] ?? process.execPath,
    execArgv: command.slice(1),
    stdio: ['ignore', 'pipe', 'inherit', 'ipc'],
  })
  const lines: string[] = []
  const exited = once(child, 'exit')
  if (!child.stdout) throw new Error('a worker has an output')
  const reader = createInterface({ input: child.stdout })
  const closed = once(reader, 'close')
  const ready = new Promise<void>((resolve, reject) => {
    reader.on('line', (line) => {
      lines.push(line)
      if (line === 'ready') resolve()
    })
    exited.then(() => reject(new Error(`worker ${start.worker} ended before it was ready`)))
  })
  await ready
  return {
    child,
    lines,
    go: (orders) => child.send({ orders }),
    killed: async () => {
      await inTime(
        Promise.all([exited, closed]),
        () => `worker ${start.worker} was not killed; it said ${lines.join(', ')}`,
      )
      const line = lines.find((each) => each.startsWith('killed '))
      if (line === undefined || child.signalCode !== 'SIGKILL')
        throw new Error(`worker ${start.worker} ended with ${child.signalCode ?? child.exitCode} and was not killed`)
      return line.slice('killed '.length)
    },
    stopped: async () => {
      const said = (): boolean => lines.some((line) => line.startsWith('stopped '))
      while (!said()) await inTime(once(reader, 'line'), () => `worker ${start.worker} did not stop`)
    },
    kill: async () => {
      if (child.exitCode === null && child.signalCode === null) child.kill('SIGKILL')
      await Promise.all([exited, closed])
    },
    stop: async () => {
      if (child.exitCode === null && child.signalCode === null) child.kill('SIGTERM')
      await exited
    },
  }
}

/** The same, or an error with that message when it takes too long. */
async function inTime<T>(promise: Promise<T>, message: () => string): Promise<T> {
  const over = new AbortController()
  const late = sleep(systemHost, LIMIT_MS, over.signal).then(() => {
    if (!over.signal.aborted) throw new Error(message())
    return promise
  })
  return Promise.race([promise, late]).finally(() => over.abort())
}

/** What the scripted person was asked and answered. */
export interface Answers {
  approvals: number
  happened: number
  did_not: number
  /** What went wrong while answering; each is tried again. */
  readonly troubles: string[]
}

/**
 * Plays the person until the signal aborts: approves payments and nothing else, and answers every question about an effect by
 * looking at the bank's own file.
 */
async function playPerson(desk: Signalbox, bankFolder: string, answers: Answers, signal: AbortSignal): Promise<void> {
  const seen = new Set<string>()
  while (!signal.aborted) {
    const open = await desk.runs.requests({ tenant: TENANT, state: 'open', limit: 100 })
    for (const row of open) {
      if (seen.has(row.id)) continue
      try {
        await answerRow(desk, bankFolder, row, answers)
        seen.add(row.id)
      } catch (error) {
        answers.troubles.push(`${row.kind} ${row.id}: ${error instanceof Error ? error.message : String(error)}`)
      }
    }
    await sleep(systemHost, 50, signal)
  }
}

async function answerRow(desk: Signalbox, folder: string, row: PersonRequestRow, answers: Answers): Promise<void> {
  const { packet, packetHash } = await desk.runs.request(TENANT, row.id)
  if (packet === null) throw new Error(`request ${row.id} has no packet`)
  if (row.kind === 'approval') {
    await desk.runs.decide({
      approvalId: row.id,
      answer: row.class === 'payments.write' ? 'approved' : 'rejected',
      by: PAUL,
      reason: 'the delivery was checked',
      seen: packetHash,
    })
    answers.approvals += 1
    return
  }
  const { invoice_key } = JSON.parse(packet.arguments) as { invoice_key: string }
  const isBooked = readBank(folder).bookings.some((each) => each.reference === invoice_key)
  const answer = isBooked ? 'happened' : 'did_not'
  await desk.runs.answer({ questionId: row.id, answer, by: PAUL, reason: 'looked at the account of the bank' })
  answers[answer] += 1
}

/** Starts the run of one invoice file; gives its id. */
export async function startRun(desk: Signalbox, file: string): Promise<string> {
  const request = { workflow: 'payables-desk', input: { file }, principal: RITA, requestId: `invoice:${file}` }
  return (await desk.runs.start(request)).runId
}

/** Waits until no run of the desk is going on or waiting; throws with what is left when that takes too long. */
export async function untilAllEnded(desk: Signalbox, limitMs = LIMIT_MS): Promise<void> {
  const until = systemHost.now() + limitMs
  for (;;) {
    const rows = await desk.runs.list({ tenant: TENANT, limit: 500 })
    const left = rows.filter((row) => ['queued', 'running', 'waiting', 'stopping'].includes(row.status))
    if (left.length === 0) return
    if (systemHost.now() > until)
      throw new Error(`not ended: ${(await Promise.all(left.map((row) => tail(desk, row)))).join('; ')}`)
    await sleep(systemHost, 50)
  }
}

/** How a run stands, for a message. */
async function tail(desk: Signalbox, { runId, status, seq, epoch, leaseUntil, wakeAt }: RunRow): Promise<string> {
  const records = await desk.runs.records(TENANT, runId, { after: seq - 12 })
  const requests = await desk.runs.requests({ tenant: TENANT, runId, limit: 10 })
  const inbox = await desk.store.inbox(TENANT, runId)
  return JSON.stringify({ runId, status, epoch, leaseUntil, wakeAt, records, requests, inbox: inbox.length })
}

/** A desk, its bank and its person, in a folder of their own. */
export interface Stand {
  readonly folder: string
  readonly bankFolder: string
  readonly desk: Signalbox
  readonly world: SpawnedWorld
  /** What the person was asked so far. */
  readonly answers: Answers
  /** Starts a worker process on it. */
  worker(name: string, more?: Partial<WorkerStart>): Promise<Killable>
  /** Lets the person go, ends and removes everything; with `keepFolder` the files stay until it is called again. */
  close(options?: { readonly keepFolder?: boolean }): Promise<void>
}

/** Sets a stand up. */
export async function makeStand(): Promise<Stand> {
  const folder = mkdtempSync(join(tmpdir(), 'payables-kill-'))
  const bankFolder = join(folder, 'world')
  const world = await spawnWorld({ dataFolder: bankFolder, testFaults: true })
  const desk = await openKillDesk({ folder, worldUrl: world.baseUrl })
  const leaving = new AbortController()
  const answers: Answers = { approvals: 0, happened: 0, did_not: 0, troubles: [] }
  const person = playPerson(desk, bankFolder, answers, leaving.signal)
  // An error of the person is told when the stand is closed, not as an unhandled one before.
  person.catch(() => undefined)
  const workers: Killable[] = []
  let ending: Promise<void> | undefined
  return {
    folder,
    bankFolder,
    desk,
    world,
    answers,
    worker: async (name, more = {}) => {
      const started = await startKillable({ folder, worldUrl: world.baseUrl, worker: name, ...more })
      workers.push(started)
      return started
    },
    close: async ({ keepFolder = false } = {}) => {
      leaving.abort()
      ending ??= end(workers, world, person, desk)
      try {
        await ending
      } finally {
        if (!keepFolder) rmSync(folder, { recursive: true, force: true })
      }
    },
  }
}

async function end(
  workers: readonly Killable[],
  world: SpawnedWorld,
  person: Promise<void>,
  desk: Signalbox,
): Promise<void> {
  await Promise.all(workers.map((each) => each.kill()))
  await world.stop()
  try {
    await person
  } finally {
    await desk.close()
  }
}
