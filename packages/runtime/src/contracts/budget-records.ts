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
