/** A stand: a data folder, outside systems and a person of its own, on which a drill starts runs and worker processes. */
import { mkdtempSync, realpathSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import {
  type ModelPort,
  type PersonRequestRow,
  type RunRow,
  type Signalbox,
  SignalboxError,
  sleep,
  systemHost,
} from 'signalbox'
import { dropEvents } from 'signalbox/testing'
import { compose, DATABASE } from '../dev/compose.ts'
import { type EnvValues, loadProject } from '../project.ts'
import { modelsOf } from '../views/system.ts'
import { chosenDrills } from './choose.ts'
import type { DrillInput, DrillWorld, WorkflowDrill } from './define.ts'
import { type Evidence, runsOf } from './evidence.ts'
import type { DrillFault, DrillWorkerStart } from './orders.ts'
import { type Answers, noAnswers, playPerson } from './people.ts'
import { type Killable, startKillable } from './process.ts'

/** Where a stand's project and drill are found, and which fault its workers get. */
export interface StandOptions {
  readonly configPath: string
  /** Workflow of the drill. */
  readonly workflow: string
  readonly planted?: DrillFault | null
  /** Requests that the person leaves alone are those for which it gives false. Default: none. */
  readonly mayAnswer?: (row: PersonRequestRow) => boolean
  /** Another data folder on the outside systems and keys of a stand that is open, such as a copy of its store. */
  readonly on?: { readonly folder: string; readonly world: DrillWorld; readonly env: EnvValues }
}

/** What a worker of a stand may have beside its name. */
export type WorkerExtras = Partial<Pick<DrillWorkerStart, 'observe' | 'tellCommits' | 'concurrency' | 'switches'>> & {
  readonly under?: readonly string[]
}

/** See the file's head. */
export interface Stand {
  /** Path of the stand's folder, which `close` removes. */
  readonly folder: string
  /** The database in it. */
  readonly database: string
  readonly drill: WorkflowDrill
  readonly signalbox: Signalbox
  readonly world: DrillWorld
  /** The environment of its processes. */
  readonly env: EnvValues
  /** What the person was asked so far. */
  readonly answers: Answers
  /** Starts the run of an input; gives its id. */
  start(input: DrillInput): Promise<string>
  /** Starts a worker process, which does nothing before it is told to go. */
  worker(name: string, extras?: WorkerExtras): Promise<Killable>
  /** Waits until no run is going on or waiting; gives those that are left when nothing was recorded for `quietMs`. */
  untilAllEnded(quietMs?: number): Promise<readonly string[]>
  evidence(): Promise<Evidence>
  /** Lets the person go and closes the stand's own store: from then on only workers write. */
  leave(): Promise<void>
  /** Lets the person go, ends and removes everything; with `keepFolder` the files stay until it is called again. */
  close(options?: { readonly keepFolder?: boolean }): Promise<void>
}

const QUIET_MS = 60_000

/** Sets a stand up in a new temporary folder. Throws the project's own errors. */
export async function openStand({ configPath, workflow, planted = null, ...more }: StandOptions): Promise<Stand> {
  const project = await loadProject(configPath)
  const [drill] = chosenDrills(project, workflow)
  if (!drill) throw new Error(`no drill of ${workflow}`)
  const folder = more.on?.folder ?? realpathSync(mkdtempSync(join(tmpdir(), 'signalbox-drill-')))
  const ends: (() => Promise<void> | void)[] = []
  const unwind = async (): Promise<void> => {
    for (const end of ends.splice(0).reverse()) await end()
  }
  try {
    const world = more.on?.world ?? (await drill.world({ folder: join(folder, 'world') }))
    if (!more.on) ends.push(() => world.stop())
    const env = more.on?.env ?? drillEnv(world)
    const { signalbox, models } = await compose(
      project,
      folder,
      systemHost,
      env,
      drill.models ? { models: drill.models } : {},
    )
    let leavePerson = (): Promise<void> => Promise.resolve()
    let left: Promise<void> | undefined
    const leave = (): Promise<void> => {
      left ??= leavePerson().finally(() => signalbox.close())
      return left
    }
    ends.push(leave)
    requireScripted(signalbox, models, workflow)
    if (planted === 'event_dropped') dropEvents(join(folder, DATABASE), 'activity.outcome')
    const answers = noAnswers()
    leavePerson = startPerson(signalbox, drill, world, answers, more.mayAnswer)
    const workers: Killable[] = []
    ends.push(async () => {
      await Promise.all(workers.map((each) => each.kill()))
    })
    return standOf({
      folder,
      drill,
      signalbox,
      world,
      answers,
      leave,
      unwind,
      workers,
      env,
      start: { configPath, workflow, planted },
    })
  } catch (error) {
    await unwind()
    rmSync(folder, { recursive: true, force: true, maxRetries: 5 })
    throw error
  }
}

interface StandParts extends Pick<Stand, 'folder' | 'drill' | 'signalbox' | 'world' | 'answers' | 'leave'> {
  readonly unwind: () => Promise<void>
  readonly workers: Killable[]
  readonly env: EnvValues
  readonly start: Pick<DrillWorkerStart, 'configPath' | 'workflow' | 'planted'>
}

function standOf({ unwind, workers, env, start, ...parts }: StandParts): Stand {
  const { folder, drill, signalbox, world, answers } = parts
  const { principal, workflow } = drill
  const { tenant } = principal
  return {
    ...parts,
    env,
    database: join(folder, DATABASE),
    start: async ({ name, input }) =>
      (await signalbox.runs.start({ workflow, input, principal, requestId: `drill:${name}` })).runId,
    worker: async (name, { under = [], ...extras } = {}) => {
      const started = await startKillable({ ...start, dataDir: folder, worker: name, ...extras }, env, under)
      workers.push(started)
      return started
    },
    untilAllEnded: async (quietMs = QUIET_MS) => {
      const stuck = await untilAllEnded(signalbox, tenant, quietMs)
      const trouble = answers.troubles.at(-1)
      return trouble === undefined ? stuck : stuck.map((each) => `${each}; the last answer was refused: ${trouble}`)
    },
    evidence: async () => ({ runs: await runsOf(signalbox, tenant), recorded: await world.effects() }),
    close: async ({ keepFolder = false } = {}) => {
      try {
        await unwind()
      } finally {
        if (!keepFolder) rmSync(folder, { recursive: true, force: true, maxRetries: 5 })
      }
    },
  }
}

/** A drill must cost nothing and come to the same end each time: every model of its workflow is a script. */
function requireScripted({ workflows }: Signalbox, models: ModelPort, workflow: string): void {
  const specs = workflows.filter((spec) => spec.name === workflow)
  const real = modelsOf(specs, models).find((model) => !model.scripted)
  if (real === undefined) return
  throw new SignalboxError(
    'CONFIG_INVALID',
    `drill of \`${workflow}\`: the model \`${real.id}\` is not scripted: give the drill \`models\` that answer it with a script`,
  )
}

/** The environment of a drill's processes: keys of its own, and none of those that sign. */
function drillEnv(world: DrillWorld): EnvValues {
  const key = Buffer.from(systemHost.randomBytes(32)).toString('base64')
  return { ...process.env, ...world.env, SIGNALBOX_MASTER_KEY: key, SIGNALBOX_AUDIT_KEY: undefined }
}

/** Lets the drill's person answer; the returned function lets them go. */
function startPerson(
  signalbox: Signalbox,
  drill: WorkflowDrill,
  world: DrillWorld,
  answers: Answers,
  mayAnswer: StandOptions['mayAnswer'],
): () => Promise<void> {
  const { person, principal } = drill
  if (!person) return () => Promise.resolve()
  const leaving = new AbortController()
  const asked = { signalbox, tenant: principal.tenant, person, world, answers, ...(mayAnswer ? { mayAnswer } : {}) }
  const playing = playPerson(asked, leaving.signal)
  // An error of the person is told when the stand is closed, not as an unhandled one before.
  playing.catch(() => undefined)
  return async () => {
    leaving.abort()
    await playing
  }
}

const GOING = ['queued', 'running', 'waiting', 'stopping'] as const

async function untilAllEnded(signalbox: Signalbox, tenant: string, quietMs: number): Promise<readonly string[]> {
  let until = systemHost.monotonicMs() + quietMs
  let before = ''
  for (;;) {
    const left = await signalbox.runs.list({ tenant, status: GOING, limit: 500 })
    if (left.length === 0) return []
    const now = left.map(({ runId, seq }) => `${runId}:${seq}`).join()
    if (now !== before) until = systemHost.monotonicMs() + quietMs
    before = now
    if (systemHost.monotonicMs() > until) return await Promise.all(left.map((row) => tail(signalbox, row)))
    await sleep(systemHost, 50)
  }
}

/** How a run stands, for a message: names and numbers only. */
async function tail(signalbox: Signalbox, { tenant, runId, status, code, seq, epoch }: RunRow): Promise<string> {
  const records = await signalbox.runs.records(tenant, runId, { after: seq - 6 })
  const open = await signalbox.runs.requests({ tenant, runId, state: 'open', limit: 10 })
  const asks = open.map((each) => `${each.kind} about ${each.tool}`).join(', ') || 'nobody'
  const types = records.map((record) => record.type).join(', ')
  return `run ${runId} is ${status}${code ? ` (${code})` : ''} at record ${seq}, epoch ${epoch}; last records: ${types}; it asks ${asks}`
}
