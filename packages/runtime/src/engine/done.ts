import type { JsonValue } from '../base/json.ts'
import type { ContentRef, Labels, ListRef } from '../contracts/common.ts'
import type { ActivationResult } from '../contracts/records.ts'
import type { Finished } from '../orchestration/index.ts'
import type { LiveRun, Put } from './live-run.ts'

/** A value on its way into a record; its reference is there when it is on record already. */
export interface Valued {
  readonly value: JsonValue
  readonly labels: Labels
  readonly ref: ContentRef | null
}

/** What one activation wrote and sent, with values. */
export interface Done {
  readonly activation: string
  readonly node: string
  readonly delivery: number
  readonly writes: readonly (Valued & { readonly field: string })[]
  readonly message: Valued | null
  readonly rejection: Valued | null
  /** Set when the node failed and the rejection tells of it to the declared fallback. */
  readonly failed?: true
  /** The conversation that the node goes on with, where one is kept. */
  readonly session?: ListRef
  /** Set for a port that the workflow around its scope answered. */
  readonly answeredBy?: 'parent'
  /** True when an activation.completed record holds it. */
  readonly recorded: boolean
}

/** Seals what is not on record yet, and gives everything with references. */
export function withRefs(
  done: Done,
  put: Put,
): { readonly result: ActivationResult; readonly finished: Finished<ContentRef> } {
  const seal = (one: Valued): { value: JsonValue; ref: ContentRef } => ({
    value: one.value,
    ref: one.ref ?? put(one.value, one.labels),
  })
  const writes = done.writes.map((write) => ({ field: write.field, ...seal(write) }))
  const message = done.message ? seal(done.message) : null
  const rejection = done.rejection ? seal(done.rejection) : null
  return {
    result: {
      activation: done.activation,
      node: done.node,
      delivery: done.delivery,
      writes: writes.map(({ field, ref }) => ({ field, value: ref })),
      message: message?.ref ?? null,
      rejection: rejection?.ref ?? null,
      ...(done.failed ? { failed: true as const } : {}),
      ...(done.session ? { session: done.session } : {}),
      ...(done.answeredBy ? { answered_by: done.answeredBy } : {}),
    },
    finished: {
      node: done.node,
      delivery: done.delivery,
      writes,
      message,
      rejection,
      ...(done.failed ? { failed: true as const } : {}),
    },
  }
}

/** Records an activation that finished while siblings still run: after a crash it does not run again (ENGINE R6). */
export function recordResult(run: LiveRun, superstep: number, done: Done): Done {
  const record = run.append((put) => ({
    type: 'activation.completed' as const,
    superstep,
    result: withRefs(done, put).result,
  }))
  return fromResult(done, record.result)
}

function fromResult(done: Done, result: ActivationResult): Done {
  return {
    ...done,
    writes: done.writes.map((write, i) => ({ ...write, ref: result.writes[i]?.value ?? null })),
    message: done.message && { ...done.message, ref: result.message },
    rejection: done.rejection && { ...done.rejection, ref: result.rejection },
    recorded: true,
  }
}

/** What a recorded activation did, with its values opened. */
export async function doneFromRecord(run: LiveRun, result: ActivationResult): Promise<Done> {
  const open = async (ref: ContentRef): Promise<Valued> => ({ value: await run.contents.read(ref), labels: ref.l, ref })
  return {
    activation: result.activation,
    node: result.node,
    delivery: result.delivery,
    writes: await Promise.all(
      result.writes.map(async (write) => ({ field: write.field, ...(await open(write.value)) })),
    ),
    message: result.message && (await open(result.message)),
    rejection: result.rejection && (await open(result.rejection)),
    ...(result.failed ? { failed: true as const } : {}),
    ...(result.session ? { session: result.session } : {}),
    ...(result.answered_by ? { answeredBy: result.answered_by } : {}),
    recorded: true,
  }
}
