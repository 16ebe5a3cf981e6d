import { type ChildProcess, fork } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { type Host, SignalboxError } from 'signalbox'
import { type DeltaItem, isFromWorker, type ToWorker, type WorkerStart } from './ipc.ts'

/** How worker processes are kept. */
export interface PoolOptions {
  readonly count: number
  readonly start: Omit<WorkerStart, 'name'>
  readonly env: Readonly<Record<string, string | undefined>>
  readonly host: Host
  readonly onDelta: (item: DeltaItem) => void
  /** Told of trouble that no run can record, such as a full disk; every two seconds at most for each code and worker. */
  readonly onTrouble: (event: { readonly worker: string; readonly code: string; readonly message: string }) => void
  /** Told of every end that was not asked for, with how soon the next process comes. */
  readonly onRestart: (event: { readonly worker: string; readonly why: string; readonly inMs: number }) => void
}

/** Worker processes that are started again when they end. */
export interface WorkerPool {
  /** Those that run now. */
  processes(): readonly { readonly name: string; readonly pid: number }[]
  /** Lets workers finish what they hold, 12 s at most, then ends them. */
  stop(): Promise<void>
}

const FIRST_BACKOFF_MS = 200
const MAX_BACKOFF_MS = 10_000
/** A worker that ran this long starts again without a wait. */
const STEADY_MS = 30_000
const STOP_MS = 12_000

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
      child.on('message', (message) => {
        if (!isFromWorker(message)) return
        if (message.type === 'delta') onDelta(message.item)
        else if (message.type === 'trouble') onTrouble({ ...message, worker: this.name })
        else if (message.type === 'failed') failure = new SignalboxError(message.code, message.message)
        else {
          ready = true
          resolve()
        }
      })
      child.on('error', (cause) =>
        reject(new SignalboxError('INTERNAL', 'a worker process could not be started', { cause })),
      )
      child.on('exit', (code, signal) => {
        this.child = null
        const why = failure
          ? `${failure.code}: ${failure.message}`
          : signal === null
            ? `exit code ${code}`
            : `signal ${signal}`
        reject(failure ?? new SignalboxError('INTERNAL', `${this.name} ended before it was ready (${why})`))
        if (ready) this.restartAfter(host.monotonicMs() - startedAt, why)
      })
    })
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
    const cancelKill = this.options.host.after(STOP_MS, () => child.kill('SIGKILL'))
    await ended
    cancelKill()
  }
}
