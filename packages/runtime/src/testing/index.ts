export * from './history.ts'
export { type CrowdOptions, makeCrowd } from './crowd/crowd.ts'
export { type FaultPlan, faultStore, type StoreFault, type StoreOperation } from './fault-store.ts'
export { openFaultySqliteStore, type SqliteFaults } from './sqlite-faults.ts'
export {
  type ConformanceOptions,
  storeConformance,
  type StoreUnderTest,
  type TestFunctions,
} from './store-conformance.ts'
export { REVIEWED } from './reviewed.ts'
export { type CollectedBody, Collector } from './otlp/collector.ts'
export { contractFaults, spanIdOf } from './otlp/contract-check.ts'
export { traceFaults } from './otlp/trace-check.ts'
export {
  type Received,
  type ReceivedAttributes,
  type ReceivedLog,
  type ReceivedPoint,
  type ReceivedSpan,
  receivedOf,
} from './otlp/received.ts'
export { PLANTED_SECRETS, type PlantedPlace, secretBox, secretRun } from './secret-run.ts'
export { scriptedModel } from './scripted-model.ts'
export { type SkewedHost, skewedHost } from './skewed-host.ts'
export { dropEvents, overrideStore, PLANTED_FAULTS, type PlantedFault, plantFault } from './planted-faults.ts'
export * from './sim/index.ts'
export { playInMemory, type Play, type PlayAnswers } from './play-in-memory.ts'
export {
  type Booked,
  posts,
  type RecordingService,
  type ServiceAccepts,
  type ServiceWorld,
  startService,
  worldOf,
} from './recording-service.ts'
export { lastTold, resultOf, told } from './script-reading.ts'
