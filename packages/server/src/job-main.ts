/** Entry of a job's process: does one built-in job of a schedule, tells how it ended, and ends. */
import { toSignalboxError } from 'signalbox'
import { doJob } from './schedules/built-in.ts'
import type { JobStart } from './schedules/jobs.ts'
import type { JobEnd } from './schedules/scheduler.ts'

async function main(): Promise<JobEnd> {
  // Written by the server process for exactly this entry.
  const start = JSON.parse(process.argv[2] ?? '') as JobStart
  return await doJob(start, process.env)
}

// Whoever asked is gone: the next leader begins the job again.
process.on('disconnect', () => process.exit(1))
// A terminal sends Ctrl-C to every process of its group: the server alone acts on it.
process.on('SIGINT', () => undefined)

main()
  .catch((thrown: unknown): JobEnd => {
    const { code, message } = toSignalboxError(thrown)
    // The text of an unexpected fault may hold content.
    return { ok: false, code, detail: code === 'INTERNAL' ? 'an unexpected fault' : message }
  })
  .then((end) => process.send?.(end, () => process.exit(0)))
