import { memoryStore } from 'signalbox'
import { scheduleService } from '../schedules/service.ts'
import { firingView, scheduleView } from '../views/schedules.ts'
import type { ApiDeps, Handlers } from './handlers.ts'

type Names = 'schedules' | 'schedule' | 'runSchedule' | 'pauseSchedule' | 'resumeSchedule'

/** Endpoints about schedules. */
export function scheduleHandlers(deps: ApiDeps): Pick<Handlers, Names> {
  const schedules = deps.schedules ?? scheduleService({ store: memoryStore(), schedules: [], host: deps.host })
  return {
    schedules: async (_input, who) => ({ schedules: (await schedules.list(who.tenant)).map(scheduleView) }),
    schedule: async ({ params, query }, who) => scheduleView(await schedules.show(who.tenant, params.id, query.limit)),
    runSchedule: async ({ params }, who) => firingView(await schedules.run(params.id, who)),
    pauseSchedule: async ({ params, body }, who) => {
      await schedules.pause(params.id, who, body.reason)
      return { accepted: true, name: params.id }
    },
    resumeSchedule: async ({ params, body }, who) => {
      await schedules.resume(params.id, who, body.reason)
      return { accepted: true, name: params.id }
    },
  }
}
