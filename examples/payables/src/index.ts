export {
  type DeskOptions,
  deskModels,
  deskPolicy,
  intake,
  modelOf,
  openDesk,
  POLICY_FOLDER,
  SCRIPTED_MODEL,
} from './desk.ts'
export { ENVIRONMENT_ACCESS, makeTools, WORLD_URL, type WorldAccess } from './tools/index.ts'
export { DESK, makeDesk } from './workflow.ts'
export { readBank } from './world/bank-store.ts'
export { makeWorldClient, makeWorldTestClient } from './world/client.ts'
export { type SpawnedWorld, spawnWorld } from './world/spawn.ts'
