/** Lines of the server's log: one JSON object each, with the ids that a line names, and no content. */
import { createRedactor, type Host, isoTime, traceIdOf } from 'signalbox'
import type { Project } from './project.ts'

const RUN = /\brun_[0-9a-z]{10,40}\b/g
const WITHHELD = 'a line was withheld: the rule that looks at what leaves did not finish'

/** A log line as JSON: time, message, and the runs that it names with their traces. `at` in milliseconds since 1970. */
export function logLine(message: string, at: number): string {
  const runs = [...new Set(message.match(RUN) ?? [])]
  const [run] = runs
  const ids = run === undefined ? {} : { run_id: run, trace_id: traceIdOf(run) }
  const more = runs.length > 1 ? { run_ids: runs } : {}
  return JSON.stringify({ time: isoTime(at), message, ...ids, ...more })
}

/** A log whose lines pass the project's redaction; one that it does not finish is withheld, and says so (Invariant 14). */
export function cleanLog(
  log: ((line: string) => void) | undefined,
  { outgoing = {} }: Pick<Project, 'outgoing'>,
  host: Host,
): (line: string) => void {
  if (!log) return () => undefined
  const { redact, forms } = outgoing
  const redactor = createRedactor({ host, ...(redact ? { hook: redact } : {}), ...(forms ? { forms } : {}) })
  return (line) => {
    const cleaned = redactor.cleanNow('log', line)
    log(cleaned.status === 'clean' && typeof cleaned.value === 'string' ? cleaned.value : WITHHELD)
  }
}
