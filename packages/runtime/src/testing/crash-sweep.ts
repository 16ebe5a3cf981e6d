import type { JsonValue } from '../base/json.ts'
import type { Store } from '../contracts/store.ts'
import type { BenchBox } from './bench-box.ts'
import type { OutsideBank } from './outside-bank.ts'
import { storePrefix } from './store-prefix.ts'

/** A run that is broken off after each of its records and taken up by another process. */
export interface Sweep {
  /** The box in which the whole run was made. */
  readonly first: BenchBox
  readonly runId: string
  /** Another process on a store: nothing of what the first one held in memory may be in it. */
  readonly make: (store: Store) => BenchBox
  /** Answers whoever is asked until the run has ended. */
  readonly finish: (one: BenchBox) => Promise<void>
  readonly bank: OutsideBank
}

/** Where a broken-off run ended otherwise than the whole one, in sentences; empty when nowhere. */
export async function crashSweep({ first, runId, make, finish, bank }: Sweep): Promise<string[]> {
  const whole = await first.ended(runId)
  const records = await first.records(runId)
  const effects = sentBefore(records.length)
  const found: string[] = []
  for (let k = 1; k <= records.length; k++) {
    const before = bank.booked.length
    const taken = make(await storePrefix(first.store, runId, k))
    taken.work()
    await finish(taken)
    const { status, output } = await taken.ended(runId)
    const [wanted, got] = [whole.output, output].map(text)
    if (status !== whole.status || got !== wanted) found.push(`after record ${k}: ${status} with ${got}, not ${wanted}`)
    const booked = bank.booked.length - before
    const left = effects - sentBefore(k)
    if (booked !== left) found.push(`after record ${k}: the bank booked ${booked}, not ${left}`)
    await taken.family()
  }
  return found

  /** Effects whose intent is among the first records: what was sent then is not sent again. */
  function sentBefore(length: number): number {
    const intents = records.slice(0, length).filter((record) => record.type === 'activity.intent')
    return intents.filter((intent) => intent.ask.parent === null && intent.proposal.effect !== 'none').length
  }
}

function text(value: JsonValue | null): string {
  return JSON.stringify(value)
}
