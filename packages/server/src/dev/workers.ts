import { type ChildProcess, fork } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { type Host, SignalboxError } from 'signalbox'
import { ALIVE_EVERY_MS, type DeltaItem, isFromWorker, type ToWorker, type WorkerStart } from './ipc.ts'

/** How worker processes are kept. */
export interface PoolOptions {
  readonly count: number
  readonly start: Omit<WorkerStart, 'name'>
  readonly env: Readonly<Record<string, string | undefined>>
  readonly host: Host
  readonly onDelta: (item: DeltaItem) => void
  /** Told of trouble that no run can record, such as a full disk; every two seconds at most for each code and worker. */
  readonly onTrouble: (event: { readonly worker: string; readonly code: string; readonly message: string }) => void
  /** Told before a silent process is ended. */
  readonly onHung: (event: { readonly worker: string; readonly pid: number; readonly silentMs: number }) => void
  /** A process that gives no sign of life for this long is ended by SIGKILL. */
  readonly silentMs: number
  /** Told of every end that was not asked for, with how soon the next process comes. */
  readonly onRestart: (event: { readonly worker: string; readonly why: string; readonly inMs: number }) => void
}

/** Worker processes that are started again when they end. */
export interface WorkerPool {
  /** Those that run now. */
  processes(): readonly { readonly name: string; readonly pid: number }[]
  /** Lets runs reach a place from which another worker can go on, for the drain time at most, then ends the workers. */
  stop(): Promise<void>
}

const FIRST_BACKOFF_MS = 200
const MAX_BACKOFF_MS = 10_000
/** A worker that ran this long starts again without a wait. */
const STEADY_MS = 30_000
/** What a worker gets beside its drain time before it is ended. */
const CLOSE_MS = 2_000

/** Starts the workers; resolves when each is ready. Throws the first one's error when it cannot start. */
export async function startWorkers(options: PoolOptions): Promise<WorkerPool> {
  const members = Array.from({ length: options.count }, (_, index) => new Member(`worker-${index + 1}`, options))
  try {
    await Promise.all(members.map((member) => member.start()))
  } catch (error) {
    await Promise.all(members.map((member) => member.stop()))
    throw error
  }
  return {
    processes: () => members.flatMap((member) => (member.pid === null ? [] : [{ name: member.name, pid: member.pid }])),
    stop: async () => {
      await Promise.all(members.map((member) => member.stop()))
    },
  }
}

/** Beside the source when it runs from the source, beside the compiled file otherwise. */
const ENTRY = fileURLToPath(
  new URL(import.meta.url.endsWith('.ts') ? '../worker-main.ts' : '../worker-main.js', import.meta.url),
)

/** One place in the pool: at most one process at a time, under one worker name. */
class Member {
  readonly name: string
  private readonly options: PoolOptions
  private child: ChildProcess | null = null
  private backoffMs = FIRST_BACKOFF_MS
  private stopping = false
  private hung: string | null = null
  private cancelRestart: () => void = () => undefined

  constructor(name: string, options: PoolOptions) {
    this.name = name
    this.options = options
  }

  get pid(): number | null {
    return this.child?.pid ?? null
  }

  /** Resolves when the process is ready; rejects when it ends before. */
  start(): Promise<void> {
    const { start, env, host, onDelta, onTrouble } = this.options
    const argument: WorkerStart = { ...start, name: this.name }
    const child = fork(ENTRY, [JSON.stringify(argument)], {
      env: { ...env },
      stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
    })
    this.child = child
    const startedAt = host.monotonicMs()
    return new Promise((resolve, reject) => {
      let failure: SignalboxError | null = null
      let ready = false
      let heardAt = startedAt
      let unwatch: () => void = () => undefined
      child.on('message', (message) => {
        if (!isFromWorker(message)) return
        heardAt = host.monotonicMs()
        if (message.type === 'alive') return
        if (message.type === 'delta') onDelta(message.item)
        else if (message.type === 'trouble') onTrouble({ ...message, worker: this.name })
        else if (message.type === 'failed') failure = new SignalboxError(message.code, message.message)
        else {
          ready = true
          unwatch = this.watch(child, () => heardAt)
          resolve()
        }
      })
      child.on('error', (cause) =>
        reject(new SignalboxError('INTERNAL', 'a worker process could not be started', { cause })),
      )
      child.on('exit', (code, signal) => {
        this.child = null
        unwatch()
        const hung = this.hung
        this.hung = null
        const why = hung ?? whyEnded(failure, code, signal)
        reject(failure ?? new SignalboxError('INTERNAL', `${this.name} ended before it was ready (${why})`))
        if (ready) this.restartAfter(host.monotonicMs() - startedAt, why)
      })
    })
  }

  /**
   * Looks every second whether the process was heard of; the look lies outside the worker's event loop, so that a tool
   * that never gives it back is noticed. A look that comes late says that this process stood still itself: then nobody is
   * blamed, and the time begins anew.
   */
  private watch(child: ChildProcess, heardAt: () => number): () => void {
    const { host, silentMs, onHung } = this.options
    let since = host.monotonicMs()
    let looked = since
    let cancel: () => void = () => undefined
    const look = (): void => {
      const now = host.monotonicMs()
      if (now - looked > 2 * ALIVE_EVERY_MS) since = now
      looked = now
      const silent = Math.round(now - Math.max(since, heardAt()))
      if (silent < silentMs || child.pid === undefined) {
        cancel = host.after(ALIVE_EVERY_MS, look)
        return
      }
      this.hung = `ended by the watchdog after ${Math.round(silent / 1_000)} s without a sign of life`
      onHung({ worker: this.name, pid: child.pid, silentMs: silent })
      child.kill('SIGKILL')
    }
    look()
    return () => cancel()
  }

  private restartAfter(ranMs: number, why: string): void {
    if (this.stopping) return
    const inMs = ranMs > STEADY_MS ? FIRST_BACKOFF_MS : this.backoffMs
    this.backoffMs = Math.min(MAX_BACKOFF_MS, inMs * 2)
    this.options.onRestart({ worker: this.name, why, inMs })
    this.cancelRestart = this.options.host.after(inMs, () => {
      if (!this.stopping) this.start().catch((error: unknown) => this.restartAfter(0, String(error)))
    })
  }

  async stop(): Promise<void> {
    this.stopping = true
    this.cancelRestart()
    const child = this.child
    if (!child) return
    const ended = new Promise<void>((resolve) => child.once('exit', () => resolve()))
    const message: ToWorker = { type: 'stop' }
    if (child.connected) child.send(message, () => undefined)
    else child.kill('SIGTERM')
    const cancelKill = this.options.host.after(this.options.start.drainMs + CLOSE_MS, () => child.kill('SIGKILL'))
    await ended
    cancelKill()
  }
}

function whyEnded(failure: SignalboxError | null, code: number | null, signal: NodeJS.Signals | null): string {
  if (failure) return `${failure.code}: ${failure.message}`
  return signal === null ? `exit code ${code}` : `signal ${signal}`
}
