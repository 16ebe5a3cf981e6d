import { age, clock, timeLeft } from '../lib/format.ts'
import { useNow } from '../lib/hooks.ts'

/** A time as an age that keeps counting; the exact time is in its title. */
export function Age({ at }: { at: string }) {
  const now = useNow()
  return (
    <time dateTime={at} title={new Date(at).toLocaleString('en-GB')}>
      {age(at, now)}
    </time>
  )
}

/** A time of day; with the date when it is another day. */
export function Clock({ at }: { at: string }) {
  const now = useNow(60_000)
  return (
    <time dateTime={at} title={new Date(at).toLocaleString('en-GB')}>
      {clock(at, now)}
    </time>
  )
}

const SOON_MS = 5 * 60_000

/** A deadline as time left that counts down; it turns red and says so when little is left. */
export function Countdown({ deadline }: { deadline: string }) {
  const now = useNow()
  const soon = Date.parse(deadline) - now < SOON_MS
  return (
    <time
      dateTime={deadline}
      title={new Date(deadline).toLocaleString('en-GB')}
      className={soon ? 'font-semibold text-bad' : ''}
    >
      {timeLeft(deadline, now)}
    </time>
  )
}
