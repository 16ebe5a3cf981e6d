export { simBank, BANK_HOST } from './bank.ts'
export { SIM_CHECKS, type SimCheck } from './checks.ts'
export { faultText, SIM_FAULTS, type SimFault, type SimFaultKind } from './faults.ts'
export type { FinalState } from './final.ts'
export type { SimPlant } from './plant.ts'
export { plantInWorld, SIM_PLANTED_FAULTS, type SimPlantedFault } from './planted.ts'
export { SimRandom } from './random.ts'
export {
  type OperatorAct,
  type OutsideAnswer,
  type OutsideEffect,
  type OutsideRequest,
  type OutsideSystem,
  type PersonAnswer,
  REQUESTER,
  REVIEWER,
  type SimRun,
  type SimScenario,
} from './scenario.ts'
export { SIM_SCENARIOS } from './scenarios/index.ts'
export { failureText, simulate, type SimulateOptions, type SimulationReport, type SimFailure } from './simulate.ts'
