/** Runs the terminal, in this process and as real child processes, on data folders of their own. */
import { type ChildProcess, spawn } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { runCommandLine } from '../src/program.ts'

/** The sample project of the server's tests. */
export const CONFIG = fileURLToPath(new URL('../../server/test/sample/signalbox.config.ts', import.meta.url))
const MAIN = fileURLToPath(new URL('../src/main.ts', import.meta.url))

/** What a command line left behind. */
export interface Ended {
  readonly code: number
  readonly stdout: string
  readonly stderr: string
}

/** Runs a command line in this process, away from a terminal. */
export async function run(args: readonly string[], env: Readonly<Record<string, string>> = {}): Promise<Ended> {
  let stdout = ''
  let stderr = ''
  const code = await runCommandLine(args, {
    stdout: { write: (text) => (stdout += text) },
    stderr: { write: (text) => (stderr += text) },
    env,
  })
  return { code, stdout, stderr }
}

/** Runs a command line as a process of its own. */
export async function runProcess(
  args: readonly string[],
  env: Readonly<Record<string, string>> = {},
  cwd?: string,
): Promise<Ended> {
  const child = start(args, env, cwd)
  const out = collect(child)
  const code = await new Promise<number>((resolve) => child.once('close', (exit) => resolve(exit ?? -1)))
  return { code, ...out() }
}

function start(args: readonly string[], env: Readonly<Record<string, string>>, cwd?: string): ChildProcess {
  const command = ['--conditions=signalbox-source', MAIN, ...args]
  return spawn(process.execPath, command, {
    env: { ...process.env, ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
    ...(cwd ? { cwd } : {}),
  })
}

function collect(child: ChildProcess): () => { stdout: string; stderr: string } {
  let stdout = ''
  let stderr = ''
  child.stdout?.on('data', (chunk: Buffer) => (stdout += chunk.toString('utf8')))
  child.stderr?.on('data', (chunk: Buffer) => (stderr += chunk.toString('utf8')))
  return () => ({ stdout, stderr })
}

/** A running `signalbox dev`. */
export interface Dev {
  readonly url: string
  readonly pid: number
  readonly workers: readonly { readonly name: string; readonly pid: number }[]
  readonly people: readonly { readonly person: string; readonly token: string }[]
  readonly stdout: () => string
  readonly stderr: () => string
  /** Ends it with a signal; resolves with the exit code, null for a process that was killed. */
  end(signal: NodeJS.Signals): Promise<number | null>
}

/** Servers that may still run: a test that fails before it ends its server leaves none behind. */
const servers = new Set<ChildProcess>()
process.once('exit', () => {
  for (const child of servers) child.kill('SIGKILL')
})

/** Starts `signalbox dev` on a data folder and waits until it is up. Rejects with what it wrote when it ends before. */
export async function startDev(
  data: string,
  options: { args?: readonly string[]; env?: Record<string, string>; config?: string } = {},
): Promise<Dev> {
  const args = [
    'dev',
    '--json',
    '--data',
    data,
    '--config',
    options.config ?? CONFIG,
    '--port',
    '0',
    '--workers',
    '1',
    ...(options.args ?? []),
  ]
  const child = start(args, options.env ?? {})
  servers.add(child)
  const out = collect(child)
  const ended = new Promise<number | null>((resolve) => child.once('close', (code) => resolve(code)))
  const line = await new Promise<string>((resolve, reject) => {
    child.stdout?.on('data', () => {
      if (out().stdout.includes('\n')) resolve(out().stdout)
    })
    void ended.then((code) => reject(new Error(`dev ended with ${code}: ${out().stderr}`)))
  })
  return {
    ...JSON.parse(line),
    stdout: () => out().stdout,
    stderr: () => out().stderr,
    end: async (signal) => {
      child.kill(signal)
      return await ended
    },
  }
}

/** A data folder that is removed after the test. */
export function dataFolder(): { readonly path: string; remove(): void } {
  const path = mkdtempSync(join(tmpdir(), 'signalbox-cli-'))
  return { path, remove: () => rmSync(path, { recursive: true, force: true, maxRetries: 5 }) }
}

/** Whether a process is still there. */
export function alive(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch {
    return false
  }
}
