/** Starts worker processes of a drill, and sees to it that they are killed. */
import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { SignalboxError, sleep, systemHost } from 'signalbox'
import type { EnvValues } from '../project.ts'
import type { DrillWorkerStart, DrillWorkerTold, KillOrder } from './orders.ts'

const isSource = import.meta.url.endsWith('.ts')
/** Beside the source when it runs from the source, beside the compiled file otherwise. */
const ENTRY = fileURLToPath(new URL(isSource ? '../drill-worker-main.ts' : '../drill-worker-main.js', import.meta.url))
const LIMIT_MS = 60_000

/** How a worker was killed: by which order, and when it said so (milliseconds since 1970). */
export interface Killed {
  readonly id: string
  readonly at: number
}

/** A worker process of a drill. */
export interface Killable {
  readonly child: ChildProcess
  readonly lines: readonly string[]
  /** Sets it going, or gives it other orders. Resolves when it has them. */
  go(orders: readonly KillOrder[]): Promise<void>
  /** Changes what it knows of the kill switches; resolves when it is so. */
  tell(what: 'blocked' | 'readable' | 'frozen'): Promise<void>
  /** Resolves when an order ended it, with null when `isOver` aborts before. Throws when it ends otherwise or does not end. */
  killed(isOver?: AbortSignal): Promise<Killed | null>
  /** Resolves when it has stopped at an order's point. */
  stopped(): Promise<void>
  /** Ends it now, as the parent. */
  kill(): Promise<void>
  /** Lets it stop by itself. */
  stop(): Promise<void>
  /** Leaves it, so that it ends at once; for one under another program, which signals do not pass. */
  leave(): Promise<void>
}

/** Starts a worker process, `under` another program, and waits until it is ready; it does nothing before `go`. */
export async function startKillable(
  start: DrillWorkerStart,
  env: EnvValues,
  under: readonly string[] = [],
): Promise<Killable> {
  const condition = isSource ? ['--conditions=signalbox-source'] : []
  const command = [...under, process.execPath, ...condition, '--no-warnings']
  const child = fork(ENTRY, [JSON.stringify(start)], {
    execPath: command[0] ?? process.execPath,
    execArgv: command.slice(1),
    env: { ...env },
    stdio: ['ignore', 'pipe', 'inherit', 'ipc'],
  })
  const lines: string[] = []
  const exited = once(child, 'exit')
  if (!child.stdout) throw new Error('a worker has an output')
  const reader = createInterface({ input: child.stdout })
  const closed = once(reader, 'close')
  await new Promise<void>((resolve, reject) => {
    reader.on('line', (line) => {
      lines.push(line)
      if (line === 'ready') resolve()
    })
    exited.then(() => reject(fault(`worker ${start.worker} ended before it was ready: see its output above`)), reject)
  })
  const isRunning = (): boolean => child.exitCode === null && child.signalCode === null
  const stopAll = async (signal: 'SIGKILL' | 'SIGTERM'): Promise<void> => {
    if (isRunning()) child.kill(signal)
    await Promise.all([exited, closed])
  }
  const order = async (told: DrillWorkerTold, answer: string): Promise<void> => {
    const before = count(lines, answer)
    child.send(told)
    while (count(lines, answer) <= before && isRunning()) await Promise.race([once(reader, 'line'), exited])
  }
  return {
    child,
    lines,
    go: (orders) => order({ orders }, 'told'),
    tell: (what) => order({ switches: what }, what),
    killed: async (isOver) => {
      const ended = Promise.all([exited, closed]).then(() => true)
      const over = isOver ? aborted(isOver).then(() => false) : new Promise<boolean>(() => undefined)
      const told = (): string => `worker ${start.worker} was not killed; it said ${lines.slice(-20).join(', ')}`
      if (!(await inTime(Promise.race([ended, over]), told))) return null
      const [, at, id] = /^killed (\d+) (.*)$/.exec(lines.find((each) => each.startsWith('killed ')) ?? '') ?? []
      if (id === undefined || child.signalCode !== 'SIGKILL')
        throw fault(`worker ${start.worker} ended with ${child.signalCode ?? child.exitCode} and was not killed`)
      return { id, at: Number(at) }
    },
    stopped: async () => {
      const said = (): boolean => lines.some((line) => line.startsWith('stopped '))
      while (!said()) await inTime(once(reader, 'line'), () => `worker ${start.worker} did not stop`)
    },
    kill: () => stopAll('SIGKILL'),
    stop: () => stopAll('SIGTERM'),
    leave: async () => {
      child.disconnect()
      await Promise.all([exited, closed])
    },
  }
}

function count(lines: readonly string[], line: string): number {
  return lines.filter((each) => each === line).length
}

function fault(message: string): SignalboxError {
  return new SignalboxError('INTERNAL', message)
}

function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve()
    signal.addEventListener('abort', () => resolve(), { once: true })
  })
}

/** The same, or an error with that message when it takes too long. */
async function inTime<T>(promise: Promise<T>, message: () => string): Promise<T> {
  const over = new AbortController()
  const late = sleep(systemHost, LIMIT_MS, over.signal).then(() => {
    if (!over.signal.aborted) throw fault(message())
    return promise
  })
  return Promise.race([promise, late]).finally(() => over.abort())
}
