/**
 * The drill of the kill switches: real workers carry out effects, a switch is thrown, and what reached the outside systems
 * is timed by their own records. One worker stands still, one has a store that does not answer, one is killed. Then the
 * switch is lifted, and every run must come to the end that its rule says, with nothing done twice.
 */
import type { Principal, Signalbox, SwitchMode, SwitchScope } from 'signalbox'
import { sleep, systemHost } from 'signalbox'
import { checkEvidence } from './check.ts'
import type { RecordedEffect } from './define.ts'
import { type DrilledRun, type Evidence, isRecordOf, keysOf } from './evidence.ts'
import type { Finding } from './findings.ts'
import { type Percentiles, percentiles } from './load.ts'
import type { SwitchFault } from './orders.ts'
import { openStand, type Stand } from './stand.ts'
import { EffectWatch, type Seen } from './effect-watch.ts'
import { startSquad, type Squad } from './squad.ts'

/** One throw of a switch. */
export interface KillRound {
  readonly scope: SwitchScope
  readonly mode: SwitchMode
}

/** What a drill of the kill switches does. */
export interface KillDrillOptions {
  readonly configPath: string
  readonly workflow: string
  /** Which switches are thrown; default: every scope in every mode. */
  readonly rounds?: readonly KillRound[]
  /** Runs of each round; the inputs are taken by turns. */
  readonly runs?: number
  /** The lease under which workers know the switches. Default: the project's own. */
  readonly leaseSeconds: number
  readonly planted?: SwitchFault | null
  /** A run that records nothing for this long is stuck. Default 60,000. */
  readonly quietMs?: number
  readonly log?: (line: string) => void
}

/** What one throw showed. Times in milliseconds since the throw; null where there is none. */
export interface KillRoundResult extends KillRound {
  /** Until every worker acted on it, or was silent for so long that it acts on nothing. */
  readonly acknowledgedMs: number | null
  /** Until the last effect of its scope reached the outside. */
  readonly lastEffectMs: number | null
  /** Effects of its scope that came later than the lease. */
  readonly late: number
  /** Effects that came after it was lifted. */
  readonly heldUp: number
  readonly findings: readonly Finding[]
}

/** What came of it. It passed when `findings` is empty. */
export interface KillDrillResult {
  readonly workflow: string
  readonly passed: boolean
  readonly findings: readonly Finding[]
  readonly leaseMs: number
  readonly rounds: readonly KillRoundResult[]
  readonly acknowledged: Percentiles
  readonly lastEffect: Percentiles
  readonly late: number
}

/** Every scope that a project without MCP servers has, in every mode. */
export const KILL_ROUNDS: readonly KillRound[] = (
  ['tool', 'class', 'run', 'workflow', 'tenant', 'global'] as const
).flatMap((scope) => (['pause', 'stop_now', 'stop_new'] as const).map((mode) => ({ scope, mode })))

/** Under it new runs are started, so that a worker with a fault never runs out of work. */
const PLANTED_ROUND: KillRound = { scope: 'tool', mode: 'pause' }
/** Between two starts for a worker with a fault. */
const FEED_MS = 50
/** A planted fault that has not shown by then is not found. */
const MOST_PLANTED_MS = 20_000

/** What clocks and a request on its way may differ by on a busy machine. */
const ON_THE_WAY_MS = 750
const RUNS = 24
const LOOK_MS = 10

/** Carries out the drill, each throw on a stand of its own. Throws what the project throws when it cannot start. */
export async function killDrill(options: KillDrillOptions): Promise<KillDrillResult> {
  const { workflow, leaseSeconds, log } = options
  const chosen = options.planted ? [PLANTED_ROUND] : (options.rounds ?? KILL_ROUNDS)
  const rounds: KillRoundResult[] = []
  for (const round of chosen) {
    const done = await playRound(round, options)
    rounds.push(done)
    log?.(`${round.scope} ${round.mode}: ${told(done)}`)
  }
  const findings = rounds.flatMap((each) => each.findings)
  // A pause that had nothing to hold up shows nothing.
  if (chosen.some(isWidePause) && !rounds.some((each) => isWidePause(each) && each.heldUp > 0))
    findings.push({ kind: 'switch', detail: 'no pause held an effect up: give the drill more inputs with effects' })
  const times = (of: (round: KillRoundResult) => number | null): Percentiles =>
    percentiles(rounds.flatMap((round) => of(round) ?? []))
  return {
    workflow,
    passed: findings.length === 0,
    findings,
    leaseMs: leaseSeconds * 1_000,
    rounds,
    acknowledged: times((round) => round.acknowledgedMs),
    lastEffect: times((round) => round.lastEffectMs),
    late: rounds.reduce((sum, { late }) => sum + late, 0),
  }
}

function isWidePause({ scope, mode }: KillRound): boolean {
  return mode === 'pause' && scope !== 'run'
}

function told({ acknowledgedMs, lastEffectMs, late, heldUp, findings }: KillRoundResult): string {
  const last = lastEffectMs === null ? 'no effect after it' : `last effect after ${lastEffectMs} ms`
  return `acknowledged after ${acknowledgedMs ?? '?'} ms, ${last}, ${late} late, ${heldUp} held up, ${findings.length} findings`
}

async function playRound(round: KillRound, options: KillDrillOptions): Promise<KillRoundResult> {
  const { leaseSeconds, planted = null, runs = RUNS } = options
  const stand = await openStand({ configPath: options.configPath, workflow: options.workflow })
  const watch = new EffectWatch(stand.world)
  try {
    const ids: string[] = []
    for (let n = 0; n < runs; n++) {
      const input = stand.drill.inputs[n % stand.drill.inputs.length]
      if (input) ids.push(await stand.start({ ...input, name: `${input.name} (${n})` }))
    }
    const squad = await startSquad(stand, { leaseSeconds, fault: planted })
    watch.start()
    return await throwAndLift({ round, stand, squad, watch, ids, options })
  } finally {
    await watch.stop()
    await stand.close()
  }
}

interface Play {
  readonly round: KillRound
  readonly stand: Stand
  readonly squad: Squad
  readonly watch: EffectWatch
  readonly ids: readonly string[]
  readonly options: KillDrillOptions
}

const ONE: Omit<Principal, 'tenant'> = { id: 'user:drill-operator', kind: 'user', roles: ['operator'] }
const TWO: Omit<Principal, 'tenant'> = { ...ONE, id: 'user:drill-second-operator' }

async function throwAndLift({ round, stand, squad, watch, ids, options }: Play): Promise<KillRoundResult> {
  const { signalbox, drill } = stand
  const { tenant } = drill.principal
  const { mode } = round
  const boundMs = options.leaseSeconds * 1_000 + ON_THE_WAY_MS
  await squad.go()
  // The first effect: from here on there is something to stop. Without one the round shows nothing, and says so.
  while (watch.seen.length === 0 && (await isGoing(signalbox, tenant))) await sleep(systemHost, LOOK_MS)
  const target = await targetOf(round, stand, ids)
  await squad.disturb()
  const row = await signalbox.runs.engageKillSwitch({
    ...{ by: { ...ONE, tenant }, scope: round.scope, target, mode, reason: 'a drill of the kill switches' },
  })
  const thrownMs = systemHost.monotonicMs()
  await squad.killOne()
  const findings = await refusedStart(stand, round)
  const isPlanted = (options.planted ?? null) !== null
  const acknowledgedMs = isPlanted
    ? await feedUntilLate({ stand, watch, lateMs: thrownMs + boundMs })
    : await watched({ signalbox, tenant, id: row.id, mode, squad, thrownMs, boundMs })
  await squad.recover()
  const liftedMs = systemHost.monotonicMs()
  const lifted = await signalbox.runs.liftKillSwitch({
    id: row.id,
    by: { ...ONE, tenant },
    reason: 'the drill is over',
  })
  if (!lifted.lifted)
    await signalbox.runs.liftKillSwitch({ id: row.id, by: { ...TWO, tenant }, reason: 'the drill is over' })
  // A worker with a fault has shown it by now; its runs stay with it.
  const stuck = isPlanted ? [] : await stand.untilAllEnded(options.quietMs)
  await watch.stop()
  await squad.end()
  const evidence = await stand.evidence()
  const inScope = watch.seen.filter((each) => isTouched(each.effect, round, target, evidence, signalbox))
  const before = inScope.filter((each) => each.atMs > thrownMs && each.atMs < liftedMs)
  const late = mode === 'stop_new' ? [] : before.filter((each) => each.atMs > thrownMs + boundMs)
  return {
    ...round,
    acknowledgedMs,
    lastEffectMs: mode === 'stop_new' ? null : lastOf(before, thrownMs),
    late: late.length,
    heldUp: inScope.filter((each) => each.atMs >= liftedMs).length,
    findings: [
      ...findings,
      ...stuck.map((detail): Finding => ({ kind: 'stuck', detail })),
      ...lateFindings(late, round, thrownMs),
      ...(acknowledgedMs === null && !isPlanted ? [unacknowledged(round)] : []),
      ...(isPlanted ? [] : [...checkEvidence(evidence, drill.recorded), ...ruleFindings(evidence, round, target)]),
    ],
  }
}

/** Waits for the acknowledgement and past the bound; then whoever stood still goes on, and must find out by itself. */
async function watched(of: {
  readonly signalbox: Signalbox
  readonly tenant: string
  readonly id: string
  readonly mode: SwitchMode
  readonly squad: Squad
  readonly thrownMs: number
  readonly boundMs: number
}): Promise<number | null> {
  const { signalbox, tenant, id, mode, squad, thrownMs, boundMs } = of
  const acknowledgedMs = await acknowledged(signalbox, tenant, id, thrownMs, boundMs * 4)
  // It stops no send: there is nothing to watch.
  if (mode === 'stop_new') return acknowledgedMs
  const restMs = thrownMs + boundMs - systemHost.monotonicMs()
  if (restMs > 0) await sleep(systemHost, restMs)
  await squad.wake()
  await sleep(systemHost, boundMs)
  return acknowledgedMs
}

/** Starts runs until an effect came too late, or for so long that none will. */
async function feedUntilLate(of: {
  readonly stand: Stand
  readonly watch: EffectWatch
  readonly lateMs: number
}): Promise<null> {
  const { stand, watch, lateMs } = of
  const { inputs } = stand.drill
  for (let n = 0; systemHost.monotonicMs() < lateMs + MOST_PLANTED_MS; n++) {
    if (watch.seen.some(({ atMs }) => atMs > lateMs)) return null
    const input = inputs[n % inputs.length]
    if (input) await stand.start({ ...input, name: `${input.name} (fed ${n})` })
    await sleep(systemHost, FEED_MS)
  }
  return null
}

function lastOf(seen: readonly Seen[], thrownMs: number): number | null {
  const last = seen.at(-1)
  return last ? Math.round(last.atMs - thrownMs) : null
}

function lateFindings(late: readonly Seen[], { scope, mode }: KillRound, thrownMs: number): Finding[] {
  return late.map(({ effect, atMs }) => ({
    kind: 'late',
    detail: `${scope} ${mode}: \`${effect.tool}\` of \`${effect.subject}\` reached the outside ${Math.round(atMs - thrownMs)} ms after the throw`,
  }))
}

function unacknowledged({ scope, mode }: KillRound): Finding {
  return { kind: 'switch', detail: `${scope} ${mode}: not every worker acted on it` }
}

async function isGoing({ runs }: Signalbox, tenant: string): Promise<boolean> {
  return (await runs.list({ tenant, status: ['queued', 'running', 'waiting', 'stopping'], limit: 1 })).length > 0
}

/** What the switch is thrown against: a run that has not ended, the first recorded tool, its class. */
async function targetOf({ scope }: KillRound, { signalbox, drill }: Stand, ids: readonly string[]): Promise<string> {
  const [tool = ''] = drill.recorded
  if (scope === 'workflow') return drill.workflow
  if (scope === 'tool') return tool
  if (scope === 'class') return classOf(signalbox, tool)
  if (scope !== 'run') return '*'
  const status = ['queued', 'running', 'waiting'] as const
  const [open] = await signalbox.runs.list({ tenant: drill.principal.tenant, status, limit: 1 })
  return open?.runId ?? ids.at(-1) ?? ''
}

/** As the policy sees the tool. */
function classOf({ policy }: Signalbox, tool: string): string {
  return policy.tool(tool)?.class ?? ''
}

/** A start under a switch that stands against it is refused; under any other it is not tried. */
async function refusedStart({ drill, start }: Stand, { scope, mode }: KillRound): Promise<Finding[]> {
  const [input] = drill.inputs
  if (!input || !['global', 'tenant', 'workflow'].includes(scope)) return []
  const code = await start({ ...input, name: `${input.name} (refused)` }).then(
    () => null,
    (thrown: unknown) => (thrown instanceof Error && 'code' in thrown ? String(thrown.code) : 'a fault'),
  )
  if (code === 'KILL_SWITCH') return []
  const what = code === null ? 'a new run was started' : `a new run was refused with ${code}`
  return [{ kind: 'switch', detail: `${scope} ${mode}: ${what} while the switch stood` }]
}

async function acknowledged(
  { switches }: Signalbox,
  tenant: string,
  id: string,
  thrownMs: number,
  mostMs: number,
): Promise<number | null> {
  for (;;) {
    const status = await switches.status(tenant, id)
    const tookMs = Math.round(systemHost.monotonicMs() - thrownMs)
    if (status.length > 0 && status.every((each) => each.acknowledged)) return tookMs
    if (tookMs > mostMs) return null
    await sleep(systemHost, LOOK_MS)
  }
}

/** Whether the switch stands against this effect. */
function isTouched(
  effect: RecordedEffect,
  { scope }: KillRound,
  target: string,
  { runs }: Evidence,
  signalbox: Signalbox,
): boolean {
  if (scope === 'tool') return effect.tool === target
  if (scope === 'class') return classOf(signalbox, effect.tool) === target
  if (scope !== 'run') return true
  return runs.some((run) => run.row.runId === target && isOf(effect, run))
}

function isOf(effect: RecordedEffect, run: DrilledRun): boolean {
  return run.effects.some((row) => isRecordOf(effect, row, keysOf(run, row)))
}

/** What a switch does to whole runs: a stop ends those of its scope with its code, and nothing else does. */
function ruleFindings({ runs }: Evidence, { scope, mode }: KillRound, target: string): Finding[] {
  const ended = runs.filter(({ row }) => row.code === 'KILL_SWITCH')
  const mayEnd = mode === 'stop_now' && scope !== 'tool' && scope !== 'class'
  const wrong = ended.filter(({ row }) => !mayEnd || (scope === 'run' && row.runId !== target))
  return wrong.map(({ row }) => ({
    kind: 'switch',
    detail: `${scope} ${mode}: run ${row.runId} was ended by the switch, and it stands against no whole run`,
  }))
}
