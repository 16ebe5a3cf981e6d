/**
 * The restore drill: runs the inputs undisturbed, then again while workers are killed with SIGKILL in the stages of the
 * door and at barriers; each next process takes over what the killed one left. What came out is compared.
 */
import { type RunRecord, SignalboxError, toolsWithin } from 'signalbox'
import { checkEvidence } from './check.ts'
import type { Finding } from './findings.ts'
import type { WorkflowDrill } from './define.ts'
import type { DrilledRun, Evidence } from './evidence.ts'
import { type FlushCheck, flushCheck } from './flush.ts'
import { type DrillFault, type KillOrder, STAGE_NAMES, type Stage, stageOf } from './orders.ts'
import { type PlannedKill, planKills, type Reached, reachedIn } from './plan.ts'
import type { Killable, Killed } from './process.ts'
import { openStand, type Stand } from './stand.ts'
import { differences, type Story, storyOf } from './story.ts'

/** What a restore drill does. */
export interface RestoreDrillOptions {
  readonly configPath: string
  readonly workflow: string
  /** How many workers are killed, spread over the stages. */
  readonly kills: number
  /** Chooses inputs and points; the same seed makes the same plan. */
  readonly seed: number
  /** Only these stages. Default: all that an input comes to. */
  readonly stages?: readonly Stage[]
  /** A fault that the drill is to find (Invariant 17). */
  readonly planted?: DrillFault | null
  /** A run that records nothing for this long is stuck. Default 60,000. */
  readonly quietMs?: number
  /** Told what goes on, line by line. */
  readonly log?: (line: string) => void
}

/** One kill that was carried out, and how long its run stood still. */
export interface CarriedOut extends PlannedKill {
  /** From the kill to the first record that the next process wrote, in milliseconds; null when the run had just ended. */
  readonly recoveredMs: number | null
}

/** What came of a restore drill. It passed when `findings` is empty and every stage that can be reached had a kill. */
export interface RestoreDrillResult {
  readonly workflow: string
  readonly passed: boolean
  readonly findings: readonly Finding[]
  readonly kills: readonly CarriedOut[]
  /** Planned kills whose point the run did not reach again before it ended. */
  readonly notReached: number
  /** Stages that no input reaches: nothing was killed there. */
  readonly stagesMissing: readonly Stage[]
  readonly inputs: number
  readonly rounds: number
  readonly flush: FlushCheck
  /** Effects of these tools are in the workflow, and no outside record was compared. */
  readonly unrecordedTools: readonly string[]
}

/**
 * Carries out a restore drill. What the undisturbed runs get wrong already is told at once, without a kill. Throws what
 * the project throws when it cannot start; everything else is a finding.
 */
export async function restoreDrill(options: RestoreDrillOptions): Promise<RestoreDrillResult> {
  const log = options.log ?? (() => undefined)
  const calm = await undisturbed(options)
  log(`undisturbed: ${calm.stories.size} runs, ${calm.reached.length} points reached, ${calm.findings.length} findings`)
  const flush = await flushCheck(options, calm.drill.inputs[0])
  const findings: Finding[] = [...calm.findings, ...flush.findings]
  const reached = calm.reached.filter((each) => options.stages?.includes(stageOf(each.point)) ?? true)
  const plan = calm.findings.length > 0 ? [] : planKills({ ...options, reached, effects: calm.effectTools })
  const carried: CarriedOut[] = []
  for (const [i, round] of plan.entries()) {
    const wild = await disturbed(options, round, calm)
    carried.push(...wild.kills)
    findings.push(...wild.findings)
    log(`round ${i + 1} of ${plan.length}: ${wild.kills.length} workers killed, ${wild.findings.length} findings`)
  }
  const planned = plan.flat()
  const missed = new Set(planned.map((each) => each.stage))
  for (const { stage } of carried) missed.delete(stage)
  for (const stage of missed)
    findings.push({ kind: 'stuck', detail: `no worker could be killed in the stage \`${stage}\`` })
  const come = new Set(calm.reached.map((each) => stageOf(each.point)))
  return {
    workflow: options.workflow,
    passed: findings.length === 0,
    findings,
    kills: carried,
    notReached: planned.length - carried.length,
    stagesMissing: STAGE_NAMES.filter((stage) => !come.has(stage)),
    inputs: calm.stories.size,
    rounds: plan.length,
    flush: flush.check,
    unrecordedTools: calm.effectTools.filter((tool) => !calm.drill.recorded.includes(tool)),
  }
}

/** What the undisturbed runs showed. */
interface Calm {
  readonly drill: WorkflowDrill
  readonly stories: ReadonlyMap<string, Story>
  readonly reached: readonly Reached[]
  readonly effectTools: readonly string[]
  readonly findings: readonly Finding[]
}

async function undisturbed(options: RestoreDrillOptions): Promise<Calm> {
  const stand = await openStand(options)
  try {
    const { drill } = stand
    requireUsable(drill, stand)
    const names = new Map<string, string>()
    for (const input of drill.inputs) names.set(await stand.start(input), input.name)
    const worker = await stand.worker('undisturbed', { observe: true })
    worker.go([])
    const stuck = await stand.untilAllEnded(options.quietMs)
    await worker.stop()
    const evidence = await stand.evidence()
    return {
      drill,
      stories: await storiesOf(evidence, drill, names),
      reached: reachedIn(worker.lines, (runId) => names.get(runId)),
      effectTools: effectToolsOf(evidence),
      findings: found([...stuckFindings(stuck), ...checkEvidence(evidence, drill.recorded)], 'undisturbed'),
    }
  } finally {
    await stand.close()
  }
}

/** Bad declarations are told before anything runs, with the fix. */
function requireUsable(drill: WorkflowDrill, { signalbox }: Stand): void {
  const fault = (text: string): SignalboxError =>
    new SignalboxError('CONFIG_INVALID', `drill of \`${drill.workflow}\`: ${text}`)
  if (drill.inputs.length === 0) throw fault('`inputs` is empty: give at least one')
  const names = drill.inputs.map((each) => each.name)
  const twice = names.find((name, i) => names.indexOf(name) !== i)
  if (twice !== undefined) throw fault(`two of \`inputs\` are named \`${twice}\`: give each a name of its own`)
  const tools = new Set(signalbox.workflows.flatMap((spec) => toolsWithin(spec).map((tool) => tool.name)))
  const unknown = drill.recorded.find((name) => !tools.has(name))
  if (unknown !== undefined) throw fault(`\`recorded\` names \`${unknown}\`, which no workflow of the project has`)
}

interface Wild {
  readonly kills: readonly CarriedOut[]
  readonly findings: readonly Finding[]
}

/** One round: each kill by a worker process of its own; the next process first brings the run to its end. */
async function disturbed(options: RestoreDrillOptions, round: readonly PlannedKill[], calm: Calm): Promise<Wild> {
  const stand = await openStand(options)
  try {
    const carried: { readonly kill: PlannedKill; readonly runId: string; readonly at: number }[] = []
    const names = new Map<string, string>()
    let worker = await stand.worker('worker 1')
    const stuck: string[] = []
    for (const [i, kill] of round.entries()) {
      // The next process is there before this one dies, as with several workers.
      const next = await stand.worker(`worker ${i + 2}`)
      const { runId, killed } = await carryOut(stand, worker, kill)
      names.set(runId, kill.input)
      if (killed === null) await worker.stop()
      else carried.push({ kill, runId, at: killed.at })
      worker = next
      await worker.go([])
      // One failure at a time: what a lost call costs the budget is then the same for every run.
      stuck.push(...(await stand.untilAllEnded(options.quietMs)))
      // What does not move now would not move after the next kill either.
      if (stuck.length > 0) break
    }
    await worker.stop()
    const evidence = await stand.evidence()
    return {
      kills: carried.map(({ kill, runId, at }) => ({ ...kill, recoveredMs: recoveredMs(evidence, runId, at) })),
      findings: [
        ...stuckFindings(stuck),
        ...checkEvidence(evidence, calm.drill.recorded),
        ...(await compared(evidence, calm, names)),
      ],
    }
  } finally {
    await stand.close()
  }
}

/** Starts the run of the kill and waits until its worker is dead, or the run has ended without coming to the point again. */
async function carryOut(
  stand: Stand,
  worker: Killable,
  { stage, input: name, ...at }: PlannedKill,
): Promise<{ readonly runId: string; readonly killed: Killed | null }> {
  const input = stand.drill.inputs.find((each) => each.name === name)
  if (!input) throw new Error(`the drill has no input \`${name}\``)
  const order: KillOrder = { id: stage, runId: null, point: at.point, name: at.name, nth: at.nth, exact: true }
  await worker.go([order])
  const runId = await stand.start(input)
  const [over, leaving] = [new AbortController(), new AbortController()]
  const ended = stand.signalbox.runs.wait(stand.drill.principal.tenant, runId, { signal: leaving.signal })
  ended.then(() => over.abort()).catch(() => undefined)
  const killed = await worker.killed(over.signal)
  leaving.abort()
  return { runId, killed }
}

function recoveredMs({ runs }: Evidence, runId: string, at: number): number | null {
  const records: readonly RunRecord[] = runs.find((run) => run.row.runId === runId)?.records ?? []
  const first = records.find((record) => record.type === 'segment.started' && Date.parse(record.at) >= at)
  return first ? Date.parse(first.at) - at : null
}

async function storiesOf(
  { runs, recorded }: Evidence,
  drill: WorkflowDrill,
  names: ReadonlyMap<string, string>,
): Promise<Map<string, Story>> {
  const stories = new Map<string, Story>()
  for (const run of runs) {
    const name = names.get(run.row.runId)
    if (name !== undefined && isTellable(run)) stories.set(name, await storyOf(run, drill.volatile ?? [], recorded))
  }
  return stories
}

function isTellable({ records }: DrilledRun): boolean {
  return records[0]?.type === 'run.started'
}

async function compared(evidence: Evidence, calm: Calm, names: ReadonlyMap<string, string>): Promise<Finding[]> {
  const wild = await storiesOf(evidence, calm.drill, names)
  const findings: Finding[] = []
  for (const name of names.values()) {
    const [before, after] = [calm.stories.get(name), wild.get(name)]
    const parts = before && after ? differences(before, after) : ['whole history']
    if (parts.length > 0)
      findings.push({
        kind: 'difference',
        detail: `input \`${name}\` came to another ${parts.join(', ')} than undisturbed`,
      })
  }
  return findings
}

function effectToolsOf({ runs }: Evidence): string[] {
  return [...new Set(runs.flatMap((run) => run.effects.map((effect) => effect.tool)))].sort()
}

function stuckFindings(stuck: readonly string[]): Finding[] {
  return stuck.map((detail) => ({ kind: 'stuck', detail }))
}

function found(findings: readonly Finding[], where: string): Finding[] {
  return findings.map(({ kind, detail }) => ({ kind, detail: `${where}: ${detail}` }))
}
