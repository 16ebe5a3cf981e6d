import { type Mode, systemHost } from 'signalbox'
import { alertService } from '../alerts/service.ts'
import { erasureService } from '../erasure/service.ts'
import { evidenceService } from '../evidence/service.ts'
import { FactFinder } from '../facts/finder.ts'
import { createApp } from '../http/app.ts'
import { accessService } from '../identity/access.ts'
import { authenticatorOf } from '../identity/sign-in.ts'
import { alertsOf, loadProject, type Project, notificationsOf, schedulesOf } from '../project.ts'
import { outboxService } from '../notify/service.ts'
import { bundleBook } from '../policy/bundles.ts'
import { policyPart } from '../policy/follow.ts'
import { scheduleService } from '../schedules/service.ts'
import { VERSION } from '../version.ts'
import { compose } from './compose.ts'
import { readDevPeople } from './tokens.ts'

/** The API without a server: the same application, reached by calling it. */
export interface LocalApi {
  readonly fetch: typeof fetch
  /** Persons who were erased, had come back with an older copy of the store, and are erased again. */
  readonly erasedAgain: number
  /** Set when erased persons of the store are not in the log of erasures: a sentence. */
  readonly missingLog: string | null
  close(): Promise<void>
}

/**
 * Opens a data folder and answers API requests in this process, with the same credentials, roles and checks as a server.
 * It runs nothing: what it changes waits in the store for a worker. Throws what a start of the project throws.
 */
export async function openLocalApi(options: {
  readonly dataDir: string
  readonly configPath: string
}): Promise<LocalApi> {
  const project = await loadProject(options.configPath)
  const schedules = schedulesOf(project)
  const composed = await compose(project, options.dataDir, systemHost, process.env, { part: 'offline' })
  const erasures = erasureService({
    ...composed,
    ...options,
    host: systemHost,
    env: process.env,
    mode: modeOf(project),
  })
  const evidence = evidenceService({
    ...composed,
    ...options,
    host: systemHost,
    env: process.env,
    mode: modeOf(project),
  })
  const erasedAgain = await erasures.reapply()
  const missingLog = await erasures.missingLog()
  const stop = new AbortController()
  const app = createApp({
    runs: composed.signalbox.runs,
    switches: composed.signalbox.switches,
    store: composed.store,
    // Nobody reads on in the background here: a question reads all that is new.
    facts: new FactFinder(composed, Number.POSITIVE_INFINITY),
    models: composed.models,
    schedules: scheduleService({ store: composed.store, schedules, host: systemHost }),
    alerts: alertService({ store: composed.store, settings: alertsOf(project), host: systemHost }),
    outbox: outboxService({
      store: composed.store,
      notifications: notificationsOf(project),
      host: systemHost,
    }),
    ...policyPart(project, composed, systemHost),
    workflows: project.workflows.map((each) => each.spec),
    host: systemHost,
    mode: modeOf(project),
    erasures,
    evidence,
    access: accessService({ ...composed, project, host: systemHost }),
    version: VERSION,
    auth: authenticatorOf({
      project,
      bundle: composed.bundle(),
      host: systemHost,
      env: process.env,
      people: () => readDevPeople(options.dataDir) ?? [],
    }),
    duties: () => composed.bundle().duties,
    bundles: bundleBook(composed.store, composed.bundle),
    consoleDir: null,
    log: () => undefined,
    stopping: stop.signal,
  })
  return {
    erasedAgain,
    missingLog,
    fetch: async (input, init) => await app.fetch(new Request(input, init)),
    close: async () => {
      stop.abort()
      await composed.close()
    },
  }
}

function modeOf(project: Project): Mode {
  return project.mode ?? 'development'
}
