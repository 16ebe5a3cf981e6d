/** The payables desk as a project: what `signalbox dev` starts. */
import { join } from 'node:path'
import { defineProject, type SeedContext } from '@signalbox/server'
import { SignalboxError, systemHost } from 'signalbox'
import { deskModels, intake, modelOf, POLICY_FOLDER } from './desk.ts'
import { deskDrill } from './drill.ts'
import { deskCredentials, ENVIRONMENT_ACCESS, keyEnvironment, makeKeys, makeTools, WORLD_URL } from './tools/index.ts'
import { DESK, makeDesk } from './workflow.ts'
import { spawnWorld } from './world/spawn.ts'

/**
 * The invoices that are taken in at the first start: paid without a person, waiting for an approver (a payment above
 * the limit, a deletion that an invoice demands, a hold on an invoice that matches), with a denied call, and held.
 */
const FIRST_INVOICES = [
  'inv-0097.json',
  'inv-0007.csv',
  'inv-0016.json',
  'inv-0107.csv',
  'inv-0013.json',
  'inv-0025.csv',
  'inv-0084.csv',
  'inv-0010.csv',
  'inv-0003.csv',
  'inv-0020.json',
  'inv-0071.json',
  'inv-0077.csv',
  'inv-0005.csv',
]

async function seed({ signalbox, people }: SeedContext): Promise<void> {
  const rita = people.rita
  if (rita === undefined) throw new SignalboxError('CONFIG_INVALID', 'there is no seeded person `rita` to start runs')
  await intake(signalbox, FIRST_INVOICES, rita)
}

export default defineProject({
  name: 'payables desk',
  workflows: [makeDesk({ model: modelOf(process.env), tools: makeTools(ENVIRONMENT_ACCESS) })],
  bundleDir: POLICY_FOLDER,
  models: (env) => {
    const models = deskModels(env)
    // A missing key or an unknown model is told at the start, and not by the first run.
    models.resolve(modelOf(env))
    return models
  },
  outsideWorld: async ({ dataDir }) => {
    const keys = makeKeys(systemHost)
    const world = await spawnWorld({ dataFolder: join(dataDir, 'outside-world'), keys })
    return { env: { [WORLD_URL]: world.baseUrl, ...keyEnvironment(keys) }, stop: () => world.stop() }
  },
  // Each tool has a key of its own, and the outside world takes no other for what it does.
  credentials: deskCredentials(),
  seed,
  drills: [deskDrill],
  // Invoices are kept for ten years elsewhere; what was asked and answered here is not needed that long.
  retention: [{ workflow: DESK, olderThanDays: 90, keep: 'metadata' }],
  schedules: [
    { name: 'retention', cron: '30 3 * * *', timeZone: 'Europe/Berlin', do: { job: 'retention' } },
    { name: 'check-heads', every: { hours: 6 }, do: { job: 'audit.heads' } },
    { name: 'weekly-report', every: { days: 7 }, do: { job: 'report' } },
  ],
})
