import type { JsonValue } from '../base/json.ts'
import type { CheckpointBody } from '../contracts/checkpoint.ts'
import { type ContentRef, joinLabels } from '../contracts/common.ts'
import type { Held, Join } from '../orchestration/index.ts'
import type { Put } from './live-run.ts'
import type { Scope } from './scope.ts'

/** What the fan-ins of the scope's checkpoint hold, with its values opened. */
export async function openHeld({ run, state }: Scope): Promise<Held<ContentRef>> {
  const held: Record<string, Record<string, { value: JsonValue; ref: ContentRef }[]>> = {}
  for (const [edge, sources] of Object.entries(state.checkpoint.fan_in)) {
    const opened: Record<string, { value: JsonValue; ref: ContentRef }[]> = {}
    for (const [source, refs] of Object.entries(sources))
      opened[source] = await Promise.all(refs.map(async (ref) => ({ value: await run.contents.read(ref), ref })))
    held[edge] = opened
  }
  return held
}

/** The list that a fan-in delivers becomes one content, labelled with all that its parts are (invariant 7: labels travel). */
export function joinInto(put: Put): Join<ContentRef> {
  return (parts) =>
    put(
      parts.map((part) => part.value),
      joinLabels(parts.map((part) => part.ref.l)),
    )
}

/** The buffers as a checkpoint holds them: references alone. */
export function fanInOf(held: Held<ContentRef>): CheckpointBody['fan_in'] {
  return Object.fromEntries(
    Object.entries(held).map(([edge, sources]) => [
      edge,
      Object.fromEntries(Object.entries(sources).map(([source, sent]) => [source, sent.map(({ ref }) => ref)])),
    ]),
  )
}
