import { canonicalJson, type JsonValue } from '../../base/json.ts'
import type { Preview } from '../../contracts/tool.ts'
import type { Ask } from './ask.ts'
import { type ChildRead, freshRead, recordedRead } from './child.ts'

/** The tool's preview of the call: as it is on record, or read now. */
export function readPreview(ask: Ask, how: 'recorded' | 'fresh'): Promise<ChildRead> {
  const preview = ask.tool?.preview
  if (!preview) return Promise.resolve({ failed: 'the tool declares no preview' })
  const read = how === 'recorded' ? recordedRead : freshRead
  return read(ask, 'preview', (ctx) => preview(ask.args, ctx))
}

/** A preview that has all that a reviewer needs, or null. */
export function asPreview(value: JsonValue): Preview | null {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return null
  // Checked field by field below; a preview comes from a tool and may be anything.
  const preview = value as unknown as Partial<Preview>
  const target = preview.target
  const whole =
    typeof preview.summary === 'string' &&
    typeof preview.rollback === 'string' &&
    typeof preview.impact === 'object' &&
    typeof target === 'object' &&
    typeof target?.id === 'string' &&
    typeof target.version === 'string'
  return whole ? (preview as Preview) : null
}

/** Keyed digest of the target of a call, with its version. */
export function targetDigest(ask: Ask, preview: Preview): string {
  return ask.run.sealer.digest(canonicalJson([preview.target.type, preview.target.id, preview.target.version]))
}
