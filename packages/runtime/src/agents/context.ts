/** Context providers: what an agent is shown beside its conversation, or given once with it. */
import { SignalboxError } from '../base/errors.ts'
import { type JsonObject, type JsonValue, toJsonValue } from '../base/json.ts'
import type { ModelMessage } from '../contracts/model.ts'
import type { AnyTool } from '../contracts/tool.ts'
import type { HandlerCtx } from '../contracts/workflow.ts'
import { cutTo } from './compact.ts'
import { userMessage } from './messages.ts'

/** What a context provider sees. It must be a pure function of this (invariant 13). */
export interface ContextView {
  /** The conversation so far. */
  readonly messages: readonly ModelMessage[]
  /** The state at the last barrier. */
  readonly state: JsonObject
  /** Deterministic time. */
  readonly now: Date
}

/**
 * Gives text that the model is shown after its instructions, under the provider's name. What it needs from outside it
 * reads with a tool, through the door: decided, recorded and labelled like any other call.
 */
export interface ContextProvider {
  readonly name: string
  /** A read to make first: a tool without effect, and its arguments; null reads nothing this time. */
  readonly reads?: { readonly tool: AnyTool; readonly args: (view: ContextView) => unknown }
  /** The text; null or nothing shows none. `found` is what was read. */
  readonly text: (view: ContextView, found: JsonValue) => string | null
  /**
   * False: made before each model call, shown with it and kept in that call's record alone. True: made once, when the
   * agent starts, and part of the conversation from then on. Default false.
   */
  readonly keep?: boolean
  /** Longer text is cut. Default 8,000. */
  readonly maxBytes?: number
  /** What happens when its read does not succeed. Default `fail`: the agent fails with TOOL_FAILED. */
  readonly onFailure?: 'fail' | 'skip'
}

const MAX_BYTES = 8_000

/** What is wrong with the providers of an agent, one sentence each. */
export function contextFaults(providers: readonly ContextProvider[]): string[] {
  const names = providers.map((one) => one.name)
  return providers.flatMap(({ name, reads, maxBytes = 1 }, i) => {
    const what = `context \`${name}\``
    const faults = names.indexOf(name) === i ? [] : [`${what} is listed twice`]
    if (reads && reads.tool.effect !== 'none')
      faults.push(`${what} reads with \`${reads.tool.name}\`, which has an effect`)
    if (!Number.isInteger(maxBytes) || maxBytes < 1) faults.push(`${what}: \`maxBytes\` must be a positive integer`)
    return faults
  })
}

/** The messages of some providers, in order; reads go through the door. Throws TOOL_FAILED when a needed one fails. */
export async function contextMessages(
  agent: string,
  providers: readonly ContextProvider[],
  ctx: HandlerCtx,
): Promise<readonly ModelMessage[]> {
  const made: ModelMessage[] = []
  for (const provider of providers) {
    const message = await messageOf(agent, provider, ctx)
    if (message) made.push(message)
  }
  return made
}

async function messageOf(agent: string, provider: ContextProvider, ctx: HandlerCtx): Promise<ModelMessage | null> {
  const { name, reads, text, maxBytes = MAX_BYTES, onFailure = 'fail' } = provider
  const view: ContextView = { messages: ctx.conversation.messages, state: ctx.state, now: ctx.now() }
  let found: JsonValue = null
  const args = reads ? reads.args(view) : null
  if (reads && args !== null && args !== undefined) {
    const asked = await ctx.ask({
      kind: 'tool',
      tool: reads.tool.name,
      args: toJsonValue(args, `the arguments of context \`${name}\``),
      context: name,
    })
    if (asked.status === 'succeeded') found = asked.output
    else if (onFailure === 'skip') return null
    else {
      const message = `agent \`${agent}\`: context \`${name}\` could not be read: \`${reads.tool.name}\` ended as ${asked.status}`
      throw new SignalboxError('TOOL_FAILED', message, { details: { status: asked.status, code: asked.code } })
    }
  }
  const given = text(view, found)
  if (given === null || given === '') return null
  const cut = cutTo(given, maxBytes)
  return userMessage(`[Context \`${name}\`]\n${cut}${cut.length < given.length ? `\n[cut at ${maxBytes} bytes]` : ''}`)
}
