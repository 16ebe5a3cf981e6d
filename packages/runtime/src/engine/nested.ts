/**
 * Runs a nested scope to its end, as what the door executes for an ask that enters one (ENGINE R20). The supersteps,
 * barriers, ports and responses are those of the run itself; what differs is that the scope's end is the outcome of an
 * ask, and that waiting is a wait of the run. After a crash the ask is made again and the scope goes on from its last
 * barrier, which is a save point (ENGINE R8).
 */
import { timeOf } from '../base/time.ts'
import type { OpenRequest } from '../contracts/checkpoint.ts'
import { nestedScope } from '../reliability/fold-scopes.ts'
import { closingOf, outputOf } from './ending.ts'
import { dropHeld } from './finish.ts'
import { Unloaded } from './live-run.ts'
import { takeResponses } from './responses.ts'
import type { Scope, ScopeEnd } from './scope.ts'
import { type OpenState, openState } from './state.ts'
import { closeSuperstep, nextMove, VERDICT_CODES } from './step.ts'
import { Superstep } from './superstep.ts'

/** Runs the scope's supersteps until its output, its failure or its limit. Rejects with Unloaded when the run leaves. */
export async function runScope(scope: Scope): Promise<ScopeEnd> {
  const { run } = scope
  let before: OpenState | null = null
  for (;;) {
    // Nothing new starts any more; the run closes what is open when it ends.
    if (run.dead || run.halt) throw new Unloaded()
    const limit = scope.clock?.limit
    if (limit) return leave(scope, failedWith(limit.code, limit.message))
    if (await takeResponses(scope)) {
      await run.flush()
      continue
    }
    switch (nextMove(scope)) {
      case 'superstep': {
        before ??= await openState(scope.spec, scope.state.checkpoint, run.contents)
        const failed = await runOne(scope, before)
        if (failed) return leave(scope, failed)
        before = null
        break
      }
      case 'verdict':
        return leave(scope, await endByContract(scope))
      case 'limit':
        return leave(scope, failedWith('SUPERSTEP_LIMIT', `\`${scope.spec.name}\` reached its limit of supersteps`))
      case 'wait':
        await waitForAnswer(scope)
        break
      default:
        return leave(scope, await endOf(scope))
    }
  }
}

/** One superstep of the scope; gives how the scope ends when a node of it failed for good. */
async function runOne(scope: Scope, before: OpenState): Promise<ScopeEnd | null> {
  const { run } = scope
  const step = new Superstep(scope, before)
  step.start()
  await step.over()
  if (run.dead || run.halt || step.left) throw new Unloaded()
  if (step.failed) {
    const { node, error } = step.failed
    return failedWith(error.code, `node \`${node}\` of \`${scope.spec.name}\` failed: ${error.message}`)
  }
  await closeSuperstep(scope, step, before)
  // A barrier of a scope is a place from which another worker can go on (ENGINE R8).
  if (run.draining && run.halt === null) {
    run.activity.left = true
    throw new Unloaded()
  }
  return null
}

/** A request of the scope holds the activation that entered it, and nobody else. */
async function waitForAnswer(scope: Scope): Promise<void> {
  const { run } = scope
  const [first] = [...scope.state.checkpoint.requests].sort((a, b) => timeOf(a.deadline) - timeOf(b.deadline))
  if (!first) return
  await run.waits.wait(first.timer ? 'timer' : 'request', first.request_id, timeOf(first.deadline), scope.clock)
}

async function endOf(scope: Scope): Promise<ScopeEnd> {
  const { expired } = nestedScope(scope.run.fold, scope.id)
  if (expired !== null && !scope.spec.rejected.has(expired))
    return failedWith('APPROVAL_EXPIRED', `nobody answered port \`${expired}\` of \`${scope.spec.name}\` in time`)
  const output = scope.state.checkpoint.outputs.at(-1)
  if (!output) return failedWith('NODE_FAILED', `\`${scope.spec.name}\` reached no output`)
  dropHeld(scope)
  const result = await scope.run.contents.read(output.value)
  return { status: 'succeeded', code: null, result, labels: output.value.l }
}

/** The contract of a nested workflow ends its scope, and what is around it goes on with that. */
async function endByContract(scope: Scope): Promise<ScopeEnd> {
  const { spec, state, run } = scope
  const verdict = state.checkpoint.mark?.verdict
  const by = verdict?.by ?? 'completion_event'
  const last = state.checkpoint.outputs.at(-1)
  if (by === 'completion_event' && last)
    return { status: 'succeeded', code: null, result: await run.contents.read(last.value), labels: last.value.l }
  const partial = by === 'completion_event' ? outputOf(scope, await closingOf(scope)) : null
  if (partial) return { status: 'succeeded', code: null, result: partial.value, labels: partial.labels }
  const subject = verdict?.subject == null ? '' : ` (${verdict.subject})`
  return failedWith(VERDICT_CODES[by], `\`${spec.name}\` ended by its termination contract: ${by}${subject}`)
}

function failedWith(code: string, result: string): ScopeEnd {
  return { status: 'failed', code, result }
}

/** Questions of a scope that has ended are taken back. */
function leave(scope: Scope, end: ScopeEnd): ScopeEnd {
  const { checkpoint, opened } = scope.state
  const asked: readonly OpenRequest[] = [...checkpoint.requests, ...opened]
  // A timer asks nobody.
  for (const { request_id: id, timer } of asked) if (!timer) scope.run.closeRequest(id, 'cancelled', null)
  return end
}
