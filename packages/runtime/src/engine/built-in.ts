import { SignalboxError } from '../base/errors.ts'
import { COMPENSATION_WORKFLOW } from '../contracts/compensation.ts'
import { RECONCILE_WORKFLOW } from '../contracts/reconcile.ts'
import type { WorkflowSpec } from '../contracts/workflow.ts'
import { compensationWorkflow } from './compensation-workflow.ts'
import type { Env } from './env.ts'
import { effectsUnder, ledgerSide } from './ledger-side.ts'
import { type LedgerReader, reconcileWorkflow } from './reconcile-workflow.ts'

const NAMES: readonly string[] = [COMPENSATION_WORKFLOW, RECONCILE_WORKFLOW]

/** The workflows, and those that are built in for their tools. `env` is asked for once a run needs it. */
export function withBuiltIn(workflows: readonly WorkflowSpec[], env: () => Env): readonly WorkflowSpec[] {
  const ledger: LedgerReader = {
    side: (window) => ledgerSide(env(), window),
    under: (asked) => effectsUnder(env(), asked),
  }
  const compensation = compensationWorkflow(workflows)
  const withUndo = compensation === null ? workflows : [...workflows, compensation]
  const reconcile = reconcileWorkflow(withUndo, ledger)
  return reconcile === null ? withUndo : [...withUndo, reconcile]
}

/** Throws CONFIG_INVALID for a workflow with the name of one that is built in. */
export function refuseBuiltInNames(workflows: readonly WorkflowSpec[]): void {
  const taken = workflows.find(({ name }) => NAMES.includes(name))
  if (taken) throw new SignalboxError('CONFIG_INVALID', `\`${taken.name}\` is built in; give the workflow another name`)
}
