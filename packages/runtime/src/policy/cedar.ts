/**
 * The only place that calls Cedar. It owns the translation of Cedar's three ways to fail (it throws, it answers
 * `failure`, a policy reports an error) into POLICY_MALFUNCTION; the neighbour `decide.ts` owns what a verdict means.
 */
import * as cedar from '@cedar-policy/cedar-wasm/nodejs'
import { SignalboxError } from '../base/errors.ts'

/** A question to a slice of the policies. */
export type CedarQuery = Pick<
  cedar.StatefulAuthorizationCall,
  'principal' | 'action' | 'resource' | 'context' | 'entities'
>

/** An answer without malfunction. */
export interface CedarAnswer {
  readonly allowed: boolean
  /** Ids of the policies that determined it: satisfied forbids, or else satisfied permits; in no particular order. */
  readonly determining: readonly string[]
}

/** Policies that are evaluated together, with the schema that gives their actions and types. */
export interface CedarSlice {
  readonly schema: cedar.SchemaJson<string>
  /** Policy id to text. */
  readonly policies: Readonly<Record<string, string>>
}

// Cedar keeps what it parsed by id, for the life of the process, and never lets go of an id. A fixed ring of ids bounds
// that: a slice whose id was taken by another one since is parsed again.
const RING = 256
const owners: (CedarSlice | null)[] = new Array<CedarSlice | null>(RING).fill(null)
const places = new WeakMap<CedarSlice, number>()
let next = 0

function prepared(slice: CedarSlice): string {
  const known = places.get(slice)
  if (known !== undefined && owners[known] === slice) return `signalbox:${known}`
  const place = next
  next = (next + 1) % RING
  const id = `signalbox:${place}`
  owners[place] = null
  const answers = [
    cedar.preparseSchema(id, slice.schema),
    cedar.preparsePolicySet(id, { staticPolicies: { ...slice.policies } }),
  ]
  for (const answer of answers) if (answer.type !== 'success') throw malfunction(messages(answer.errors))
  owners[place] = slice
  places.set(slice, place)
  return id
}

/** How many answers are remembered before all are forgotten: about 3 MB of queries. */
const REMEMBERED = 2_000
const answers = new Map<string, CedarAnswer>()
const numbers = new WeakMap<CedarSlice, number>()
let numbered = 0

/**
 * Evaluates the slice. An answer depends on slice and query alone (no clock, no state), so that an equal query gets the
 * remembered one: the calls of one model by one run are equal for policy. Malfunctions are not remembered.
 * @throws SignalboxError POLICY_MALFUNCTION
 */
export function evaluate(slice: CedarSlice, query: CedarQuery): CedarAnswer {
  let number = numbers.get(slice)
  if (number === undefined) {
    number = numbered++
    numbers.set(slice, number)
  }
  const key = `${number} ${JSON.stringify(query)}`
  const known = answers.get(key)
  if (known) return known
  const answer = evaluateNow(slice, query)
  if (answers.size >= REMEMBERED) answers.clear()
  answers.set(key, answer)
  return answer
}

/**
 * A forbid whose condition errors would be skipped by Cedar, so any reported error is a malfunction,
 * never an answer (invariant 2).
 * @throws SignalboxError POLICY_MALFUNCTION
 */
function evaluateNow(slice: CedarSlice, query: CedarQuery): CedarAnswer {
  const answer = call(slice, query)
  if (answer.type !== 'success') throw malfunction(messages(answer.errors))
  const { decision, diagnostics } = answer.response
  if (diagnostics.errors.length > 0) {
    const ids = [...new Set(diagnostics.errors.map((error) => error.policyId))].sort()
    throw malfunction(`evaluation failed in ${ids.map((id) => `\`${id}\``).join(', ')}`, ids)
  }
  if (decision !== 'allow' && decision !== 'deny') throw malfunction('the answer holds no decision')
  return { allowed: decision === 'allow', determining: diagnostics.reason }
}

function call(slice: CedarSlice, query: CedarQuery): cedar.AuthorizationAnswer {
  try {
    const id = prepared(slice)
    const names = { preparsedSchemaName: id, preparsedPolicySetId: id, validateRequest: true }
    return cedar.statefulIsAuthorized({ ...query, ...names })
  } catch (cause) {
    if (cause instanceof SignalboxError) throw cause
    throw new SignalboxError('POLICY_MALFUNCTION', 'the policy engine stopped while it evaluated', { cause })
  }
}

/**
 * Whether one policy, as Cedar's JSON form, holds for the query; null when it reports an error. For telling people why:
 * nothing is prepared or remembered for it, so that it takes no place from the policies that decide.
 */
export function holdsAlone(schema: CedarSlice['schema'], policy: cedar.PolicyJson, query: CedarQuery): boolean | null {
  try {
    const policies = { staticPolicies: { part: policy } }
    const answer = cedar.isAuthorized({ ...query, schema, policies, validateRequest: true })
    if (answer.type !== 'success' || answer.response.diagnostics.errors.length > 0) return null
    return answer.response.diagnostics.reason.length > 0
  } catch {
    return null
  }
}

function malfunction(why: string, policies: readonly string[] = []): SignalboxError {
  return new SignalboxError('POLICY_MALFUNCTION', `the policy could not be evaluated: ${why}`, {
    details: { policies },
  })
}

function messages(errors: readonly cedar.DetailedError[]): string {
  return errors.map((error) => error.message).join('; ')
}
