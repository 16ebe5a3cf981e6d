import type { ApprovalDecided, ApprovalRequested } from '../../contracts/records.ts'
import type { WorkflowSpec } from '../../contracts/workflow.ts'
import type { RunFold } from '../../reliability/fold.ts'

/** An approval as the records tell it. */
export interface ApprovalWatch {
  readonly requested: ApprovalRequested
  decided: ApprovalDecided | null
  /** Key of the ask that used it. */
  usedBy: string | null
}

/** What the checks know of a run: what was made durable before the record that they judge. */
export interface RunFacts {
  readonly spec: WorkflowSpec
  readonly fold: RunFold
  readonly approvals: Map<string, ApprovalWatch>
  /** Bodies of the answers to approvals that people gave. */
  readonly said: readonly string[]
  /** The ask that an effect identity happened for. */
  readonly happened: Map<string, string>
  /** Epoch of each segment. */
  readonly epochs: ReadonlyMap<number, number>
}
