import { SignalboxError } from '../../base/errors.ts'
import { ANA, type BenchBox, type BoxOptions, PAUL } from '../bench-box.ts'
import type { PolicyScript } from '../scripted-policy.ts'
import type { Form } from './form.ts'
import type { World } from './world.ts'

/** What a move plays with: an open process in which the run gets to the payment, and the gated one that goes on. */
export interface Stage {
  readonly world: World
  readonly workflow: string
  readonly input: Parameters<BenchBox['start']>[1]
  /** A process in which every gate is open, with these changes. */
  open(changes?: Partial<BoxOptions>, shut?: Pick<PolicyScript, 'decide'>): BenchBox
  /** The process whose gate is shut; it does not work yet. */
  gated(): Promise<BenchBox>
  /** Nothing more is to be waited for. */
  isOver(): boolean
}

/** How the run comes to the payment in the gated process. */
export interface Move {
  readonly name: string
  /** Makes a new run in the gated process. */
  readonly makesRun: boolean
  /** The run's input is judged there. */
  readonly isFirst: boolean
  /** The agent's work begins there. */
  readonly startsAgent: boolean
  /** The model is asked there for what it says. */
  readonly repeatsModel: boolean
  /** The facts for policy are read there. */
  readonly readsFacts: boolean
  readonly suits: (form: Form) => boolean
  /** Gives the runs that are to be watched to their end. */
  readonly play: (stage: Stage) => Promise<readonly string[]>
}

const NEVER: Promise<never> = new Promise(() => undefined)

/** Brings a run to the point right before its payment and drops the process there, as a crash does. */
async function upToPayment(stage: Stage): Promise<string> {
  let stands: () => void = () => undefined
  const reached = new Promise<void>((resolve) => {
    stands = resolve
  })
  const first = stage.open({
    fault: (point, { name }) => {
      if (point !== 'proposed' || name !== 'pay.send') return undefined
      stands()
      return NEVER
    },
  })
  first.work()
  const runId = await first.start(stage.workflow, stage.input)
  const goingOn = new AbortController()
  await Promise.race([reached, untilResting(first, [runId], goingOn.signal)])
  goingOn.abort()
  await first.killAndExpire()
  return runId
}

const ENDED: ReadonlySet<string> = new Set(['completed', 'stopped', 'cancelled', 'terminated', 'parked'])
/** What nobody of the matrix brings on by itself. */
const RESTS: ReadonlySet<string> = new Set(['approval', 'question', 'switch'])

/** How a run is brought on. */
export interface Helpers {
  readonly answer?: () => Promise<void>
  readonly isOver?: () => boolean
}

type Standing = 'rests' | 'waits for time' | 'waits for another' | 'goes on'

/** Answers ports and lets times pass until each run has ended, or waits for what nobody answers. */
export async function untilResting(
  one: BenchBox,
  runs: readonly string[],
  signal?: AbortSignal,
  { answer, isOver }: Helpers = {},
): Promise<void> {
  const answered = new Set<string>()
  let waited = 0
  const look = async (): Promise<true | null> => {
    if (signal?.aborted || isOver?.()) return true
    for (const { id } of answer ? await one.open() : []) {
      if (answered.has(id)) continue
      answered.add(id)
      await answer?.()
    }
    const standings = await Promise.all(runs.map((runId) => standingOf(one, runId)))
    if (standings.includes('goes on')) return null
    if (standings.every((standing) => standing === 'rests')) return true
    // What waits for the end of another run's effect may do so for ever.
    if (!standings.includes('waits for time') && waited++ > MOST_WAITS) return true
    await one.host.advance(61_000)
    return null
  }
  await one.until(look, 'a run that rests', PATIENCE_MS)
}

const PATIENCE_MS = 20_000
const MOST_WAITS = 5

async function standingOf(one: BenchBox, runId: string): Promise<Standing> {
  const { status } = await one.row(runId)
  if (ENDED.has(status)) return 'rests'
  if (status !== 'waiting') return 'goes on'
  const on = (await one.of(runId, 'run.waiting')).at(-1)?.on ?? []
  const kinds = new Set(on.map(({ kind }) => kind))
  if (kinds.has('request')) {
    // It may have been answered a moment ago.
    for (const { id } of await one.open('request'))
      await one.sb.runs.respond({ requestId: id, value: { ok: true }, by: PAUL }).catch(() => undefined)
    return 'goes on'
  }
  if (kinds.has('timer') || kinds.has('retry')) return 'waits for time'
  if (kinds.has('settle')) return 'waits for another'
  return [...kinds].some((kind) => RESTS.has(kind)) ? 'rests' : 'goes on'
}

const any = (): boolean => true
const MOVE = { makesRun: false, isFirst: false, startsAgent: false, repeatsModel: false, readsFacts: true, suits: any }
const FRESH = { makesRun: true, isFirst: true, startsAgent: true, repeatsModel: true }

/** Starts the run in the gated process. */
async function startIn(one: BenchBox, workflow: string, input: Stage['input']): Promise<readonly string[]> {
  work(one)
  return [await one.start(workflow, input)]
}

/** Few at once, as a worker that has lost a run may take it over from itself. */
const work = (one: BenchBox) => one.work({ concurrency: 4 })

const start: Move = {
  ...MOVE,
  ...FRESH,
  name: 'start',
  play: async ({ gated, workflow, input }) => startIn(await gated(), workflow, input),
}

const takeover: Move = {
  ...MOVE,
  name: 'resume after a crash',
  play: async (stage) => {
    const runId = await upToPayment(stage)
    work(await stage.gated())
    return [runId]
  },
}

const broken: PolicyScript['decide'] = ({ action }) => {
  if (action.name === 'pay.send') throw new SignalboxError('POLICY_MALFUNCTION', 'it is broken until it is mended')
  return undefined
}

const person: Move = {
  ...MOVE,
  readsFacts: false,
  name: 'resume by a person',
  play: async (stage) => {
    const first = stage.open({}, { decide: broken })
    first.work()
    const runId = await first.start(stage.workflow, stage.input)
    await untilResting(first, [runId])
    await first.kill()
    const one = await stage.gated()
    work(one)
    const { seq } = await one.row(runId)
    await one.sb.runs.resume({ runId, by: PAUL, reason: 'it is mended' })
    const goesOn = async () => ((await one.row(runId)).seq > seq || stage.isOver() ? true : null)
    await one.until(goesOn, 'a run that goes on')
    return [runId]
  },
}

const restore: Move = {
  ...MOVE,
  startsAgent: true,
  repeatsModel: true,
  name: 'restore',
  play: async (stage) => {
    const runId = await upToPayment(stage)
    const one = await stage.gated()
    const [first] = await one.sb.runs.restorePoints(ANA.tenant, runId)
    await one.sb.runs.restore({ runId, seq: first?.seq ?? 1, by: PAUL, reason: 'from the beginning' })
    work(one)
    return [runId]
  },
}

const fork: Move = {
  ...MOVE,
  makesRun: true,
  name: 'fork',
  play: async (stage) => {
    const runId = await upToPayment(stage)
    const one = await stage.gated()
    const { seq } = await one.row(runId)
    const made = await one.sb.runs.fork({ runId, seq, by: PAUL, reason: 'another way' })
    work(one)
    return [runId, made.runId]
  },
}

const retry: Move = {
  ...MOVE,
  ...FRESH,
  name: 'retry',
  suits: ({ retries }) => retries,
  play: async ({ world, gated, workflow, input }) => {
    world.failOnce = true
    return startIn(await gated(), workflow, input)
  },
}

const compensation: Move = {
  ...MOVE,
  makesRun: true,
  name: 'compensation',
  suits: ({ isUndone }) => isUndone,
  play: async (stage) => {
    const first = stage.open()
    first.work()
    const { runId } = await first.run(stage.workflow, stage.input)
    await first.kill()
    const one = await stage.gated()
    work(one)
    return [(await one.sb.runs.compensate({ runId, by: ANA, reason: 'paid by mistake' })).runId]
  },
}

/** All of them. A form that is undone is only undone. */
export const MOVES: readonly Move[] = [start, takeover, person, restore, fork, retry, compensation].map((move) => ({
  ...move,
  suits: (form) => move.suits(form) && form.isUndone === (move.name === 'compensation'),
}))
