/** Makes a conversation shorter before a model call, where its agent declares how. */
import type { ModelMessage } from '../contracts/model.ts'
import type { HandlerCtx, MessageOrPlace } from '../contracts/workflow.ts'
import { conversationUpperBound } from './bound.ts'
import {
  type Compaction,
  type CompactionStep,
  leftOut,
  shortenResults,
  slidingWindow,
  summaryMessage,
  summaryRequest,
  without,
} from './compact.ts'
import { readAnswer, textOf } from './messages.ts'

/** What is wrong with a compaction, one sentence each. */
export function compactionFaults({ aboveTokens, steps }: Compaction): string[] {
  const counts = steps.flatMap((step) => [
    step.keepGroups ?? 1,
    ...(step.kind === 'shorten_results' ? [step.maxBytes ?? 1] : []),
    ...(step.kind === 'summary' ? [step.maxOutputTokens ?? 1] : []),
  ])
  const whole = [aboveTokens, ...counts].every((count) => Number.isInteger(count) && count >= 1)
  return [
    ...(whole ? [] : ['`compaction`: every number must be a positive integer']),
    ...(steps.length > 0 ? [] : ['`compaction.steps` must name at least one way']),
  ]
}

/**
 * Takes the declared steps in order until the conversation is below its bound. What was left out stays on record; the
 * conversation that goes on is a list of its own, which the digest of the next request covers. A summary that the model
 * does not give is left, and the next step is taken.
 */
export async function compact({ aboveTokens, steps }: Compaction, model: string, ctx: HandlerCtx): Promise<void> {
  for (const step of steps) {
    const { messages } = ctx.conversation
    if (conversationUpperBound(messages) <= aboveTokens) return
    const next = await shorter(step, messages, model, ctx)
    if (next) ctx.conversation.replace(next, ctx.seen)
  }
}

async function shorter(
  step: CompactionStep,
  messages: readonly ModelMessage[],
  model: string,
  ctx: HandlerCtx,
): Promise<readonly MessageOrPlace[] | null> {
  if (step.kind === 'shorten_results') return shortenResults(messages, step.keepGroups, step.maxBytes)
  if (step.kind === 'sliding_window') return slidingWindow(messages, step.keepGroups)
  const { keepGroups = 8, maxOutputTokens = 1_000, instructions } = step
  const groups = leftOut(messages, keepGroups)
  if (groups.reduce((sum, { from, to }) => sum + to - from, 0) < 2) return null
  const used = step.model ?? model
  const asked = await ctx.ask({
    kind: 'model',
    model: used,
    maxOutputTokens,
    tools: [],
    outputSchema: null,
    instead: {
      messages: summaryRequest(messages, groups, instructions),
      by: {
        compaction: 'summary',
        groups: groups.map(({ from, to }) => [from, to]),
        instructions: instructions ?? null,
      },
    },
  })
  if (asked.status !== 'succeeded') return null
  const text = textOf(readAnswer(asked.output, used))
  return text.trim() === '' ? null : without(messages, groups, summaryMessage(text))
}
