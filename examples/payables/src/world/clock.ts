/**
 * The outside world's own clock and timers. The bank is a separate system with its own time, so it does not take the
 * runtime's host; everything else here gets these by argument and never reads a clock itself.
 */

/** Gives the present time as ISO 8601 in UTC. */
export type Now = () => string

/** The machine's time. */
export const systemNow: Now = () => new Date().toISOString()

/** Resolves after `ms` milliseconds; the returned `cancel` resolves it at once. */
export function delay(ms: number): { readonly done: Promise<void>; readonly cancel: () => void } {
  let cancel = (): void => {}
  const done = new Promise<void>((resolve) => {
    const timer = setTimeout(resolve, ms)
    cancel = () => {
      clearTimeout(timer)
      resolve()
    }
  })
  return { done, cancel }
}

/** The calendar day `days` after 2026-01-01, as `YYYY-MM-DD`. Reads no clock. */
export function calendarDay(days: number): string {
  return new Date(Date.UTC(2026, 0, 1 + days)).toISOString().slice(0, 10)
}
