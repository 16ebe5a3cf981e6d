import { fork } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { isErrorCode } from 'signalbox'
import { z } from 'zod'
import type { JobName } from './definition.ts'
import type { JobEnd, JobRunner } from './scheduler.ts'

/** What a job's process is started with, as JSON in its first argument. */
export interface JobStart {
  readonly job: JobName
  readonly dataDir: string
  readonly configPath: string
  /** Milliseconds since 1970: the due time that it is done for. */
  readonly dueAt: number
}

const endSchema = z.object({ ok: z.boolean(), code: z.string().nullable(), detail: z.string() })

/** Beside the source when it runs from the source, beside the compiled file otherwise. */
const ENTRY = fileURLToPath(
  new URL(import.meta.url.endsWith('.ts') ? '../job-main.ts' : '../job-main.js', import.meta.url),
)

/** Whoever holds the audit key can sign another history: only jobs that sign their reports get it. */
function envOf(job: JobName, env: Readonly<Record<string, string | undefined>>): NodeJS.ProcessEnv {
  return job.startsWith('drill.') || job === 'exposure-audit' ? { ...env } : { ...env, SIGNALBOX_AUDIT_KEY: undefined }
}

/**
 * Does each job in a process of its own, so that a long one holds nobody up and one that takes too long can be ended. The
 * process ends by itself when its parent is gone.
 */
export function processJobs(options: {
  readonly dataDir: string
  readonly configPath: string
  readonly env: Readonly<Record<string, string | undefined>>
}): JobRunner {
  return (job, { dueAt, signal }) =>
    new Promise((resolve) => {
      const start: JobStart = { job, dueAt, dataDir: options.dataDir, configPath: options.configPath }
      const child = fork(ENTRY, [JSON.stringify(start)], {
        env: envOf(job, options.env),
        stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
      })
      let end: JobEnd | null = null
      const kill = (): void => void child.kill('SIGKILL')
      signal.addEventListener('abort', kill, { once: true })
      child.on('message', (message) => {
        const parsed = endSchema.safeParse(message)
        if (parsed.success) end = { ...parsed.data, code: isErrorCode(parsed.data.code) ? parsed.data.code : null }
      })
      const close = (why: string): void => {
        signal.removeEventListener('abort', kill)
        resolve(end ?? { ok: false, code: 'INTERNAL', detail: `its process ended without a result (${why})` })
      }
      child.on('error', (cause) => close(cause.message))
      child.on('exit', (code, killed) => close(killed === null ? `exit code ${code}` : `signal ${killed}`))
    })
}
