import { CONTRACT } from './contract.generated.ts'

/** What the contract says of its own comparison with the conventions. */
interface Reviewed {
  readonly semconvRepository: string
  readonly reviewedOn: string
  readonly reviewAfterDays: number
}

/** A warning when the telemetry contract was not compared for too long, else null. `now` is in milliseconds since 1970. */
export function contractReviewWarning(now: number, contract: Reviewed = CONTRACT): string | null {
  const days = Math.floor((now - Date.parse(contract.reviewedOn)) / 86_400_000)
  if (days <= contract.reviewAfterDays) return null
  return `the telemetry contract was compared with its conventions ${days} days ago: compare it with ${contract.semconvRepository} again, or take a newer version of Signalbox`
}
