import { SignalboxError, toSignalboxError } from '../../base/errors.ts'
import { newId } from '../../base/ids.ts'
import type { JsonObject, JsonValue } from '../../base/json.ts'
import type { ApprovalFact, Decision, PolicyRequest } from '../../contracts/policy.ts'
import type { Ask, Ended } from './ask.ts'
import { freshRead, recordedRead } from './child.ts'

/** Reads what the tool declares for policy; on record already after a resume. A failure denies nothing: it parks or fails. */
export async function readFacts(ask: Ask): Promise<Ended | null> {
  const facts = ask.tool?.facts
  if (!facts) return null
  const read = await recordedRead(ask, 'facts', (ctx) => facts(ask.args, ctx))
  if ('failed' in read)
    return { status: 'failed', code: 'TOOL_FAILED', result: `facts for policy could not be read: ${read.failed}` }
  ask.facts = asObject(read.value)
  return null
}

/** Asks the policy. A deny is an end with its reason code; anything but a verdict parks the run (invariant 2). */
export function decideFirst(ask: Ask): Ended | null {
  ask.decision = decide(ask, null)
  return deniedBy(ask.decision)
}

/** Right before the intent: everything is derived again, with the approval where one was given (invariant 7). */
export async function decideAgain(ask: Ask): Promise<Ended | null> {
  if (!ask.approval) return null
  const facts = ask.tool?.facts
  if (facts) {
    const read = await freshRead(ask, 'facts', (ctx) => facts(ask.args, ctx))
    if ('failed' in read)
      return { status: 'denied', code: 'APPROVAL_VOID', result: 'the facts could not be read again after the approval' }
    ask.facts = asObject(read.value)
  }
  const { id, by, bound, fresh } = ask.approval
  ask.decision = decide(ask, { id, approver: by, bound, fresh })
  if (ask.decision.verdict === 'require_approval')
    return {
      status: 'denied',
      code: 'APPROVAL_VOID',
      result: 'what was approved is no longer what is proposed, or the policies that asked have changed',
    }
  return deniedBy(ask.decision)
}

/** One decision about a tool or model call, with an id of its own. Throws POLICY_MALFUNCTION. */
export function decide(ask: Ask, approval: ApprovalFact | null): Decision {
  const { run } = ask
  const request: PolicyRequest = {
    point: ask.spec.kind === 'model' ? 'pre_model_call' : 'pre_tool_call',
    run: { id: run.runId, workflow: run.spec.name, agent: ask.agent, mode: run.env.mode },
    principal: run.principal,
    action: {
      name: ask.name,
      class: ask.class,
      effect: ask.shownEffect ?? ask.effect,
      definition_hash: ask.definitionHash,
    },
    input: ask.spec.kind === 'tool' ? asObject(ask.args) : {},
    facts: ask.facts,
    labels: ask.labels,
    ...(ask.origin ? { origin: ask.origin } : {}),
    approval,
  }
  try {
    const verdict = run.env.policy.decide(request)
    const decision = { id: newId(run.env.host, 'dec'), ...verdict }
    return ask.repeats ? askedForRepeat(decision, approval) : decision
  } catch (thrown) {
    const error = toSignalboxError(thrown, 'POLICY_MALFUNCTION')
    throw new SignalboxError('POLICY_MALFUNCTION', error.message, { cause: thrown })
  }
}

/** Who lets an effect of a fork be done again, beside those whom the policy asks for. */
const REPEAT = { id: 'signalbox.fork_repeat', reason_code: 'FORK_REPEAT', approvers: ['approver'] } as const

/** What a fork's plan orders again needs a new approval, also where the policy asks for none. */
function askedForRepeat(decision: Decision, approval: ApprovalFact | null): Decision {
  if (decision.verdict === 'deny' || decision.verdict === 'transform') return decision
  const asks = [...decision.asks, REPEAT]
  const given = approval?.bound === true && approval.fresh
  if (given) return { ...decision, asks }
  const policies = [...decision.policies, REPEAT.id]
  return { ...decision, verdict: 'require_approval', reason_code: REPEAT.reason_code, policies, asks }
}

function deniedBy(decision: Decision): Ended | null {
  switch (decision.verdict) {
    case 'deny':
      return { status: 'denied', code: decision.reason_code, result: `policy denies this: ${decision.reason_code}` }
    case 'transform':
      // No transform is in force here yet; a verdict that cannot be carried out must not be taken for an allow.
      return {
        status: 'denied',
        code: 'POLICY_DENIED',
        result: 'policy asks for a transformation that this version cannot make',
      }
    default:
      return null
  }
}

/** Arguments as an object for the policy's typed projection; anything else has no fields to show. */
function asObject(value: JsonValue): JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as JsonObject) : {}
}
