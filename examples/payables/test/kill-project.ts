/** The desk as the kill tests open it: short times, and a bank that takes orders for faults. */
import { join } from 'node:path'
import { defineProject } from '@signalbox/server'
import { deskModels, POLICY_FOLDER, SCRIPTED_MODEL } from '../src/desk.ts'
import { deskDrill, recordedBy } from '../src/drill.ts'
import { ENVIRONMENT_ACCESS, makeTools, WORLD_URL } from '../src/tools/index.ts'
import { spawnWorld } from '../src/world/spawn.ts'
import { makeDesk } from '../src/workflow.ts'

const access = { ...ENVIRONMENT_ACCESS, timeoutSeconds: 4, settleAfterSeconds: 0.2 }

export default defineProject({
  name: 'payables desk under test',
  workflows: [makeDesk({ model: SCRIPTED_MODEL, tools: makeTools(access) })],
  bundleDir: POLICY_FOLDER,
  models: deskModels,
  drills: [
    {
      ...deskDrill,
      world: async ({ folder }) => {
        const world = await spawnWorld({ dataFolder: folder, testFaults: true })
        return {
          env: { [WORLD_URL]: world.baseUrl },
          effects: async () => recordedBy(folder),
          stop: () => world.stop(),
        }
      },
    },
  ],
})

/** The bank's folder in the folder of a stand. */
export function bankFolderOf(folder: string): string {
  return join(folder, 'world')
}
