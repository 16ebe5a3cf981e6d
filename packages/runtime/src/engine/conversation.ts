import { canonicalJson, type JsonValue } from '../base/json.ts'
import { type ContentRef, joinLabels, type Labels, type ListAppend, type ListRef } from '../contracts/common.ts'
import type { ModelMessage } from '../contracts/model.ts'
import type { MessageOrPlace } from '../contracts/workflow.ts'
import { type Contents, emptyList, rollHead } from './contents.ts'

/** One message of a conversation: where it is stored, once it is, and its keyed digest, once it was needed. */
interface Item {
  readonly message: ModelMessage
  readonly ref: ContentRef | null
  readonly labels: Labels
  digest: string | null
}

/** A conversation as it is on record at one place, opened. */
export interface OpenConversation {
  readonly list: ListRef
  readonly items: readonly Item[]
}

/** What a conversation needs of its run. */
interface Home {
  readonly contents: Contents
  readonly sealer: { digest(text: string): string }
  /** The conversations that are open in this process, by the digest of their list. */
  readonly conversations: Map<string, OpenConversation>
}

/** Puts a value into the record that is being made and gives its reference. */
type Store = (value: JsonValue, labels: Labels) => ContentRef

/** Kept open at most: the oldest goes first and is read again when it is needed. */
const MAX_OPEN = 256

/**
 * The conversation of one activation (ENGINE R8): stored as a list by reference, so that a turn writes what it adds and
 * nothing of what was there. Replacing it makes a new list of which the kept messages are the same contents; the list
 * before stays on record.
 */
export class Conversation {
  readonly messages: ModelMessage[] = []
  private list: ListRef
  private items: Item[] = []
  /** Items from here on are not on record in this list. */
  private recorded = 0
  private replaced = false
  private readonly home: Home

  constructor(home: Home, list: ListRef) {
    this.home = home
    this.list = list
  }

  /** Labels of the list, those of messages that were left out later included: nothing gets cleaner by being left out. */
  get labels(): Labels {
    return this.list.l
  }

  /** The list of the last save point. */
  get saved(): ListRef {
    return this.list
  }

  /** Reads what is on record. Throws CONTENT_ERASED, STORE_CORRUPT: never an empty conversation in its place. */
  async load(): Promise<void> {
    if (this.list.at === null) return
    const { items } = this.home.conversations.get(keyOf(this.list)) ?? (await openList(this.home.contents, this.list))
    this.take(items)
    this.recorded = items.length
  }

  append(messages: readonly ModelMessage[], labels: Labels): void {
    for (const message of messages) {
      this.items.push({ message, ref: null, labels, digest: null })
      this.messages.push(message)
    }
  }

  /** The messages are these from now on: kept ones by their place, others new. */
  replace(next: readonly MessageOrPlace[], labels: Labels): void {
    const items = next.map((one): Item => {
      if (typeof one !== 'number') return { message: one, ref: null, labels, digest: null }
      const kept = this.items[one]
      if (!kept) throw new RangeError(`the conversation has no message ${one}`)
      return kept
    })
    this.replaced = true
    this.recorded = 0
    this.take(items)
  }

  /** Digest of the conversation as it stands, without its text. */
  head(): { readonly head: string; readonly length: number } {
    const before = this.replaced ? '' : this.list.head
    const added = this.items.slice(this.recorded).map((item) => this.digestOf(item))
    return { head: rollHead(before, added), length: this.items.length }
  }

  /** The list and the append of the record with this sequence. */
  forRecord(at: number, labels: Labels, put: Store): { readonly list: ListRef; readonly append: ListAppend } {
    const all = joinLabels([this.list.l, labels])
    const before = this.replaced ? emptyList(this.list.l) : this.list
    const { head, length } = this.head()
    const refs = this.items.slice(this.recorded).map((item) => item.ref ?? put(toJson(item.message), item.labels))
    return { list: { list: true, at, length, head, l: all }, append: { before, items: refs } }
  }

  /** The record was appended: what it holds is the conversation now. */
  recordedAs(list: ListRef, append: ListAppend): void {
    const from = this.recorded
    this.items = this.items.map((item, i) => (i < from ? item : { ...item, ref: append.items[i - from] ?? item.ref }))
    this.recorded = this.items.length
    this.replaced = false
    this.list = list
  }

  /** Leaves the conversation open for the next activation that goes on from it. */
  keepOpen(): void {
    const { conversations } = this.home
    conversations.set(keyOf(this.list), { list: this.list, items: this.items.slice(0, this.recorded) })
    const [oldest] = conversations.keys()
    if (conversations.size > MAX_OPEN && oldest !== undefined) conversations.delete(oldest)
  }

  private take(items: readonly Item[]): void {
    this.items = [...items]
    this.messages.splice(0, this.messages.length, ...items.map((item) => item.message))
  }

  private digestOf(item: Item): string {
    item.digest ??= this.home.sealer.digest(canonicalJson(toJson(item.message)))
    return item.digest
  }
}

/** Reads a conversation from its records. Throws CONTENT_ERASED when any of it is gone, STORE_CORRUPT when it is not whole. */
export async function openList(contents: Contents, list: ListRef): Promise<OpenConversation> {
  const read = await contents.readItems(list, (record) => (record.type === 'position.saved' ? record.append : null))
  const items = read.map(({ ref, value }): Item => {
    // The items of a conversation are model messages: nothing else is appended to it.
    return { message: value as unknown as ModelMessage, ref, labels: ref.l, digest: null }
  })
  return { list, items }
}

function keyOf({ at, length, head, r }: ListRef): string {
  return `${r ?? ''}#${at}/${length}/${head}`
}

/** A message of the AI SDK is JSON but for its type. */
function toJson(message: ModelMessage): JsonValue {
  return message as unknown as JsonValue
}
