export * from './history.ts'
export { type FaultPlan, faultStore, type StoreFault, type StoreOperation } from './fault-store.ts'
export { openFaultySqliteStore, type SqliteFaults } from './sqlite-faults.ts'
export {
  type ConformanceOptions,
  storeConformance,
  type StoreUnderTest,
  type TestFunctions,
} from './store-conformance.ts'
export { REVIEWED } from './reviewed.ts'
export { scriptedModel } from './scripted-model.ts'
export { dropEvents, overrideStore, PLANTED_FAULTS, type PlantedFault, plantFault } from './planted-faults.ts'
export * from './sim/index.ts'
