import { actionTools } from './actions.ts'
import { paymentTools } from './payments.ts'
import { readTools } from './reads.ts'
import type { WorldAccess } from './world.ts'

export { deskCredentials, keyEnvironment, makeKeys } from './keys.ts'
export { ENVIRONMENT_ACCESS, WORLD_URL, type WorldAccess } from './world.ts'

/** All tools of the desk. */
export type DeskTools = ReturnType<typeof makeTools>

/** Makes the tools over the world that `access` names. */
export function makeTools(access: WorldAccess) {
  return { ...readTools(access), pay: paymentTools(access), ...actionTools(access) }
}
