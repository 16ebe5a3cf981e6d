/** Takes out what must not leave: known credentials and forms of secrets first, then a project's own rule. */
import type { Host } from './base/host.ts'
import type { JsonValue } from './base/json.ts'
import { type SecretForm, withoutForms } from './base/secret-forms.ts'
import type { Cleaned, LeavingKind, RedactHook, Redactor } from './contracts/redaction.ts'

/** How long a project's rule may take for one value, in milliseconds. */
const HOOK_MS = 250
const SLOW = Symbol('slow')

/** What a redactor is made of. */
export interface RedactorOptions {
  readonly host: Pick<Host, 'after' | 'monotonicMs'>
  /** The project's own rule. Default: none. */
  readonly hook?: RedactHook
  /** Forms that are always taken out. Default: those of keys and tokens. */
  readonly forms?: readonly SecretForm[]
  /** Takes known credentials out, as from the answers of tools. Default: none are known. */
  readonly known?: (value: JsonValue) => JsonValue
  /** How long the project's rule may take for one value, in milliseconds. Default 250. */
  readonly limitMs?: number
}

/**
 * A redactor. What the project's rule leaves is looked at once more, so that it cannot put a known credential back. A value
 * that the rule did not finish is left out, never sent as it was (Invariants 2, 14).
 */
export function createRedactor(options: RedactorOptions): Redactor {
  const { host, hook, forms = ['secret'], known = (value) => value, limitMs = HOOK_MS } = options
  const own = (value: JsonValue): JsonValue => eachText(known(value), (text) => withoutForms(text, forms))
  const finish = (value: unknown): Cleaned =>
    isJson(value) ? { status: 'clean', value: own(value) } : { status: 'left_out', why: 'redaction_failed' }
  return {
    async clean(kind, value) {
      const first = own(value)
      if (!hook) return { status: 'clean', value: first }
      const began = host.monotonicMs()
      try {
        const answer = await within(limitMs, host, async () => hook(kind, first))
        // A rule that kept this process busy was over its time before the timer could say so.
        if (answer === SLOW || host.monotonicMs() - began > limitMs)
          return { status: 'left_out', why: 'redaction_slow' }
        return finish(answer)
      } catch {
        // What it threw may hold the content.
        return { status: 'left_out', why: 'redaction_failed' }
      }
    },
    cleanNow: (kind, value) => cleanNow(kind, own(value), hook, finish),
  }
}

function cleanNow(
  kind: LeavingKind,
  value: JsonValue,
  hook: RedactHook | undefined,
  finish: (value: unknown) => Cleaned,
): Cleaned {
  if (!hook) return { status: 'clean', value }
  try {
    const answer = hook(kind, value)
    if (!(answer instanceof Promise)) return finish(answer)
    answer.catch(() => undefined)
  } catch {
    // As above.
  }
  return { status: 'left_out', why: 'redaction_failed' }
}

function within<T>(ms: number, host: Pick<Host, 'after'>, act: () => Promise<T>): Promise<T | typeof SLOW> {
  return new Promise((resolve, reject) => {
    const cancel = host.after(ms, () => resolve(SLOW))
    act().then(resolve, reject).finally(cancel)
  })
}

function isJson(value: unknown): value is JsonValue {
  if (value === null || typeof value === 'string' || typeof value === 'boolean') return true
  if (typeof value === 'number') return Number.isFinite(value)
  if (typeof value !== 'object') return false
  return (Array.isArray(value) ? value : Object.values(value)).every(isJson)
}

function eachText(value: JsonValue, change: (text: string) => string): JsonValue {
  if (typeof value === 'string') return change(value)
  if (typeof value !== 'object' || value === null) return value
  if (Array.isArray(value)) return value.map((one: JsonValue) => eachText(one, change))
  return Object.fromEntries(Object.entries(value).map(([key, one]) => [change(key), eachText(one, change)]))
}
