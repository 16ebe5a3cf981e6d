import type { ContentRef, Principal } from './common.ts'
import type { RecordBase } from './record-base.ts'

/** A declared part of a limit is used up: told once for each part, before the limit is reached. */
export interface BudgetWarning extends RecordBase {
  readonly type: 'budget.warning'
  /** `run`, or the name of a budget over many runs. */
  readonly scope: string
  /** `turns`, `tool_calls`, `tokens`, `cost`; of a budget over many runs also `effects`. */
  readonly limit: string
  /** The declared part that was passed, in per cent. */
  readonly percent: number
}

/** The cost of one attempt of a call by another price table than the one that it was settled at. */
export interface CostCorrection {
  /** The attempt's outcome. */
  readonly seq: number
  readonly settled_nano_usd: string
  readonly corrected_nano_usd: string
  /** Entry of the tenant's own prices that it is by; absent: listed prices. */
  readonly overlay?: string
}

/**
 * Costs of an ended run by another price table. What was settled stays, and no budget is refilled (Invariant 6): reports
 * tell both. A later correction of the same attempt takes the place of an earlier one.
 */
export interface CostCorrected extends RecordBase {
  readonly type: 'cost.corrected'
  /** Id of the price table. */
  readonly table: string
  readonly lines: readonly CostCorrection[]
  readonly by: Principal
  readonly reason: ContentRef
}
