import { toSignalboxError } from '../base/errors.ts'
import type { AskOwner } from './door/ask.ts'
import { perform } from './door/perform.ts'
import { type AskJournal, activation as foldOf } from '../reliability/fold.ts'
import { type LiveRun, Unloaded } from './live-run.ts'
import { NodeClock } from './node-clock.ts'
import { isStoreTrouble } from './retry.ts'
import { scopeOfActivation } from './scope.ts'

/**
 * Brings effects that were sent to their end without running any handler: for a run that stops (ENGINE R19). The same
 * door, from the intent on.
 */
export async function resumeOpenEffects(
  run: LiveRun,
  open: readonly AskJournal[],
): Promise<{ readonly isOver: boolean }> {
  let left = open.length
  for (const entry of open) {
    const intent = entry.intents.at(-1)
    if (!intent) continue
    const args = await run.contents.read((intent.proposal.edited ?? intent.proposal).args)
    run.enter()
    const spec = { kind: 'tool', tool: intent.proposal.name, args, labels: intent.proposal.labels } as const
    perform(ownerOf(run, entry), entry.ask, spec, null)
      .catch((thrown: unknown) => {
        if (thrown instanceof Unloaded) return
        const error = toSignalboxError(thrown)
        if (isStoreTrouble(error.code)) run.onLost(error)
        else run.stopWith({ kind: 'park', code: error.code, detail: error.message })
      })
      .finally(() => {
        left -= 1
        run.leave()
      })
  }
  return {
    get isOver() {
      return left === 0
    },
  }
}

/** An activation that asks nothing itself. */
function ownerOf(run: LiveRun, entry: AskJournal): AskOwner {
  const scope = scopeOfActivation(run, entry.ask.activation)
  const node = scope.spec.nodes.get(entry.ask.node)
  const intent = entry.intents.at(-1)
  if (!node || !intent) throw new Error(`the workflow has no node \`${entry.ask.node}\``)
  return {
    run,
    scope,
    node,
    attempt: entry.ask.attempt,
    seen: intent.proposal.labels,
    snapshot: { state: {} },
    hasEnded: false,
    judgedOutput: null,
    clock: new NodeClock(run.env.host, { name: node.name }, 0),
    fold: foldOf(run.fold, entry.ask.activation),
    conversationHead: () => ({ head: '', length: 0 }),
    conversation: () => [],
    recorded: () => undefined,
  }
}
