import { SignalboxError } from '../../base/errors.ts'
import type { Store } from '../../contracts/store.ts'
import type { Way } from '../../contracts/ways.ts'
import { toolsWithin } from '../../contracts/workflow.ts'
import { memoryStore } from '../../stores/index.ts'
import { type BoxOptions, BenchBox } from '../bench-box.ts'
import { type PolicyScript, scriptedPolicy } from '../scripted-policy.ts'
import { skewedHost } from '../skewed-host.ts'
import { storeWith } from '../store-with.ts'
import type { Built, Form } from './form.ts'
import { earlier, FORMS } from './forms.ts'
import { type Gate, GATES, happened, READ, type Shut } from './gates.ts'
import { MOVES, type Move, untilResting } from './moves.ts'
import type { Book, Peer } from './outside.ts'
import { openWorld, payTool, type World } from './world.ts'

/** A row of the matrix: where the payment is asked for, and how the run comes to it. */
export interface Path {
  readonly form: Form
  readonly move: Move
}

/** Every form with every move that suits it. */
export const PATHS: readonly Path[] = FORMS.flatMap((form) =>
  MOVES.filter((move) => move.suits(form)).map((move) => ({ form, move })),
)

/** A cell: `gate` null leaves all gates open. */
export interface Cell extends Path {
  readonly gate: Gate | null
  readonly streamed: boolean
}

/** Every path with every gate that is on it, streamed and not. */
export const CELLS: readonly Cell[] = PATHS.flatMap(({ form, move }) =>
  [null, ...GATES]
    .filter((gate) => !gate?.passesBy?.(form, move))
    .flatMap((gate) => [false, true].map((streamed) => ({ form, move, gate, streamed }))),
)

/** What came of a cell. */
export interface Played {
  readonly cell: string
  readonly before: Book
  readonly after: Book
  /** True when what the gate holds back happened all the same. */
  readonly leaked: boolean
  /** What the run's records have of the engine's own lists. */
  readonly ways: ReadonlySet<string>
  /** How each run ended or what it waits for: status and code. */
  readonly ends: readonly string[]
}

/** How a cell is called. */
export function cellName({ form, move, gate, streamed }: Cell): string {
  return `${form.name}, ${move.name}, ${gate?.name ?? 'open'}, ${streamed ? 'streamed' : 'collected'}`
}

/** With these a run is not made at all where a gate stands before it. */
const REFUSALS: ReadonlySet<string> = new Set(['KILL_SWITCH', 'COMPENSATION_REFUSED', 'SWITCHES_STALE'])

let cells = 0

/** Plays one cell: a workflow of its own, a store of its own, and a page of its own in the outside process's book. */
export async function playCell(peer: Peer, cell: Cell): Promise<Played> {
  cells += 1
  const id = `c${cells}`
  const world = openWorld(peer, id)
  const host = skewedHost()
  const slept = { ...host, now: () => host.now() + world.sleptMs }
  const store = memoryStore(slept)
  const built = cell.form.build(world, payTool(world))
  const boxes: BenchBox[] = []
  const make = (shut: Shut, changes: Partial<BoxOptions> = {}): BenchBox => {
    const made = new BenchBox({ ...optionsOf(world, built, shut, store), host: slept, ...changes })
    boxes.push(made)
    return made
  }
  let before: Book | null = null
  let gated: BenchBox | null = null
  const shut = { now: {} as Shut }
  try {
    const runs = await cell.move.play({
      world,
      workflow: built.workflow.name,
      input: built.input,
      isOver: () => shut.now.isOver?.() ?? false,
      open: (changes, shut) => make(shut ?? {}, changes),
      gated: async () => {
        shut.now = cell.gate?.shut(world) ?? {}
        gated = make(shut.now)
        await cell.gate?.before?.(gated, () => make({}, { workflows: [earlier(payTool(world))] }))
        before = await peer.book(id)
        return gated
      },
    })
    return await played(cell, { gated: gated as BenchBox | null, runs, world, before, shut: shut.now })
  } catch (thrown) {
    const code = thrown instanceof SignalboxError ? thrown.code : ''
    if (!REFUSALS.has(code) || !cell.gate) throw new Error(`${cellName(cell)}: ${String(thrown)}`, { cause: thrown })
    return endOf(cell, { before, after: await peer.book(id), ways: new Set(), ends: [`refused ${code}`] })
  } finally {
    world.healed = true
    for (const box of boxes) await box.kill()
    await boxes[0]?.sb.close()
  }
}

interface Going {
  readonly gated: BenchBox | null
  readonly runs: readonly string[]
  readonly world: World
  readonly before: Book | null
  readonly shut: Shut
}

async function played(cell: Cell, { gated, runs, world, before, shut }: Going): Promise<Played> {
  if (!gated) throw new Error('the move never came to the gated process')
  const { answer } = cell.gate ?? {}
  const readers = cell.streamed && !shut.isOver ? runs.map((runId) => readStream(gated, runId)) : []
  await untilResting(gated, runs, undefined, {
    ...(answer ? { answer: () => answer(gated, world) } : {}),
    ...(shut.isOver ? { isOver: shut.isOver } : {}),
  })
  const told = await Promise.all(readers.map((reader) => reader.end()))
  const ends: string[] = []
  const ways = new Set<string>()
  for (const runId of runs) {
    const { status, code } = await gated.row(runId)
    ends.push(`${status} ${code ?? ''}`.trim())
    if (!shut.isOver) told.push(JSON.stringify((await gated.settled(runId)).output))
    for (const way of await waysOf(gated, runId)) ways.add(way)
  }
  for (const text of told) await tell(world, text)
  return endOf(cell, { before, after: await world.peer.book(world.cell), ways, ends })
}

function endOf(cell: Cell, end: Omit<Played, 'cell' | 'leaked' | 'before'> & { before: Book | null }): Played {
  const before = end.before ?? { payments: 0, model: 0, seen: [] }
  return { ...end, before, cell: cellName(cell), leaked: cell.gate !== null && happened(cell.gate, before, end.after) }
}

/** What a reader of the run saw goes to the outside process, as a page that somebody looks at. */
async function tell({ peer, cell }: World, text: string): Promise<void> {
  await fetch(`http://${peer.host}/${cell}/read`, { method: 'POST', body: `${READ}${text}` })
}

/** Reads the run's stream while it goes on; gives the provisional text that came by. */
function readStream(one: BenchBox, runId: string): { readonly end: () => Promise<string> } {
  const leaves = new AbortController()
  const reading = (async () => {
    let text = ''
    for await (const item of one.sb.runs.stream('acme', runId, { signal: leaves.signal }))
      if (item.kind === 'delta' && 'delta' in item.delta) text += item.delta.delta
    return text
  })()
  return {
    end: () => {
      leaves.abort()
      return reading.catch(() => '')
    },
  }
}

function optionsOf(world: World, { workflow, models }: Built, shut: Shut, store: BoxOptions['store']): BoxOptions {
  const { controls, limits, budgets, at, fails } = shut
  const workflows = [workflow, earlier(payTool(world))]
  const failing = fails && store ? failingStore(store, fails) : undefined
  return {
    workflows,
    models,
    policy: policyOf(workflows, shut),
    ...(controls ? { controls } : {}),
    ...(limits ? { limits } : {}),
    ...(budgets ? { budgets } : {}),
    ...(store ? { store: failing ?? store } : {}),
    ...(at
      ? {
          fault: (point, { name }) => {
            if (name === 'pay.send') at(point)
          },
        }
      : {}),
  }
}

function policyOf(workflows: BoxOptions['workflows'], shut: Shut) {
  const tools = workflows.flatMap((one) => toolsWithin('spec' in one ? one.spec : one))
  const undos = tools.flatMap(({ undo }) => (undo === undefined || undo === 'impossible' ? [] : [undo.tool]))
  const rows = Object.fromEntries(
    [...tools, ...undos].map(({ name, class: area, effect }) => [name, { class: area, effect }]),
  )
  const { notInStep = [], unknown = [], duties = [], bundle } = shut
  const script: PolicyScript = {
    tools: Object.fromEntries(Object.entries(rows).filter(([name]) => !unknown.includes(name))),
    ...(shut.decide ? { decide: shut.decide } : {}),
    ...(shut.points ? { points: shut.points } : {}),
  }
  const policy = scriptedPolicy(script)
  const inForce = (): string => bundle?.() ?? policy.bundle
  return {
    ...policy,
    get bundle() {
      return inForce()
    },
    decide: (request: Parameters<typeof policy.decide>[0]) => ({ ...policy.decide(request), bundle: inForce() }),
    actDuties: () => duties,
    stepTools: () => (notInStep.length === 0 ? null : Object.keys(rows).filter((name) => !notInStep.includes(name))),
  }
}

/** What of the engine's lists the records of a run show. */
async function waysOf(one: BenchBox, runId: string): Promise<ReadonlySet<string>> {
  const ways = new Set<string>()
  const add = <L extends 'activity' | 'read' | 'segment'>(list: L, way: Way<L>) => ways.add(`${list}:${way}`)
  for (const record of await one.records(runId)) {
    if (record.type === 'segment.started') add('segment', record.why)
    if ('proposal' in record && record.proposal) add('activity', record.proposal.kind)
    if ('ask' in record && record.ask?.parent) add('read', record.ask.parent.phase)
  }
  return ways
}

function failingStore(store: Store, fails: NonNullable<Shut['fails']>): Store {
  const away = (operation: 'commit' | 'switches') => async () => {
    if (fails(operation)) throw new SignalboxError('STORE_UNAVAILABLE', `the matrix lets \`${operation}\` fail`)
  }
  return storeWith(store, {
    commit: async (commits) => {
      await away('commit')()
      return store.commit(commits)
    },
    switchBook: async () => {
      await away('switches')()
      return store.switchBook()
    },
  })
}

/** How many cells are played at the same time. */
const AT_ONCE = 8

/** Plays cells, several at once; gives them in their order. */
export async function playAll(peer: Peer, cells: readonly Cell[]): Promise<readonly Played[]> {
  const played: Played[] = []
  for (let from = 0; from < cells.length; from += AT_ONCE)
    played.push(...(await Promise.all(cells.slice(from, from + AT_ONCE).map((cell) => playCell(peer, cell)))))
  return played
}

/** Forms with which every move is tried in the sample. */
const SAMPLED: readonly string[] = ['agent']

/**
 * What `npm test` plays: every form as it starts, every move with an agent, and every gate with each, in turns
 * streamed and not. The full test plays all.
 */
export const SAMPLE: readonly Cell[] = CELLS.filter(
  ({ form, move }) => move.name === 'start' || form.isUndone || SAMPLED.includes(form.name),
).filter(({ streamed }, i) => streamed === (Math.floor(i / 2) % 2 === 0))
