/** The committed list of tests that may be skipped: tools/skip-list.json. */

/** One permitted skip. `test` is `path > suite > title`, as the reporter prints it. */
export interface SkipEntry {
  readonly test: string
  readonly reason: string
  /** When the test is skipped, in words: `strace cannot be run`. */
  readonly condition: string
}

/** Where the list is. */
export const SKIP_LIST = 'tools/skip-list.json'

/** Parses the list. Throws when it is not a list of complete entries, since a half entry would excuse anything. */
export function parseSkipList(text: string): SkipEntry[] {
  const value: unknown = JSON.parse(text)
  if (!Array.isArray(value)) throw new Error(`${SKIP_LIST} must be a list of { test, reason, condition }`)
  return value.map((item: unknown) => ({
    test: word(item, 'test'),
    reason: word(item, 'reason'),
    condition: word(item, 'condition'),
  }))
}

function word(item: unknown, key: string): string {
  const value: unknown = typeof item === 'object' && item !== null ? Reflect.get(item, key) : undefined
  if (typeof value === 'string' && value.trim() !== '') return value
  throw new Error(`${SKIP_LIST} has an entry without \`${key}\`: every entry needs test, reason and condition`)
}
