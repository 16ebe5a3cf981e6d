/** The incident drill: incidents among decoys, an operator with the API alone, and the judgement of what they found out. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Signalbox } from 'signalbox'
import { SimRandom } from 'signalbox/testing'
import { crowdStore, FIRST_INVOICE } from './crowd-store.ts'
import { plantDecoys } from './decoys.ts'
import { type IncidentKind, plantIncident } from './kinds.ts'
import type { Lie } from './lies.ts'
import { type ApiCall, type Office, openOffice } from './office.ts'
import { type Found, investigate } from './operator.ts'
import { startPager } from './pager.ts'
import { type Lead, QUESTIONS, type Planted, type Question, wrongAnswers } from './truth.ts'
import { PEOPLE, TENANT, World } from './world.ts'

/** The most calls that an operator may need for one incident. */
export const MOST_CALLS = 10
/** The longest that one of these calls may take, in milliseconds. */
export const MOST_MS = 200

/** What is drilled. */
export interface IncidentDrillOptions {
  /** Decides the order of the incidents and decoys, and which resumptions are tried. */
  readonly seed: number
  readonly kinds: readonly IncidentKind[]
  /** Decoys before the incidents. */
  readonly decoys: number
  /** How many of the resumptions that the operator calls safe are tried. */
  readonly tries: number
  /** More runs in the store, made of decoys. 0: none. */
  readonly runs: number
  /** An answer of the API that is broken on purpose. */
  readonly lie?: Lie | null
  /** Puts something between the operator and the runtime: for tests of the drill. */
  readonly tamper?: (box: Signalbox, world: World) => Signalbox
  /** Whether a call that takes too long is a finding. */
  readonly timed: boolean
  readonly log: (line: string) => void
}

/** Something that the drill found. */
export interface IncidentFinding {
  readonly kind: Question | 'wrong_run' | 'too_many_calls' | 'too_slow' | 'unsafe_resume'
  readonly incident: string
  readonly detail: string
}

/** What came of one incident. */
export interface IncidentResult {
  readonly incident: string
  /** Where the operator began. */
  readonly from: Lead['from']
  readonly right: number
  readonly calls: number
  /** The slowest call. */
  readonly slowestMs: number
  readonly wrong: readonly Question[]
}

/** What came of a drill. */
export interface IncidentDrillResult {
  readonly seed: number
  readonly runs: number
  readonly incidents: readonly IncidentResult[]
  /** Resumptions that were tried for real. */
  readonly tried: readonly string[]
  readonly findings: readonly IncidentFinding[]
  readonly passed: boolean
}

/**
 * Plants incidents by real runs in a store of its own, lets the operator investigate each, and judges the answers by what
 * the planters wrote down. Takes up some of the runs where the operator said that it is safe, and looks at the outside.
 */
export async function incidentDrill(options: IncidentDrillOptions): Promise<IncidentDrillResult> {
  const folder = mkdtempSync(join(tmpdir(), 'signalbox-incident-'))
  try {
    const path = join(folder, 'signalbox.db')
    if (options.runs > 0) await crowdStore({ ...options, path })
    const world = await World.open(path, options.runs > 0 ? FIRST_INVOICE : undefined)
    try {
      return await drilled(world, options)
    } finally {
      await world.close()
    }
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

async function drilled(world: World, options: IncidentDrillOptions): Promise<IncidentDrillResult> {
  return await judgeIncidents(world, await plantIncidents(world, options), options)
}

/** Fills a world with decoys and incidents, in an order that the seed decides. */
export async function plantIncidents(
  world: World,
  { seed, kinds, decoys, log }: Pick<IncidentDrillOptions, 'seed' | 'kinds' | 'decoys' | 'log'>,
): Promise<readonly Planted[]> {
  const random = new SimRandom(`incident ${seed}`)
  log(`planting ${decoys} decoys`)
  await plantDecoys(world, random, decoys)
  const planted: Planted[] = []
  const pager = await startPager(world, world.idle())
  try {
    await pager.look()
    for (const kind of shuffled(kinds, random)) planted.push(await plantIncident(world, pager, kind))
  } finally {
    await pager.stop()
  }
  log(`planted ${planted.length} incidents`)
  return planted
}

/** Lets the operator investigate each incident over HTTP, and tries some of the resumptions that they call safe. */
export async function judgeIncidents(
  world: World,
  planted: readonly Planted[],
  options: Pick<IncidentDrillOptions, 'seed' | 'tries' | 'timed' | 'lie' | 'tamper'>,
): Promise<IncidentDrillResult> {
  return await world.during({}, async (made) => {
    const box = options.tamper ? options.tamper(made, world) : made
    const office = await openOffice(world, box, options.lie ?? null)
    try {
      return await judged(world, box, office, planted, options)
    } finally {
      await office.close()
    }
  })
}

async function judged(
  world: World,
  box: Signalbox,
  office: Office,
  planted: readonly Planted[],
  { seed, tries, timed }: Pick<IncidentDrillOptions, 'seed' | 'tries' | 'timed'>,
): Promise<IncidentDrillResult> {
  const findings: IncidentFinding[] = []
  const incidents: IncidentResult[] = []
  const safe: { readonly one: Planted; readonly seq: number }[] = []
  for (const one of planted) {
    const found = await investigate(office.client, one.lead)
    const calls = office.calls()
    const { result, findings: more } = judge(one, found, calls, timed)
    incidents.push(result)
    findings.push(...more)
    if (found.resumeSeq !== null && found.runId === one.runId) safe.push({ one, seq: found.resumeSeq })
  }
  const tried = shuffled(safe, new SimRandom(`resume ${seed}`)).slice(0, tries)
  for (const { one, seq } of tried) findings.push(...(await tryResume(world, box, one, seq)))
  return {
    seed,
    runs: (await world.store.stats()).runs,
    incidents,
    tried: tried.map(({ one }) => one.kind),
    findings,
    passed: findings.length === 0,
  }
}

/** What an operator's answers and calls are worth. */
export function judge(
  { kind, runId, truth, lead: { from } }: Planted,
  found: Found,
  calls: readonly ApiCall[],
  timed: boolean,
): { readonly result: IncidentResult; readonly findings: readonly IncidentFinding[] } {
  const isIt = found.runId === runId
  const wrong = isIt ? wrongAnswers(truth, found.answers) : []
  const findings: IncidentFinding[] = wrong.map(({ question, expected, answered }) => ({
    kind: question,
    incident: kind,
    detail: `answered ${answered}, and it was ${expected}`,
  }))
  // About another run all answers may be right, and none is worth anything.
  if (!isIt) findings.push({ kind: 'wrong_run', incident: kind, detail: `led to ${found.runId}, and it was ${runId}` })
  if (calls.length > MOST_CALLS)
    findings.push({
      kind: 'too_many_calls',
      incident: kind,
      detail: `${calls.length} calls, ${MOST_CALLS} are allowed`,
    })
  const slow = timed ? calls.filter((call) => call.ms >= MOST_MS) : []
  for (const { path, ms } of slow)
    findings.push({ kind: 'too_slow', incident: kind, detail: `${path} took ${Math.round(ms)} ms` })
  const slowestMs = Math.max(0, ...calls.map((call) => call.ms))
  const right = isIt ? QUESTIONS.length - wrong.length : 0
  return {
    result: { incident: kind, from, right, calls: calls.length, slowestMs, wrong: wrong.map((one) => one.question) },
    findings,
  }
}

/** Takes a run up where the operator said, and looks whether anything happened outside a second time (Invariant 4). */
async function tryResume(
  world: World,
  box: Signalbox,
  { kind, runId }: Planted,
  seq: number,
): Promise<readonly IncidentFinding[]> {
  const happened = (): string => JSON.stringify(world.outside.booked.map(({ what, invoice }) => [what, invoice]).sort())
  const before = happened()
  const { branch } = await box.runs.get(TENANT, runId)
  await box.runs.restore({ runId, seq, by: PEOPLE.olga, reason: 'the drill tries what the operator said' })
  await world.until('the resumed run', async () => {
    const row = await box.runs.get(TENANT, runId)
    return row.branch > branch && !['queued', 'running'].includes(row.status) ? true : null
  })
  const after = happened()
  if (after === before) return []
  return [{ kind: 'unsafe_resume', incident: kind, detail: `the outside was ${before} and is ${after}` }]
}

/** The same in an order that the random numbers decide. */
function shuffled<T>(all: readonly T[], random: SimRandom): readonly T[] {
  return all
    .map((one) => ({ one, at: random.next() }))
    .sort((a, b) => a.at - b.at)
    .map(({ one }) => one)
}
