import type { OutcomeLinks } from '../../contracts/record-base.ts'
import { objectDigests } from '../look-up.ts'
import type { Ask, Ended } from './ask.ts'

/** Ids that providers give: anything else may hold content. */
const RESPONSE_ID = /^[\w.:-]{1,200}$/

/**
 * What a record of an outcome tells so that it can be found: objects that the call was about, also where it was denied or
 * never sent, and the provider's id.
 */
export function linksOf(ask: Ask, end: Ended): OutcomeLinks {
  if (ask.kind === 'model') return responseOf(end)
  const touches = ask.tool?.touches
  // Arguments that do not fit may name anything, and an answer from the ledger is found where the effect happened.
  if (!touches || ask.effect === 'none' || end.ledger || end.code === 'TOOL_INPUT_INVALID') return {}
  try {
    const named = touches(ask.args, end.status === 'succeeded' ? end.result : null)
    const digest = (text: string): string => ask.run.sealer.digest(text)
    return { touched: objectDigests(digest, ask.run.tenant, named) }
  } catch {
    // The call is over: what cannot be told of it is a gap of its lineage, and changes nothing of how it ended.
    return { touched: null }
  }
}

function responseOf({ status, result }: Ended): OutcomeLinks {
  if (status !== 'succeeded' || typeof result !== 'object' || result === null || Array.isArray(result)) return {}
  const id = (result as Readonly<Record<string, unknown>>).responseId
  return typeof id === 'string' && RESPONSE_ID.test(id) ? { response_id: id } : {}
}
