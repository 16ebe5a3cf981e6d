import type { OutcomeLinks } from '../../contracts/record-base.ts'
import { objectDigests } from '../look-up.ts'
import type { Ask, Ended } from './ask.ts'

/** Ids that providers give: anything else may hold content. */
const RESPONSE_ID = /^[\w.:-]{1,200}$/

/** What a record of an outcome tells so that it can be found: objects that the effect was about, the provider's id. */
export function linksOf(ask: Ask, end: Ended): OutcomeLinks {
  if (ask.kind === 'model') return responseOf(end)
  const touches = ask.tool?.touches
  const mayHaveHappened = end.status === 'succeeded' || end.status === 'unknown' || end.status === 'cancelled'
  if (!touches || ask.effect === 'none' || !mayHaveHappened || end.ledger) return {}
  try {
    const named = touches(ask.args, end.status === 'succeeded' ? end.result : null)
    const digest = (text: string): string => ask.run.sealer.digest(text)
    return { touched: objectDigests(digest, ask.run.tenant, named) }
  } catch {
    // The effect has happened: what cannot be told of it is a gap of its lineage, and no failure of the call.
    return { touched: null }
  }
}

function responseOf({ status, result }: Ended): OutcomeLinks {
  if (status !== 'succeeded' || typeof result !== 'object' || result === null || Array.isArray(result)) return {}
  const id = (result as Readonly<Record<string, unknown>>).responseId
  return typeof id === 'string' && RESPONSE_ID.test(id) ? { response_id: id } : {}
}
