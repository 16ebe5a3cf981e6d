import { timeOf } from '../../base/time.ts'
import type { ActivityIntent, ActivityOutcome } from '../../contracts/records.ts'
import type { ToolSpec } from '../../contracts/tool.ts'
import { type AskJournal, isTerminalOutcome } from '../../reliability/fold.ts'
import { checkUse } from './approval-check.ts'
import { toolsWithin } from '../../contracts/workflow.ts'
import { mustHold } from './checks.ts'
import type { RunFacts } from './run-facts.ts'

/** An intent that becomes durable: nothing finished is asked again, and a repeat has its permission (Invariants 4, 5, 7). */
export function checkIntent(run: RunFacts, intent: ActivityIntent, clocksJump: boolean): void {
  const entry = journalOf(run, intent)
  const { outcome } = entry ?? {}
  const over = outcome !== undefined && outcome !== null && isTerminalOutcome(outcome)
  mustHold(!over, 'never_twice', () => `${intent.ask.key} has ended, and is sent again by record ${intent.seq}`)
  if (intent.proposal.effect === 'none') return
  checkUse(run, intent)
  const owner = intent.effect_id === null ? undefined : run.happened.get(intent.effect_id)
  mustHold(owner === undefined, 'never_twice', () => `the effect of ${intent.ask.key} happened for ${owner} already`)
  const last = entry?.intents.at(-1)
  if (!entry || !last) return
  const tool = toolsWithin(run.spec).find((one) => one.name === intent.proposal.name)
  mustHold(mayRepeat(entry, last, tool), 'never_guess', () => `${intent.ask.key} is repeated without a permission`)
  if (clocksJump) return
  const settled = timeOf(last.not_after) + (tool?.settleAfterSeconds ?? 0) * 1_000
  mustHold(timeOf(intent.at) >= settled, 'never_guess', () => `${intent.ask.key} is repeated while it may still arrive`)
}

/** Unknown, and after it a person's order, a final look-up, or a tool whose repeats are harmless. */
function mayRepeat(entry: AskJournal, last: ActivityIntent, tool: ToolSpec | undefined): boolean {
  const { outcome, questions, children } = entry
  if (outcome?.status !== 'unknown') return false
  if (tool?.repeat === 'same_key_is_harmless') return true
  if (questions.some(({ answered }) => answered?.answer === 'did_not' && answered.seq > last.seq)) return true
  if (tool?.lookup !== 'authoritative') return false
  const looked = [...children].filter(([key, child]) => key.startsWith('reconcile/') && child.seq > last.seq)
  return looked.some(([, child]) => child.status === 'succeeded')
}

/** An end that becomes durable: it rests on an intent, and after a crash on a resolution (Invariants 3 and 5). */
export function checkOutcome(run: RunFacts, outcome: ActivityOutcome): void {
  if (outcome.ask.parent !== null) return
  const entry = journalOf(run, outcome)
  const before = entry?.outcome ?? null
  const again = before !== null && isTerminalOutcome(before)
  mustHold(!again, 'never_twice', () => `${outcome.ask.key} ends twice, in ${before?.seq} and ${outcome.seq}`)
  if (outcome.effect === 'none') return
  const intent = entry?.intents.at(-1) ?? null
  const happened = outcome.status === 'succeeded' && outcome.ledger === null
  if (!happened) return
  mustHold(intent !== null, 'record_before_act', () => `${outcome.ask.key} succeeded without an intent`)
  if (outcome.effect_id) run.happened.set(outcome.effect_id, outcome.ask.key)
  if (!intent) return
  const known = before !== null && before.seq > intent.seq
  const acrossWorkers = run.epochs.get(intent.segment) !== run.epochs.get(outcome.segment)
  if (!known && !acrossWorkers) return
  mustHold(
    outcome.resolved_by !== null,
    'never_guess',
    () => `${outcome.ask.key} was unknown and is said to have happened`,
  )
}

function journalOf(run: RunFacts, { ask }: ActivityIntent | ActivityOutcome): AskJournal | null {
  return run.fold.activations.get(ask.activation)?.asks.get(ask.ordinal) ?? null
}
