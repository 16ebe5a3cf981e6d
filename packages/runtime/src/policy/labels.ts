import type { Labels } from '../contracts/common.ts'

/** True when the labels say the same; the order of marks and repeated marks mean nothing. */
export function sameLabels(a: Labels, b: Labels): boolean {
  const [left, right] = [new Set(a.marks), new Set(b.marks)]
  return a.integrity === b.integrity && left.size === right.size && [...left].every((mark) => right.has(mark))
}
