import type { JsonValue } from '../../base/json.ts'
import { SECRET_FORMS, type SecretForm, withoutForms } from '../../base/secret-forms.ts'
import type { Control, ControlDef } from '../../contracts/control.ts'
import { control } from './control.ts'

/** What can be taken out of texts. */
export type RedactPattern = SecretForm

/** What `redact` is told. */
export interface RedactOptions {
  readonly owner: string
  /** Default: all of them. */
  readonly patterns?: readonly RedactPattern[]
  /** Default: what goes to a model, what a tool gives, and what leaves the run. */
  readonly points?: ControlDef['points']
  /** Default `redact`; give each its own where there are several. */
  readonly name?: string
}

/**
 * A control that takes card numbers, IBANs, mail addresses and known forms of secrets out of texts, and puts
 * `[redacted card]` and the like in their place. It looks at texts alone: a number that is no text passes. It finds forms;
 * it is no proof that nothing else is there.
 */
export function redact({
  owner,
  patterns = SECRET_FORMS,
  points = ['pre_model_call', 'post_tool_call', 'output'],
  name = 'redact',
}: RedactOptions): Control {
  const used = SECRET_FORMS.filter((pattern) => patterns.includes(pattern))
  return control({
    name,
    version: '1.0.0',
    owner,
    points,
    reasons: { REDACTED: `taken out before it goes on: ${used.join(', ')}` },
    decide: ({ value }) => {
      const seen = { any: false }
      const clean = redacted(value, used, seen)
      return seen.any ? { verdict: 'transform', reason: 'REDACTED', value: clean } : { verdict: 'allow' }
    },
  })
}

function redacted(value: JsonValue, patterns: readonly RedactPattern[], seen: { any: boolean }): JsonValue {
  if (typeof value === 'string') {
    const clean = withoutForms(value, patterns)
    if (clean !== value) seen.any = true
    return clean
  }
  if (typeof value !== 'object' || value === null) return value
  if (Array.isArray(value)) return value.map((item: JsonValue) => redacted(item, patterns, seen))
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, redacted(item, patterns, seen)]))
}
