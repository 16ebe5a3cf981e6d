import type { Host } from '../base/host.ts'

/**
 * A moment by both clocks. The wall clock says what other processes see; it may be set back while this process stands
 * still, so what must not be done after the moment is refused as soon as either clock has passed it (ENGINE R4).
 */
export interface Deadline {
  /** Milliseconds since 1970. */
  readonly wallMs: number
  readonly monotonicMs: number
}

/** The moment in so many milliseconds from now. */
export function deadlineIn(host: Host, ms: number): Deadline {
  return { wallMs: host.now() + ms, monotonicMs: host.monotonicMs() + ms }
}

/** True from the moment on. */
export function isPast(host: Host, deadline: Deadline): boolean {
  return host.now() >= deadline.wallMs || host.monotonicMs() >= deadline.monotonicMs
}
