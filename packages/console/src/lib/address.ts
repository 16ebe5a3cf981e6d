import { useSearchParams } from 'react-router'

/** Filters that the address carries, so that a link or a reload shows the same. */
export interface AddressFilter<N extends string> {
  /** Empty where it filters nothing. */
  readonly values: Readonly<Record<N, string>>
  /** Only what filters. */
  readonly given: Readonly<Partial<Record<N, string>>>
  /** Empty texts take a filter away. What was opened stays open. */
  readonly set: (change: Readonly<Partial<Record<string, string>>>) => void
}

/** Reads and changes filters of these names in the address. A change replaces the entry of the history. */
export function useAddressFilter<N extends string>(names: readonly N[]): AddressFilter<N> {
  const [params, setParams] = useSearchParams()
  const entries = names.map((name) => [name, params.get(name) ?? ''] as const)
  return {
    // One entry for each name.
    values: Object.fromEntries(entries) as Record<N, string>,
    given: Object.fromEntries(entries.filter(([, value]) => value !== '')) as Partial<Record<N, string>>,
    set: (change) =>
      setParams(
        (before) => {
          const next = new URLSearchParams(before)
          for (const [name, value] of Object.entries(change)) {
            if (value === undefined || value === '') next.delete(name)
            else next.set(name, value)
          }
          return next
        },
        { replace: true },
      ),
  }
}

const DAY_MS = 86_400_000
const MINUTE_MS = 60_000

/** The beginning of a span of days until now, to the minute, so that it stays the same while it is read again. */
export function sinceDays(days: string, now: number): string | undefined {
  const count = Number(days)
  if (days === '' || !Number.isFinite(count) || count <= 0 || count > 36_500) return undefined
  return new Date(Math.floor((now - count * DAY_MS) / MINUTE_MS) * MINUTE_MS).toISOString()
}
