/** Starts the outside world as a process of its own: for the demo, for `dev`, and for tests that kill it. */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { z } from 'zod'
import { WorldError } from './errors.ts'
import { KEYS_VARIABLE } from './locks.ts'

/** How the process is started; `port` 0 or none takes a free port, no folder means the committed one. */
export interface SpawnOptions {
  readonly dataFolder: string
  readonly port?: number
  readonly inboxFolder?: string
  readonly ledgerFile?: string
  readonly testFaults?: boolean
  /** The key of each tool; without any the world asks for none. */
  readonly keys?: Readonly<Record<string, string>>
}

/** A world in another process. It ends when this process ends; `stop` ends it and waits. */
export interface SpawnedWorld {
  readonly baseUrl: string
  readonly port: number
  readonly pid: number
  readonly child: ChildProcess
  stop(signal?: 'SIGTERM' | 'SIGKILL'): Promise<void>
}

const Ready = z.object({
  ready: z.boolean(),
  port: z.int().optional(),
  code: z.string().optional(),
  message: z.string().optional(),
})

/**
 * Starts the process and waits for its ready line.
 *
 * @throws WorldError with the sentence that the process gave when it could not start
 */
export async function spawnWorld(options: SpawnOptions): Promise<SpawnedWorld> {
  const main = fileURLToPath(new URL('./main.ts', import.meta.url))
  const flags = ['--data', options.dataFolder, '--port', String(options.port ?? 0), '--with-parent']
  if (options.inboxFolder !== undefined) flags.push('--inbox', options.inboxFolder)
  if (options.ledgerFile !== undefined) flags.push('--ledger', options.ledgerFile)
  if (options.testFaults === true) flags.push('--test-faults')
  const child = spawn(process.execPath, ['--conditions=signalbox-source', main, ...flags], {
    stdio: ['pipe', 'pipe', 'inherit'],
    // By the environment: other users of the machine can read the arguments of a process.
    env: { ...process.env, ...(options.keys ? { [KEYS_VARIABLE]: JSON.stringify(options.keys) } : {}) },
  })
  const exited = once(child, 'exit')
  const lines = createInterface({ input: child.stdout })
  const [line]: unknown[] = await Promise.race([once(lines, 'line'), exited.then(() => [undefined])])
  const said = Ready.safeParse(typeof line === 'string' ? JSON.parse(line) : undefined).data
  if (said?.port === undefined || child.pid === undefined) {
    throw new WorldError('internal_error', said?.message ?? 'the bank ended before it answered')
  }
  const stop = async (signal: 'SIGTERM' | 'SIGKILL' = 'SIGTERM'): Promise<void> => {
    child.kill(signal)
    await exited
  }
  return { baseUrl: `http://127.0.0.1:${said.port}`, port: said.port, pid: child.pid, child, stop }
}
