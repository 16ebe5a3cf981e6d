import { existsSync } from 'node:fs'
import { join, resolve } from 'node:path'
import {
  type CaptureSettings,
  type Host,
  loadAuditKey,
  type Mode,
  openSqliteStore,
  type Signalbox,
  SignalboxError,
  type SqliteStoreOptions,
  type Store,
  signingKey,
  systemHost,
} from 'signalbox'
import { type AlertPart, alertPart } from '../alerts/part.ts'
import { type ErasureService, erasureService } from '../erasure/service.ts'
import { evidenceService } from '../evidence/service.ts'
import { exposureService } from '../exposure/service.ts'
import { headsDirOf, publicKeyPath } from '../heads/files.ts'
import { startTreeHeads, type TreeHeadWriter } from '../heads/writer.ts'
import { TroubleBoard } from '../health/troubles.ts'
import { watchedStore } from '../health/watched-store.ts'
import type { FaultLog } from '../http/problems.ts'
import { type AccessService, accessService, requireSignOff } from '../identity/access.ts'
import { proveCredentials } from '../identity/credentials.ts'
import { authenticatorOf } from '../identity/sign-in.ts'
import {
  homeTenant,
  type EnvValues,
  loadProject,
  type OutsideWorld,
  type Project,
  notificationsOf,
  schedulesOf,
} from '../project.ts'
import { cleanLog } from '../log.ts'
import { startOutbox } from '../notify/outbox.ts'
import { outboxService } from '../notify/service.ts'
import { bundleBook } from '../policy/bundles.ts'
import { followPolicy, type PolicyFollower, policyPart } from '../policy/follow.ts'
import { requireSafe } from '../safety/rules.ts'
import { processJobs } from '../schedules/jobs.ts'
import { startScheduler } from '../schedules/scheduler.ts'
import { scheduleService } from '../schedules/service.ts'
import { createServer } from '../server.ts'
import { captureSettings } from '../telemetry/capture.ts'
import {
  conventionsOf,
  metricsPage,
  NUMBERS_FILE,
  Numbers,
  startMetrics,
  startTelemetry,
  type TelemetryHandle,
  telemetryStanding,
} from '../telemetry/index.ts'
import { keptFacts } from '../facts/finder.ts'
import { modelsOf } from '../views/system.ts'
import { compose, type Composed, makeDataDir } from './compose.ts'
import { lockData } from './lock.ts'
import { type DevPerson, principalOfPerson, seedDevPeople } from './tokens.ts'
import { startWorkers, type WorkerPool } from './workers.ts'

/** How a development server is started. */
export interface DevOptions {
  readonly dataDir: string
  /** File whose default export is the project. */
  readonly configPath: string
  /** 0 takes a free port. */
  readonly port: number
  readonly workers: number
  /** Runs that one worker advances at a time. Default 16. */
  readonly concurrency?: number
  /** How long runs may take to a place from which another worker can go on when workers are stopped. Default 10. */
  readonly drainSeconds?: number
  /** A worker process that gives no sign of life for this long is ended and replaced. Default 20. */
  readonly workerSilenceSeconds?: number
  readonly version: string
  /** Folder of the built console, or null. */
  readonly consoleDir: string | null
  readonly host?: Host
  /** Seconds between two tree heads when something was stored. Default 30. */
  readonly headsEverySeconds?: number
  /** One line about something that happened: a worker that ended, a fault. Never content. */
  readonly log?: (line: string) => void
}

/** A development server with its workers. */
export interface DevServer {
  readonly url: string
  readonly mode: Mode
  readonly project: string
  /** The seeded people and their tokens. */
  readonly people: readonly DevPerson[]
  readonly signalbox: Signalbox
  /** Models that the workflows use, and whether a script answers for them. */
  readonly models: readonly { readonly id: string; readonly scripted: boolean }[]
  workers(): ReturnType<WorkerPool['processes']>
  /** Ends everything in order: no new requests, workers at a barrier, the outside world, the store, the lock. */
  stop(): Promise<void>
}

/**
 * Starts a server process and worker processes on one data folder. Throws DATA_IN_USE, PORT_IN_USE, CONFIG_INVALID,
 * POLICY_BUNDLE_INVALID, KEY_MISSING and the store's codes; what was started before is ended again.
 */
export async function startDev(options: DevOptions): Promise<DevServer> {
  const ends: (() => Promise<void> | void)[] = []
  const unwind = async (): Promise<void> => {
    for (const end of ends.splice(0).reverse()) await end()
  }
  try {
    return await start(options, ends, unwind)
  } catch (error) {
    await unwind()
    throw error
  }
}

async function start(
  options: DevOptions,
  ends: (() => Promise<void> | void)[],
  stop: () => Promise<void>,
): Promise<DevServer> {
  const host = options.host ?? systemHost
  const dataDir = resolve(options.dataDir)
  const configPath = resolve(options.configPath)
  const project = await loadProject(configPath)
  const log = cleanLog(options.log, project, host)
  requireSafe({ project, env: process.env, dataDir, host }, project.mode ?? 'development')
  const schedules = schedulesOf(project)
  const notifications = notificationsOf(project)
  const capturing = captureSettings(process.env, project.telemetry)
  makeDataDir(dataDir)
  const lock = lockData(dataDir)
  ends.push(() => lock.release())
  // Production knows no seeded people: their tokens lie in the data folder.
  const people = project.mode === 'production' ? [] : seedDevPeople(dataDir, host)
  const world = await outsideWorld(project, dataDir)
  if (world) ends.push(() => world.stop())
  const env = { ...process.env, ...world?.env }
  Object.assign(process.env, world?.env)
  const troubles = new TroubleBoard({ host, log, probe: () => composed.store.setCursor('health', host.now()) })
  ends.push(watchClock(troubles, host))
  const composed = await compose(project, dataDir, host, env, { openStore: watched(troubles, host), part: 'server' })
  ends.push(() => composed.close())
  await proveCredentials(composed.credentials, project.mode ?? 'development', log)
  const access = accessService({ ...composed, project, host })
  await requireSignOff(access, project.mode ?? 'development', log)
  const keeper = await followPolicy({ project, composed, host, troubles, log })
  ends.push(() => keeper.close())
  const heads = signHeads(options, { project, composed, dataDir, host, env })
  ends.push(() => heads.stop())
  const erasures = erasureService({ ...composed, dataDir, host, env, mode: project.mode ?? 'development' })
  await eraseAgain(erasures, log)
  requireModels(project, composed)
  const { store, runs } = composed.signalbox
  const tenant = homeTenant(project)
  const alerts = alertPart({ project, store, runs, host, home: tenant, dataDir, env, troubles, log })
  const telemetry = await tellOutside({ composed, dataDir, env, host, log, settings: capturing, options }, ends)
  const parts = { project, composed, people, host, troubles, erasures, access, keeper, alerts, telemetry, ends }
  const server = await serve(options, parts)
  ends.push(() => server.close())
  lock.announce({ pid: process.pid, url: server.url })
  const pool = await poolOf(options, { composed, env, host, troubles, log })
  ends.push(() => pool.stop())
  const runJob = processJobs({ dataDir, configPath, env })
  const scheduler = startScheduler({ store: composed.store, runs, host, tenant, schedules, runJob, log })
  ends.push(() => scheduler.stop())
  const baseUrl = (notifications.baseUrl ?? server.url).replace(/\/+$/, '')
  ends.push(alerts.start().stop)
  const outbox = startOutbox({ ...composed, runs, host, notifications, baseUrl, log })
  ends.push(() => outbox.stop())
  const named = Object.fromEntries(people.map((each) => [each.person, principalOfPerson(each)]))
  if (people.length > 0) await project.seed?.({ signalbox: composed.signalbox, people: named, dataDir })
  return {
    url: server.url,
    mode: project.mode ?? 'development',
    project: project.name,
    people,
    signalbox: composed.signalbox,
    models: modelsOf(
      project.workflows.map((each) => each.spec),
      composed.models,
    ),
    workers: () => pool.processes(),
    stop,
  }
}

/** Erases who came back with an older copy of the store, and tells of it. */
async function eraseAgain(erasures: ErasureService, log: (line: string) => void): Promise<void> {
  const again = await erasures.reapply()
  if (again > 0) log(`${again} persons had come back with an older copy of the store and are erased again`)
  const unlogged = await erasures.missingLog()
  if (unlogged !== null) log(unlogged)
}

interface OutsideParts {
  readonly composed: Composed
  readonly dataDir: string
  readonly env: EnvValues
  readonly host: Host
  readonly log: (line: string) => void
  readonly settings: CaptureSettings
  readonly options: DevOptions
}

/** Sends telemetry and serves metrics where the environment says so. Throws CONFIG_INVALID and PORT_IN_USE. */
async function tellOutside(parts: OutsideParts, ends: (() => Promise<void> | void)[]): Promise<TelemetryHandle | null> {
  const { composed, dataDir, env, host, log, settings, options } = parts
  const { store, runs } = composed.signalbox
  const capture = { settings, redactor: composed.redactor, contents: runs.contents.bind(runs) }
  const conventions = conventionsOf(env)
  const numbers = new Numbers({ store, host, path: join(dataDir, NUMBERS_FILE) })
  const onBatch = numbers.take.bind(numbers)
  const telemetry = startTelemetry({ store, host, env, version: options.version, log, capture, onBatch })
  if (telemetry) ends.push(() => telemetry.stop())
  const metrics = await startMetrics(env, () => metricsPage({ store, host, numbers, conventions }), log)
  if (metrics) {
    ends.push(() => metrics.close())
    log(`metrics at ${metrics.url}`)
  }
  return telemetry
}

const DRAIN_SECONDS = 10
/** Longer than a lease: by then another worker has what the silent one held. */
const SILENCE_SECONDS = 20

interface PoolParts {
  readonly composed: Composed
  readonly env: EnvValues
  readonly host: Host
  readonly troubles: TroubleBoard
  readonly log: (line: string) => void
}

function poolOf(options: DevOptions, { composed, env, host, troubles, log }: PoolParts): Promise<WorkerPool> {
  return startWorkers({
    count: options.workers,
    start: {
      configPath: resolve(options.configPath),
      dataDir: resolve(options.dataDir),
      concurrency: options.concurrency ?? 16,
      drainMs: (options.drainSeconds ?? DRAIN_SECONDS) * 1_000,
    },
    silentMs: (options.workerSilenceSeconds ?? SILENCE_SECONDS) * 1_000,
    onHung: hungNoter(troubles),
    // Whoever holds the audit key can sign another history: the workers, which run the project's code, do not get it.
    env: { ...env, SIGNALBOX_AUDIT_KEY: undefined },
    host,
    onDelta: (item) => composed.signalbox.publish(item),
    onTrouble: troubleNoter(troubles, host, log),
    onRestart: ({ worker, why, inMs }) => log(`${worker} ended (${why}); a new one starts in ${inMs} ms`),
  })
}

function hungNoter(troubles: TroubleBoard) {
  return ({ worker, pid, silentMs }: { worker: string; pid: number; silentMs: number }): void => {
    const detail = `process ${pid} gave no sign of life for ${Math.round(silentMs / 1_000)} s`
    troubles.report(worker, { code: 'WORKER_HUNG', detail })
  }
}

const CLOCK_LOOK_MS = 1_000

/** Looks at the clock again and again; the returned function ends that. */
function watchClock(troubles: TroubleBoard, host: Host): () => void {
  let cancel: () => void = () => undefined
  const look = (): void => {
    troubles.lookAtClock()
    cancel = host.after(CLOCK_LOOK_MS, look)
  }
  look()
  return () => {
    cancel()
    troubles.close()
  }
}

function watched(troubles: TroubleBoard, host: Host): (options: SqliteStoreOptions) => Promise<Store> {
  return async (options) =>
    watchedStore(await openSqliteStore(options), host, (note) => troubles.report('server', note))
}

const LOG_AGAIN_MS = 60_000

/** Notes the workers' trouble, and writes it out, each code of each worker once a minute. */
function troubleNoter(troubles: TroubleBoard, host: Host, log: (line: string) => void) {
  const last = new Map<string, number>()
  return ({ worker, code, message }: { worker: string; code: string; message: string }): void => {
    troubles.report(worker, { code, detail: message })
    const now = host.monotonicMs()
    if (now - (last.get(`${worker} ${code}`) ?? Number.NEGATIVE_INFINITY) < LOG_AGAIN_MS) return
    last.set(`${worker} ${code}`, now)
    log(`${worker}: ${code}: ${message}`)
  }
}

interface HeadParts {
  readonly project: Project
  readonly composed: Composed
  readonly dataDir: string
  readonly host: Host
  readonly env: EnvValues
}

/** Signs tree heads of the store in the background (Invariant 9). Throws KEY_MISSING and CONFIG_INVALID. */
function signHeads(options: DevOptions, { project, composed, dataDir, host, env }: HeadParts): TreeHeadWriter {
  return startTreeHeads({
    store: composed.store,
    host,
    key: signingKey(loadAuditKey({ dir: dataDir, env, mode: project.mode ?? 'development', host })),
    dir: headsDirOf(dataDir, env),
    publicKeyPath: publicKeyPath(dataDir),
    log: (line) => options.log?.(line),
    ...(options.headsEverySeconds === undefined ? {} : { everySeconds: options.headsEverySeconds }),
  })
}

/** A model that cannot be called is told at the start, not by the first run: MODEL_UNKNOWN, KEY_MISSING, PRICE_UNKNOWN. */
function requireModels(project: Project, { models }: Composed): void {
  const specs = project.workflows.map((each) => each.spec)
  for (const { id } of modelsOf(specs, models)) void models.resolve(id).price
}

async function outsideWorld(project: Project, dataDir: string): Promise<OutsideWorld | null> {
  if (!project.outsideWorld) return null
  try {
    return await project.outsideWorld({ dataDir })
  } catch (cause) {
    if (cause instanceof SignalboxError) throw cause
    const message = cause instanceof Error ? cause.message : String(cause)
    throw new SignalboxError('CONFIG_INVALID', `the outside world of \`${project.name}\` did not start: ${message}`, {
      cause,
    })
  }
}

interface ServeParts {
  readonly project: Project
  readonly composed: Composed
  readonly people: readonly DevPerson[]
  readonly host: Host
  readonly troubles: TroubleBoard
  readonly erasures: ErasureService
  readonly access: AccessService
  readonly keeper: PolicyFollower
  readonly alerts: AlertPart
  readonly telemetry: TelemetryHandle | null
  readonly ends: (() => Promise<void> | void)[]
}

async function serve(options: DevOptions, parts: ServeParts) {
  const { project, composed, people, host, troubles, erasures, access, keeper, alerts, telemetry, ends } = parts
  const log: FaultLog = ({ name, at, stack }) => options.log?.(`fault ${name} at ${at}\n${stack}`)
  const dataDir = resolve(options.dataDir)
  const mode = project.mode ?? 'development'
  return await createServer({
    runs: composed.signalbox.runs,
    switches: composed.signalbox.switches,
    store: composed.store,
    facts: keptFacts({ store: composed.store, host, ends, log: (line) => options.log?.(line) }),
    models: composed.models,
    troubles,
    evidence: evidenceService({ ...composed, dataDir, env: process.env, mode, host }),
    exposure: exposureService({ project, composed, dataDir, env: process.env, host }),
    schedules: scheduleService({ store: composed.store, schedules: schedulesOf(project), host }),
    alerts: alerts.service,
    telemetry: () => telemetryStanding(composed.store, host, telemetry),
    outbox: outboxService({ store: composed.store, notifications: notificationsOf(project), host }),
    ...policyPart(project, composed, host, () => keeper.look()),
    workflows: project.workflows.map((each) => each.spec),
    host,
    mode,
    version: options.version,
    erasures,
    access,
    auth: authenticatorOf({ project, bundle: composed.bundle(), host, env: process.env, people: () => people }),
    duties: () => composed.bundle().duties,
    bundles: bundleBook(composed.store, composed.bundle),
    consoleDir:
      options.consoleDir !== null && existsSync(join(options.consoleDir, 'index.html')) ? options.consoleDir : null,
    log,
    port: options.port,
  })
}
