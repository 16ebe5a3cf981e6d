import type { JsonObject, JsonValue } from '../base/json.ts'
import { type Labels, joinLabels, OPERATOR_LABELS } from '../contracts/common.ts'
import type { CheckpointBody, FieldRef } from '../contracts/checkpoint.ts'
import type { WorkflowSpec } from '../contracts/workflow.ts'
import type { Contents } from './contents.ts'

/** The state at a barrier with its values opened. */
export interface OpenState {
  readonly values: JsonObject
  readonly labels: Labels
}

function isList(ref: FieldRef): ref is Extract<FieldRef, { list: true }> {
  return ref !== null && 'list' in ref
}

/** Opens the values of a checkpoint; fields never written are absent. */
export async function openState(
  spec: WorkflowSpec,
  checkpoint: CheckpointBody,
  contents: Contents,
): Promise<OpenState> {
  return openFields([...spec.fields.keys()], checkpoint, contents)
}

/** Opens the values of some fields, whatever definition they are of. */
export async function openFields(
  names: readonly string[],
  checkpoint: CheckpointBody,
  contents: Contents,
): Promise<OpenState> {
  const values: Record<string, JsonValue> = {}
  let labels: Labels = OPERATOR_LABELS
  for (const name of names) {
    const ref = checkpoint.state[name] ?? null
    if (ref === null) continue
    labels = joinLabels([labels, ref.l])
    values[name] = isList(ref)
      ? await contents.readList(ref, (record) =>
          record.type === 'position.saved' ? null : (record.appends[name] ?? null),
        )
      : await contents.read(ref)
  }
  return { values, labels }
}
