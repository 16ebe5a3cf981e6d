/** The final answer of an agent, checked against its declared output. */
import { SignalboxError } from '../base/errors.ts'
import type { JsonValue } from '../base/json.ts'
import type { Shape } from '../contracts/workflow.ts'

/** Whether a text fits, and why not: a clause without values of the answer. */
export type ReadOutput =
  | { readonly fits: true; readonly value: JsonValue }
  | { readonly fits: false; readonly why: string }

/** True when the output is plain text: the schema asks for a string. */
export function isTextShape(shape: Shape): boolean {
  return shape.json.type === 'string'
}

/** Reads an answer: as text for a text shape, else as JSON, alone or in one fence. */
export function readOutput(shape: Shape, text: string): ReadOutput {
  if (text.trim() === '') return { fits: false, why: 'the answer is empty' }
  let value: JsonValue = text
  if (!isTextShape(shape)) {
    try {
      // JSON.parse gives JSON values only.
      value = JSON.parse(unfenced(text)) as JsonValue
    } catch {
      return { fits: false, why: 'the answer is not JSON' }
    }
  }
  try {
    return { fits: true, value: shape.parse(value, 'the answer') }
  } catch (thrown) {
    if (thrown instanceof SignalboxError) return { fits: false, why: thrown.message }
    throw thrown
  }
}

const FENCED = /^\s*```(?:json)?\s*\n([\s\S]*?)\n?\s*```\s*$/

function unfenced(text: string): string {
  return FENCED.exec(text)?.[1] ?? text
}

/** What the model is told when its answer does not fit. */
export function repairRequest(shape: Shape, why: string): string {
  if (isTextShape(shape)) return `Your answer cannot be used: ${why}. Answer again.`
  return `Your answer cannot be used: ${why}. Answer again with JSON alone that fits the schema.`
}
