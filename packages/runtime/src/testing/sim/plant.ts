import type { Store } from '../../contracts/store.ts'
import type { WorkflowSpec } from '../../contracts/workflow.ts'

/** A planted fault: a promise that the runtime would not keep, for tests of the simulator itself (Invariant 17). */
export interface SimPlant {
  /** The store of one process, between it and the truth, with the promise broken. */
  store(store: Store): Store
  /** A workflow as one process loads it, with the promise broken. */
  workflow(spec: WorkflowSpec): WorkflowSpec
  /** The store that all processes share, below the watch: what it has lost was seen to be stored. */
  disk(store: Store): Store
}

/** Nothing is broken. */
export const NO_PLANT: SimPlant = { store: (store) => store, workflow: (spec) => spec, disk: (store) => store }
