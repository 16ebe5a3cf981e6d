/** Incidents of runs that came about, or ended, in another way than most: by a schedule, within another, with another model. */
import { readSchedules } from '../../schedules/definition.ts'
import { principalOfSchedule, Scheduler } from '../../schedules/scheduler.ts'
import { DEPUTY_MODEL, DESK, OFFICE } from './desk.ts'
import { decide, LARGE_RULE, order, type Plant, type PlantAlone, seen, written } from './planter.ts'
import { PEOPLE, TENANT } from './world.ts'

const SMALL = { amount_minor: 900 } as const
const ALLOWED = { verdict: 'allow', reason: 'PERMITTED', rule: 'desk.may-payments-write' } as const

/** The provider of the clerk's model was down: another model did the work. */
const otherModel: Plant = async (world, box, pager) => {
  const invoice = world.invoice()
  const runId = await world.start(box, order(invoice, { ...SMALL, plan: 'model_down' }))
  await world.endedInTime(box, runId)
  const alert = await pager.told('provider.down')
  const models = [DEPUTY_MODEL]
  return written(world, { runId, invoice, status: 'completed', why: ALLOWED, models, alert })
}

/** A workflow handed its order to the desk, whose agent paid within the same run. */
const nested: Plant = async (world, box) => {
  const invoice = world.invoice()
  const asked = order(invoice)
  const runId = await world.start(box, asked, 'ana', { workflow: OFFICE })
  await decide(world, box, runId, 'approved', 'paul')
  await world.ended(box, runId)
  const approval = { answer: 'approved', by: PEOPLE.paul.id, saw: seen(asked) }
  return written(world, { runId, invoice, workflow: OFFICE, status: 'completed', why: LARGE_RULE, approval })
}

const EVERY_MINUTES = 5

/** Nobody asked: a schedule started the run. */
const scheduled: Plant = async (world, box) => {
  const invoice = world.invoice()
  const name = `rent-${invoice.toLowerCase()}`
  const what = { workflow: DESK, input: order(invoice, SMALL), roles: ['requester'] }
  const [schedule] = readSchedules([{ name, every: { minutes: EVERY_MINUTES }, do: what }], [DESK])
  if (!schedule) throw new Error('the schedule is not read')
  const { store, host } = world
  const parts = { store, host, runs: box.runs, tenant: TENANT, log: () => undefined }
  const scheduler = new Scheduler({
    ...parts,
    schedules: [schedule],
    runJob: async () => Promise.reject(new Error(name)),
  })
  const fired = async (): Promise<string | null> => {
    await scheduler.tick()
    const firings = await store.firings({ tenant: TENANT, schedule: name, limit: 1 })
    return firings[0]?.runId ?? null
  }
  await fired()
  await host.advance(EVERY_MINUTES * 60_000)
  const runId = await world.until('the run of the schedule', fired)
  await world.ended(box, runId)
  await scheduler.stop()
  const who = principalOfSchedule(TENANT, schedule).id
  if (!isService(who)) throw new Error(`${who} is no service`)
  return written(world, { runId, invoice, who, status: 'completed', why: ALLOWED })
}

function isService(id: string): id is `service:${string}` {
  return id.startsWith('service:')
}

/** Workers that die with a run before anything of it is on record. */
const DEATHS = 6
const LEASE_MS = 30_000

/** Every worker that took the run up died with it, until it was set aside. */
const quarantined: PlantAlone = async (world, pager) => {
  const invoice = world.invoice()
  const runId = await world.start(world.idle(), order(invoice))
  for (let death = 0; death < DEATHS; death++) {
    const now = world.host.now()
    const only = { tenant: TENANT, runId }
    const claim = { worker: `lost-${death}`, now, leaseUntil: now + LEASE_MS, limit: 1, signatures: null, only }
    await world.store.claim(claim)
    await world.host.advance(LEASE_MS + 1)
  }
  await world.during({}, (box) =>
    world.until('the quarantine', async () => ((await box.runs.get(TENANT, runId)).status === 'parked' ? true : null)),
  )
  const alert = await pager.told('run.quarantined')
  const resume = { safe: true, refused: null, effects: [] }
  return written(world, { runId, invoice, status: 'parked', why: { ended: 'RUN_QUARANTINED' }, resume, alert })
}

/** Incidents of unusual runs, by kind. */
export const OTHER_KINDS = { model_fell_back: otherModel, nested_run: nested, scheduled_run: scheduled } as const
/** The one of them that is about processes. */
export const OTHER_KINDS_ALONE = { run_quarantined: quarantined } as const
