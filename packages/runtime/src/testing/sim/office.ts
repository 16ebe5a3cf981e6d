import { SignalboxError } from '../../base/errors.ts'
import type { PersonRequest } from '../../contracts/runtime.ts'
import type { PersonRequestRow } from '../../contracts/store.ts'
import { isEnded } from '../../reliability/run-machine.ts'
import type { Signalbox } from '../../runtime.ts'
import type { SimContext } from './context.ts'
import type { SimProcess } from './machine.ts'
import type { SimRandom } from './random.ts'
import { type OperatorAct, type PersonAnswer, REQUESTER, REVIEWER, type SimRun, type SimScenario } from './scenario.ts'

const REASON = 'seen and weighed'
/** How long people and clients wait before they try again. */
const AGAIN_MS = 700
const MOST_TRIES = 400

/** Refusals after which trying again has no sense. */
const FINAL = new Set(['APPROVAL_DECIDED', 'APPROVAL_EXPIRED', 'APPROVAL_VOID', 'RUN_ENDED', 'RUN_NOT_FOUND'])

/** Refusals of one point of a run. */
const NO_POINT = new Set(['CHECKPOINT_NOT_FOUND', 'FORK_EFFECT_OPEN'])

/** What becomes of a try: over, or to be done again. */
type Try = 'over' | 'again' | 'not_yet'

/** People and programs outside of all workers: they start runs, answer, operate, and try again when it does not work. */
export class Office {
  /** Things that are still to be done; silence is not one. */
  pending = 0
  readonly runIds: (string | null)[] = []
  private readonly context: SimContext
  private readonly process: SimProcess
  private readonly sb: Signalbox
  private readonly scenario: SimScenario
  private readonly random: SimRandom

  constructor(context: SimContext, process: SimProcess, sb: Signalbox, scenario: SimScenario) {
    this.context = context
    this.process = process
    this.sb = sb
    this.scenario = scenario
    this.random = context.random.stream('office')
  }

  /** Starts the runs and lets the operator act. */
  open(runs: readonly SimRun[], acts: readonly OperatorAct[]): void {
    for (const [i, run] of runs.entries()) {
      this.runIds.push(null)
      const { workflow, input } = run
      this.later(run.atMs ?? 0, async () => {
        const started = await this.sb.runs.start({ workflow, input, principal: REQUESTER, requestId: `request-${i}` })
        this.runIds[i] = started.runId
        return 'over'
      })
    }
    for (const act of acts) this.later(act.atMs, () => this.operate(act))
  }

  /** Something waits for a person. */
  asked(row: PersonRequestRow): void {
    let said: PersonAnswer | undefined
    const look = async (): Promise<Try> => {
      const request = await this.sb.runs.request(row.tenant, row.id)
      if (request.row.state !== 'open') return 'over'
      said ??= this.say(request)
      return said === null ? 'over' : this.answer(request, said)
    }
    this.later(this.random.between(100, 4_000), look)
  }

  private say(request: PersonRequest): PersonAnswer {
    const said = this.scenario.people?.(request)
    if (said !== undefined && request.row.kind !== 'question') return said
    if (said !== undefined && said !== null) return said
    if (request.row.kind === 'approval') return { kind: 'approval', answer: 'approved' }
    if (request.row.kind === 'request') return null
    const { packet } = request
    const key = packet && 'idempotency_key' in packet ? packet.idempotency_key : ''
    const stands = packet !== null && 'earlier' in packet && packet.earlier !== null
    const happened = stands || this.context.outside.effects().some((effect) => effect.key === key)
    return { kind: 'question', answer: happened ? 'happened' : 'did_not' }
  }

  private async answer({ row, packetHash }: PersonRequest, said: NonNullable<PersonAnswer>): Promise<Try> {
    const { runs } = this.sb
    const by = REVIEWER
    if (said.kind === 'approval')
      await runs.decide({ approvalId: row.id, answer: said.answer, by, reason: REASON, seen: packetHash })
    else if (said.kind === 'question')
      await runs.answer({ questionId: row.id, answer: said.answer, by, reason: REASON })
    else await runs.respond({ requestId: row.id, value: said.value, by })
    return 'over'
  }

  private async operate(act: OperatorAct): Promise<Try> {
    const runId = this.runIds[act.run ?? 0] ?? null
    if (runId === null) return 'again'
    const by = REVIEWER
    switch (act.act) {
      case 'cancel':
      case 'terminate':
        await this.sb.runs.cancel({ runId, by, reason: REASON, terminate: act.act === 'terminate' })
        return 'over'
      case 'kill': {
        const target = act.toolClass
        const { id } = await this.sb.runs.engageKillSwitch({
          by,
          scope: 'class',
          target,
          mode: 'stop_now',
          reason: REASON,
        })
        this.later(act.forMs, async () => {
          await this.sb.runs.liftKillSwitch({ id, by, reason: REASON })
          return 'over'
        })
        return 'over'
      }
      case 'restore':
        return this.restore(runId, act.where)
      case 'restore_at':
      case 'fork_at':
        return this.move(runId, act.act, act.where)
      default:
        return act satisfies never
    }
  }

  private async restore(runId: string, where: number): Promise<Try> {
    const row = await this.sb.runs.get(REVIEWER.tenant, runId)
    if (row.branch > 0) return 'over'
    if (!isEnded(row.status) && row.status !== 'waiting') return row.status === 'parked' ? 'again' : 'not_yet'
    const points = (await this.sb.runs.restorePoints(REVIEWER.tenant, runId)).filter((point) => point.current)
    const point = points[Math.round(where * (points.length - 1))]
    if (!point) return 'over'
    await this.sb.runs.restore({ runId, seq: point.seq, by: REVIEWER, reason: REASON })
    return 'over'
  }

  /** A restore or a fork at any record; a point that cannot be taken gives way to the one before it. */
  private async move(runId: string, act: 'restore_at' | 'fork_at', where: number): Promise<Try> {
    const row = await this.sb.runs.get(REVIEWER.tenant, runId)
    if (act === 'restore_at' && row.branch > 0) return 'over'
    if (!isEnded(row.status) && row.status !== 'waiting') return row.status === 'parked' ? 'again' : 'not_yet'
    const requestId = `fork of ${runId}`
    for (let seq = 1 + Math.round(where * (row.seq - 1)); seq > 0; seq--)
      try {
        const request = { runId, seq, by: REVIEWER, reason: REASON }
        if (act === 'restore_at') await this.sb.runs.restore(request)
        else await this.sb.runs.fork({ ...request, requestId })
        return 'over'
      } catch (thrown) {
        if (!(thrown instanceof SignalboxError) || !NO_POINT.has(thrown.code)) throw thrown
      }
    return 'over'
  }

  /** Does something after a while, and again until it is over. */
  private later(ms: number, attempt: () => Promise<Try>, tries = 0): void {
    if (tries === 0) this.pending += 1
    this.context.machine.after(this.process, ms, () => {
      attempt().then(
        (end) => this.end(end, attempt, tries),
        (thrown: unknown) => {
          const final = thrown instanceof SignalboxError && FINAL.has(thrown.code)
          this.context.note(`office ${thrown instanceof SignalboxError ? thrown.code : String(thrown)}`)
          this.end(final ? 'over' : 'again', attempt, tries)
        },
      )
    })
  }

  private end(end: Try, attempt: () => Promise<Try>, tries: number): void {
    // A run whose worker died before the clock was set back rests for the hour that its lease lasts longer.
    if (end === 'not_yet') this.later(AGAIN_MS, attempt, Math.max(tries, 1))
    else if (end === 'over' || tries >= MOST_TRIES) this.pending -= 1
    else this.later(AGAIN_MS, attempt, tries + 1)
  }
}
