import { z } from 'zod'
import type { JsonValue } from '../base/json.ts'
import { type FlowCtx, type FlowDef, flow, port, type Workflow } from '../orchestration/index.ts'
import { type BenchBox, PAUL, WIDE_BUDGET } from './bench-box.ts'
import { REVIEWED } from './reviewed.ts'

// Any JSON fits, and JSON is all that reaches a function.
const ANY_JSON = z.unknown() as unknown as z.ZodType<JsonValue, JsonValue>
type Any = typeof ANY_JSON

/** A durable function `job` over JSON. */
export function job<S = never>(
  run: (input: JsonValue, f: FlowCtx<S>) => Promise<JsonValue>,
  options: Partial<FlowDef<Any, Any, S>> = {},
): Workflow<JsonValue, JsonValue> {
  return flow<Any, Any, S>({
    name: 'job',
    version: '1.0.0',
    input: ANY_JSON,
    output: ANY_JSON,
    budget: WIDE_BUDGET,
    contract: REVIEWED,
    ...options,
    run,
  })
}

/** A port that asks whether a text is fine, for an hour. */
export const review = port({
  name: 'review',
  request: z.object({ text: z.string() }),
  response: z.object({ ok: z.boolean() }),
  deadlineSeconds: 3_600,
})

/** Answers the next open request of a `review`. */
export async function respond(one: BenchBox, ok: boolean): Promise<void> {
  const { id } = await one.asked('request')
  await one.sb.runs.respond({ requestId: id, value: { ok }, by: PAUL })
  await one.closed(id)
}

/** Waits until a run is parked; gives its code and why. */
export async function parked(one: BenchBox, runId: string): Promise<string> {
  const row = await one.until(async () => {
    const found = await one.row(runId)
    return found.status === 'parked' ? found : null
  }, 'a parked run')
  const record = (await one.of(runId, 'run.parked')).at(-1)
  const detail = record?.detail ? await (await one.sb.runs.contents('acme', runId)).read(record.detail) : null
  return `${row.code}: ${String(detail)}`
}
