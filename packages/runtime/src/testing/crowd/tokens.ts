/** Finds in stored text what differs from run to run: ids, times, hashes, and words of the business. */

/** A text cut at its tokens: parts and the numbers of the tokens between them. */
export interface Cut {
  readonly parts: readonly string[]
  readonly slots: readonly number[]
}

/** What a token is. `opaque`: a keyed digest of something that is not computed again; another one stands in its place. */
export type TokenKind = 'id' | 'time' | 'word' | 'opaque' | 'given'

/** A token as it stands in the recorded runs. */
export interface Token {
  readonly text: string
  kind: TokenKind
}

const ID = '\\b[a-z]{2,8}_[0-9a-z]{23}\\b'
const TIME = '\\d{4}-\\d\\d-\\d\\dT\\d\\d:\\d\\d:\\d\\d\\.\\d{3}Z'
const DIGEST = '(?<![A-Za-z0-9_-])[A-Za-z0-9_-]{43}(?![A-Za-z0-9_-])'
const KEY = 'sb-[0-9a-f]{40}'
const HEX = '(?<![0-9a-f])(?:[0-9a-f]{64}|[0-9a-f]{32})(?![0-9a-f])'

/** All tokens of a family of runs, each with a number. */
export class Tokens {
  readonly all: Token[] = []
  private readonly byText = new Map<string, number>()
  private readonly pattern: RegExp
  private readonly words: RegExp

  /** `words` matches words of the business, such as numbers of invoices, that must differ from run to run. */
  constructor(words: RegExp) {
    this.words = new RegExp(`^(?:${words.source})$`)
    this.pattern = new RegExp(`${words.source}|${TIME}|${KEY}|${ID}|${DIGEST}|${HEX}`, 'g')
  }

  /** A token whose value is computed in a way of its own; 64 and 32 hex digits are tokens only when named so. */
  named(text: string): number {
    const slot = this.byText.get(text) ?? this.add(text, 'given')
    const token = this.all[slot]
    if (token) token.kind = 'given'
    return slot
  }

  /** The number of a token, or null when the text holds none of that form. */
  slotOf(text: string): number | null {
    return this.byText.get(text) ?? null
  }

  cut(text: string): Cut {
    const parts: string[] = []
    const slots: number[] = []
    let from = 0
    for (const match of text.matchAll(this.pattern)) {
      const slot = this.found(match[0])
      if (slot === null) continue
      parts.push(text.slice(from, match.index))
      slots.push(slot)
      from = match.index + match[0].length
    }
    parts.push(text.slice(from))
    return { parts, slots }
  }

  private found(text: string): number | null {
    const known = this.byText.get(text)
    if (known !== undefined) return known
    if (this.words.test(text)) return this.add(text, 'word')
    if (/^\d{4}-\d\d-\d\dT/.test(text)) return this.add(text, 'time')
    if (/^(?:[0-9a-f]{64}|[0-9a-f]{32})$/.test(text)) return null
    // Names of worker processes are no part of a run.
    if (/^[a-z]{2,8}_[0-9a-z]{23}$/.test(text)) return text.startsWith('wrk_') ? null : this.add(text, 'id')
    return this.add(text, 'opaque')
  }

  private add(text: string, kind: TokenKind): number {
    const slot = this.all.length
    this.all.push({ text, kind })
    this.byText.set(text, slot)
    return slot
  }
}

/** The text with values in place of its tokens. */
export function filled({ parts, slots }: Cut, values: readonly string[]): string {
  let text = parts[0] ?? ''
  for (let i = 0; i < slots.length; i++) text += `${values[slots[i] ?? 0] ?? ''}${parts[i + 1] ?? ''}`
  return text
}
