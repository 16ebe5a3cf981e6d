/**
 * Making a conversation shorter, as pure functions over its messages. A call and its result stay together and reasoning
 * with its call, because an answer is one message and its results follow it: such a group is kept or left out whole.
 */
import type { ModelMessage } from '../contracts/model.ts'
import type { MessageOrPlace } from '../contracts/workflow.ts'
import { userMessage } from './messages.ts'

/** One way to make a conversation shorter. */
export type CompactionStep =
  /** Results of tools that are older than the last groups and longer than so many bytes are cut. Default: 4 groups, 500 bytes. */
  | { readonly kind: 'shorten_results'; readonly keepGroups?: number; readonly maxBytes?: number }
  /** Everything but the last groups is left out. Default: 8 groups. */
  | { readonly kind: 'sliding_window'; readonly keepGroups?: number }
  /** A model tells what is left out, in a call of its own. Default: 8 groups, the agent's model, 1,000 tokens. */
  | {
      readonly kind: 'summary'
      readonly keepGroups?: number
      readonly model?: string
      readonly maxOutputTokens?: number
      readonly instructions?: string
    }

/** When and how an agent's conversation is made shorter. */
export interface Compaction {
  /** The upper bound of the conversation in tokens above which it is. */
  readonly aboveTokens: number
  /** Taken in order until the conversation is below the bound. */
  readonly steps: readonly CompactionStep[]
}

/** Messages that belong together: an answer with its calls and their results, or one other message. */
export interface Group {
  readonly from: number
  /** Exclusive. */
  readonly to: number
  /** True for the system messages and the first and last one from the user: never left out. */
  readonly pinned: boolean
  /** True while a call of it has no result yet: never touched. */
  readonly open: boolean
}

type ToolMessage = Extract<ModelMessage, { role: 'tool' }>
type ToolResult = Extract<ToolMessage['content'][number], { type: 'tool-result' }>

/** The groups of a conversation, in order; together they are all of it. */
export function groupsOf(messages: readonly ModelMessage[]): readonly Group[] {
  const first = messages.findIndex(isFromUser)
  const last = messages.findLastIndex(isFromUser)
  const groups: Group[] = []
  for (let from = 0; from < messages.length; ) {
    const { to, left } = groupAt(messages, from)
    const pinned = messages[from]?.role === 'system' || from === first || from === last
    groups.push({ from, to, pinned, open: left > 0 })
    from = to
  }
  return groups
}

/** A message that compaction put in is nobody's word: it can be left out like any other. */
function isFromUser(message: ModelMessage): boolean {
  return message.role === 'user' && message.providerOptions?.signalbox === undefined
}

function note(text: string): ModelMessage {
  return { ...userMessage(text), providerOptions: { signalbox: { compaction: true } } }
}

/** Where the group that begins here ends, and how many of its calls have no result. */
function groupAt(messages: readonly ModelMessage[], from: number): { readonly to: number; readonly left: number } {
  let to = from + 1
  let left = callsIn(messages[from])
  for (let next = messages[to]; left > 0 && next?.role === 'tool'; next = messages[to]) {
    left -= next.content.filter((part) => part.type === 'tool-result').length
    to += 1
  }
  return { to, left }
}

function callsIn(message: ModelMessage | undefined): number {
  return message?.role === 'assistant' ? message.content.filter((part) => part.type === 'tool-call').length : 0
}

/** The groups that a window of the last so many would leave out: closed, not pinned, older. */
export function leftOut(messages: readonly ModelMessage[], keepGroups: number): readonly Group[] {
  const groups = groupsOf(messages)
  return groups.slice(0, Math.max(0, groups.length - keepGroups)).filter((group) => !group.pinned && !group.open)
}

/** The conversation without some groups, and with one message where the first of them was. */
export function without(
  messages: readonly ModelMessage[],
  groups: readonly Group[],
  instead: ModelMessage,
): readonly MessageOrPlace[] {
  const [first] = groups
  const gone = new Set(groups.flatMap(({ from, to }) => Array.from({ length: to - from }, (_, i) => from + i)))
  return [...messages.keys()].flatMap((place): readonly MessageOrPlace[] => {
    if (place === first?.from) return [instead]
    return gone.has(place) ? [] : [place]
  })
}

/** Leaves out all but the last groups; null when nothing can be. */
export function slidingWindow(messages: readonly ModelMessage[], keepGroups = 8): readonly MessageOrPlace[] | null {
  const groups = leftOut(messages, keepGroups)
  const count = groups.reduce((sum, { from, to }) => sum + to - from, 0)
  // A note alone is not replaced by another one.
  if (count < 2) return null
  return without(messages, groups, note('[Earlier messages of this conversation were left out.]'))
}

/** Cuts long results of older groups; null when there is none. */
export function shortenResults(
  messages: readonly ModelMessage[],
  keepGroups = 4,
  maxBytes = 500,
): readonly MessageOrPlace[] | null {
  const groups = groupsOf(messages)
  const older = groups.slice(0, Math.max(0, groups.length - keepGroups)).filter((group) => !group.open)
  const places = new Set(older.flatMap(({ from, to }) => Array.from({ length: to - from }, (_, i) => from + i)))
  let changed = false
  const next = messages.map((message, place): MessageOrPlace => {
    if (message.role !== 'tool' || !places.has(place)) return place
    const content = message.content.map((part) => (part.type === 'tool-result' ? shortened(part, maxBytes) : part))
    if (content.every((part, i) => part === message.content[i])) return place
    changed = true
    return { ...message, content }
  })
  return changed ? next : null
}

const CUT = ' [cut: the result was '

function shortened(part: ToolResult, maxBytes: number): ToolResult {
  const { output } = part
  const failed = output.type === 'error-json' || output.type === 'error-text' || output.type === 'execution-denied'
  const text = 'value' in output && typeof output.value === 'string' ? output.value : JSON.stringify(output)
  const bytes = Buffer.byteLength(text)
  if (bytes <= maxBytes || text.includes(CUT)) return part
  const kept = `${cutTo(text, maxBytes)}${CUT}${bytes} bytes long]`
  return { ...part, output: { type: failed ? 'error-text' : 'text', value: kept } }
}

/** The longest beginning of a text within so many bytes of UTF-8. */
export function cutTo(text: string, bytes: number): string {
  if (Buffer.byteLength(text) <= bytes) return text
  return new TextDecoder('utf-8', { fatal: false }).decode(Buffer.from(text).subarray(0, bytes), { stream: true })
}

const SUMMARIZE =
  'Summarize the conversation below for yourself, so that the work can go on without it: what was asked, what was found ' +
  'and done (with names, ids and amounts as they are), what was refused or failed, what is still to do. Facts alone.'

/** What a model is asked when it tells what is left out. */
export function summaryRequest(
  messages: readonly ModelMessage[],
  groups: readonly Group[],
  instructions = SUMMARIZE,
): readonly ModelMessage[] {
  const lines = groups.flatMap(({ from, to }) => messages.slice(from, to).map(lineOf))
  return [{ role: 'system', content: instructions }, userMessage(lines.join('\n'))]
}

/** The message that stands for what was left out. */
export function summaryMessage(text: string): ModelMessage {
  return note(`[Summary of earlier messages of this conversation, which were left out:]\n${text}`)
}

function lineOf(message: ModelMessage): string {
  if (message.role === 'system') return `system: ${message.content}`
  const parts = message.content.flatMap((part): string[] => {
    if (part.type === 'text') return [part.text]
    if (part.type === 'tool-call') return [`calls ${part.toolName} with ${JSON.stringify(part.input)}`]
    return part.type === 'tool-result' ? [`${part.toolName} answered ${JSON.stringify(part.output)}`] : []
  })
  return `${message.role}: ${parts.join(' ')}`
}
