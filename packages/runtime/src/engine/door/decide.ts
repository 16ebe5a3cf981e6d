import type { JsonObject, JsonValue } from '../../base/json.ts'
import type { ApprovalFact, AskingPolicy, Decision, PolicyRequest } from '../../contracts/policy.ts'
import { combine, type Ruling } from '../../policy/index.ts'
import { askBundle, controlsAt, withDecisionId } from '../chain.ts'
import type { Ask, Ended } from './ask.ts'
import { freshRead, recordedRead } from './child.ts'
import { askedUnder, controlAsk, controlEdit } from './controlled.ts'
import { readOrigin } from './origin.ts'

/** Reads what the tool declares for policy; on record already after a resume. A failure denies nothing: it parks or fails. */
export function readFacts(ask: Ask): Promise<Ended | null> {
  return readFactsAt(ask, 0)
}

async function readFactsAt(ask: Ask, n: number): Promise<Ended | null> {
  const facts = ask.tool?.facts
  if (!facts) return null
  const read = await recordedRead(ask, 'facts', (ctx) => facts(ask.args, ctx), n)
  if ('failed' in read)
    return { status: 'failed', code: 'TOOL_FAILED', result: `facts for policy could not be read: ${read.failed}` }
  ask.facts = asObject(read.value)
  return null
}

/**
 * Asks the chain. A deny is an end with its reason code; anything but a verdict parks the run (invariant 2). Where a
 * control changed the arguments, the facts are read again for what they are now, before the bundle is asked again.
 */
export async function decideFirst(ask: Ask): Promise<Ended | null> {
  if (controlsAt(ask.run.env, pointOf(ask)).length === 0) {
    ask.decision = decide(ask, null)
    return deniedBy(ask.decision)
  }
  // Also when it is asked again under another bundle: a change rescues nothing.
  const first = askPolicy(ask, null, ask.asked ?? ask)
  if (first.verdict === 'deny') {
    ask.decision = withDecisionId(ask.run.env, first)
    return deniedBy(ask.decision)
  }
  if (ask.controlled) ask.controlled = askedUnder(ask.controlled, first)
  else await controlAsk(ask, pointOf(ask), first)
  const unread = ask.controlled?.changed ? ((await readFactsAt(ask, 1)) ?? (await readOrigin(ask))) : null
  if (unread) return unread
  ask.decision = decide(ask, null)
  return deniedBy(ask.decision)
}

/** Reads the facts of what is proposed now; a failure denies. */
export async function readFactsAgain(ask: Ask): Promise<Ended | null> {
  const facts = ask.tool?.facts
  if (!facts) return null
  const read = await freshRead(ask, 'facts', (ctx) => facts(ask.args, ctx))
  if ('failed' in read)
    return { status: 'denied', code: 'APPROVAL_VOID', result: 'the facts could not be read again after the approval' }
  ask.facts = asObject(read.value)
  return null
}

/** Decides on what a reviewer made of the arguments: facts, origin, controls and policies, all of what it is now. */
export async function decideEdited(ask: Ask): Promise<Ended | null> {
  const failed = (await readFactsAgain(ask)) ?? (await readOrigin(ask))
  if (failed) return failed
  if (controlsAt(ask.run.env, pointOf(ask)).length > 0) {
    const first = askPolicy(ask, null)
    if (first.verdict !== 'deny' && !(await controlEdit(ask, pointOf(ask), first)))
      return { status: 'denied', code: 'POLICY_DENIED', result: 'a control would change what the reviewer wrote' }
  }
  ask.decision = decide(ask, null)
  return deniedBy(ask.decision)
}

/** Right before the intent: everything is derived again, with the approval where one was given (invariant 7). */
export async function decideAgain(ask: Ask): Promise<Ended | null> {
  if (!ask.approval) return null
  const failed = await readFactsAgain(ask)
  if (failed) return failed
  const { id, by, votes, bound, fresh } = ask.approval
  ask.decision = decide(ask, { id, approver: by, ...(votes ? { votes } : {}), bound, fresh })
  if (ask.decision.verdict === 'require_approval')
    return {
      status: 'denied',
      code: 'APPROVAL_VOID',
      result: 'what was approved is no longer what is proposed, or the policies that asked have changed',
    }
  return deniedBy(ask.decision)
}

/**
 * One decision about a tool or model call, with an id of its own: the bundle's answer about what is proposed now, with
 * what the controls answered when they were asked. Throws POLICY_MALFUNCTION.
 */
export function decide(ask: Ask, approval: ApprovalFact | null): Decision {
  const { env, principal } = ask.run
  const bundle = askPolicy(ask, approval)
  const ruling = ask.controlled ? combine(bundle, ask.controlled, approval, principal) : bundle
  const decision = withDecisionId(env, ruling)
  return ask.repeats ? askedForRepeat(decision, approval) : decision
}

function pointOf({ spec }: Ask): 'pre_model_call' | 'pre_tool_call' {
  return spec.kind === 'model' ? 'pre_model_call' : 'pre_tool_call'
}

function askPolicy(ask: Ask, approval: ApprovalFact | null, what: NonNullable<Ask['asked']> = ask): Ruling {
  const { run } = ask
  const request: PolicyRequest = {
    point: pointOf(ask),
    run: { id: run.runId, workflow: run.spec.name, agent: ask.agent, mode: run.env.mode },
    principal: run.principal,
    action: {
      name: ask.name,
      class: ask.class,
      effect: ask.shownEffect ?? ask.effect,
      definition_hash: ask.definitionHash,
    },
    input: ask.spec.kind === 'tool' ? asObject(what.args) : {},
    facts: what.facts,
    labels: what.labels,
    ...(what.origin ? { origin: what.origin } : {}),
    approval,
  }
  return askBundle(run.env, request)
}

/** Who lets an effect of a fork be done again, beside those whom the policy asks for. */
const REPEAT: AskingPolicy = { id: 'signalbox.fork_repeat', reason_code: 'FORK_REPEAT', approvers: ['approver'] }

/** What a fork's plan orders again needs a new approval, also where the policy asks for none. */
function askedForRepeat(decision: Decision, approval: ApprovalFact | null): Decision {
  if (decision.verdict === 'deny') return decision
  const asks = [...decision.asks, REPEAT]
  const given = approval?.bound === true && approval.fresh
  if (given) return { ...decision, asks }
  const policies = [...decision.policies, REPEAT.id]
  return { ...decision, verdict: 'require_approval', reason_code: REPEAT.reason_code, policies, asks }
}

function deniedBy(decision: Decision): Ended | null {
  if (decision.verdict !== 'deny') return null
  return { status: 'denied', code: decision.reason_code, result: `policy denies this: ${decision.reason_code}` }
}

/** Arguments as an object for the policy's typed projection; anything else has no fields to show. */
function asObject(value: JsonValue): JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as JsonObject) : {}
}
