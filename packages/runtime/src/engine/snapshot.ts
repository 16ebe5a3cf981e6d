import type { JsonObject, JsonValue } from '../base/json.ts'
import type { Labels } from '../contracts/common.ts'
import type { WorkflowSpec } from '../contracts/workflow.ts'
import { applyWrites } from '../orchestration/index.ts'

/** One write of a handler, kept until its activation ends. */
export interface PendingWrite {
  readonly field: string
  readonly value: JsonValue
  readonly labels: Labels
}

/** What one activation sees of the state: the last barrier, the deliveries before it to the same node, its own writes (invariant 8). */
export class Snapshot {
  readonly labels: Labels
  readonly writes: PendingWrite[] = []
  private seen: JsonObject
  private readonly spec: WorkflowSpec

  constructor(spec: WorkflowSpec, state: JsonObject, labels: Labels) {
    this.spec = spec
    this.seen = state
    this.labels = labels
  }

  get state(): JsonObject {
    return this.seen
  }

  /** Throws STATE_NOT_OWNED or INPUT_INVALID; all fields are written or none. */
  write(node: string, values: JsonObject, labels: Labels): void {
    const applied = applyWrites(this.spec, node, this.seen, values)
    this.seen = applied.state
    for (const write of applied.writes) this.writes.push({ ...write, labels })
  }

  /** The state after one write that is on record or done by a delivery before. */
  after(node: string, write: { readonly field: string; readonly value: JsonValue }): JsonObject {
    return applyWrites(this.spec, node, this.seen, { [write.field]: write.value }).state
  }
}
