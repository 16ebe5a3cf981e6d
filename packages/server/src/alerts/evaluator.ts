import {
  ALERT_READS,
  type AlertChange,
  type AlertFacts,
  type AlertIncident,
  type AlertProgress,
  type AlertProgressRow,
  type AlertRecord,
  alertId,
  chainAlertEvents,
  type ExportedRecord,
  evaluateAlerts,
  type Host,
  isEmptied,
  isIncident,
  NO_PROGRESS,
  planAlerts,
  QUIET_GAUGES,
  RUN_ENDS,
  type RunRecord,
  type RunsApi,
  readForAlerts,
  type Store,
  settleProgress,
  sleep,
  streamPlace,
  toSignalboxError,
} from 'signalbox'
import { Leadership } from '../schedules/leadership.ts'
import { AlertSwitches } from './engage.ts'
import { type AlertSettings, limitsIn, termsIn } from './settings.ts'
import type { AlertSources } from './sources.ts'

/** Name of the lease of the one process that evaluates. */
export const ALERT_LEASE = 'alerts'

/** Records read in one transaction. */
const BATCH = 1_000
/** An idle evaluation says so this often, so that a missing one can be seen. */
const SIGN_OF_LIFE_MS = 30_000
/** Histories of runs that ended longer ago are not checked: a first start must not read all that was ever stored. */
const CHECKED_MS = 86_400_000
const MOST_UNRESOLVED = 5_000
const KEPT_WORKFLOWS = 5_000
const TRIES = 5

/** What an evaluation works with. */
export interface EvaluatorOptions {
  readonly store: Pick<
    Store,
    | 'lease'
    | 'setLease'
    | 'export'
    | 'run'
    | 'alerts'
    | 'alert'
    | 'alertHead'
    | 'alertProgress'
    | 'commitAlerts'
    | 'switchBook'
  >
  readonly host: Host
  readonly settings: AlertSettings
  readonly sources: AlertSources
  /** The tenant to whom the server's own alerts belong. */
  readonly home: string
  readonly runs: Pick<RunsApi, 'engageKillSwitch'>
  readonly log: (line: string) => void
  readonly leaseMs?: number
}

/** An evaluation at work. */
export interface AlertHandle {
  /** Why the last look of this process failed, or null: an evaluation that fails is told beside the alerts. */
  fault(): string | null
  stop(): Promise<void>
}

/** Evaluates alerts while this process leads. Never throws: what goes wrong is logged once, told by `fault`, and tried again. */
export function startAlerts(options: EvaluatorOptions): AlertHandle {
  const stopping = new AbortController()
  const evaluator = new AlertEvaluator(options)
  let fault: string | null = null
  const ended = (async () => {
    const { host, settings, log } = options
    while (!stopping.signal.aborted) {
      try {
        await evaluator.tick()
        if (fault !== null) log('alerts are evaluated again')
        fault = null
      } catch (thrown) {
        const { code, message } = toSignalboxError(thrown)
        const told = `${code}: ${message}`
        if (told !== fault) log(`alerts are blind: ${told}`)
        fault = told
      }
      await sleep(host, settings.everySeconds * 1_000, stopping.signal)
    }
    await evaluator.leadership.release().catch(() => undefined)
  })()
  return {
    fault: () => fault,
    stop: async () => {
      stopping.abort()
      await ended
    },
  }
}

/**
 * Reads new records by a cursor and what is so now, and stores in one transaction what became of the alerts, what people are
 * told, and how far it read: a crash loses no alert and doubles none (Invariant 3). Only the leader writes (Invariant 10).
 */
export class AlertEvaluator {
  readonly leadership: Leadership
  readonly #options: EvaluatorOptions
  readonly #switches: AlertSwitches
  readonly #workflows = new Map<string, string>()

  constructor(options: EvaluatorOptions) {
    this.#options = options
    const { store, host, leaseMs } = options
    this.leadership = new Leadership({ store, host, name: ALERT_LEASE, ...(leaseMs === undefined ? {} : { leaseMs }) })
    this.#switches = new AlertSwitches(options)
  }

  /** Reads on to the end of the records and evaluates there. Throws the codes of the store and of its sources. */
  async tick(): Promise<void> {
    let more = true
    let tries = 0
    while (more && tries < TRIES) {
      const epoch = await this.leadership.hold()
      if (epoch === null) return
      await this.#switches.carryOut(epoch)
      const result = await this.#look(epoch)
      if (result === 'fenced') return
      tries = result === 'changed' ? tries + 1 : 0
      more = result !== 'done'
    }
    const { epoch } = this.leadership
    if (epoch !== null) await this.#switches.carryOut(epoch)
  }

  /** One batch. `more`: there are others behind it; `changed`: a person was first, nothing was stored. */
  async #look(epoch: number): Promise<'done' | 'more' | 'fenced' | 'changed'> {
    const { store, host } = this.#options
    const before = await store.alertProgress()
    const records = await store.export(before?.position ?? 0, BATCH)
    const atEnd = records.length < BATCH
    const now = host.now()
    const read = readForAlerts(progressOf(before), await this.#recordsOf(records))
    const incidents = [...read.incidents, ...(await this.#checkEnded(records, now))]
    const found = await this.#evaluate({ progress: read.progress, incidents, now, atEnd })
    const position = records.at(-1)?.position ?? before?.position ?? 0
    const isIdle = records.length === 0 && found.changes.length === 0
    if (isIdle && before && now - before.evaluatedAt < SIGN_OF_LIFE_MS && now >= before.evaluatedAt) return 'done'
    const result = await this.#commit(epoch, found.changes, {
      position,
      evaluatedAt: atEnd ? now : (before?.evaluatedAt ?? now),
      body: JSON.stringify(found.progress),
    })
    if (result !== 'committed') return result
    return atEnd ? 'done' : 'more'
  }

  /** What changes. Before the end of the records only incidents count: what is so now is known at the end. */
  async #evaluate(read: {
    readonly progress: AlertProgress
    readonly incidents: readonly AlertIncident[]
    readonly now: number
    readonly atEnd: boolean
  }): Promise<{ readonly changes: readonly AlertChange[]; readonly progress: AlertProgress }> {
    const { store, settings, sources, home } = this.#options
    const { now, incidents, atEnd } = read
    const states = ['open', 'acknowledged', 'silenced'] as const
    const kind = atEnd ? {} : ({ kind: 'denial.spike' } as const)
    const unresolved = await store.alerts({ states, limit: MOST_UNRESOLVED, ...kind })
    const frozen = unresolved.filter(({ kind, state }) => kind === 'denial.spike' && state === 'open')
    const places = new Set(frozen.map(({ tenant, workflow }) => streamPlace(tenant, workflow ?? '')))
    // In every batch: what left the window must not pile up while the evaluation is behind.
    const progress = settleProgress(read.progress, now, places)
    const gauges = atEnd ? await sources.gauges(now) : QUIET_GAUGES
    const facts: AlertFacts = { now, home, incidents, gauges, progress: atEnd ? progress : NO_PROGRESS }
    const all = evaluateAlerts(facts, limitsIn(settings))
    const found = atEnd ? all : all.filter(({ kind, finding }) => isIncident(kind, finding))
    const rows = new Map(atEnd ? unresolved.map((row) => [row.id, row]) : [])
    for (const { kind, finding } of found) {
      const id = alertId(finding.tenant, kind, finding.key)
      const row = rows.has(id) ? null : await store.alert(finding.tenant, id)
      if (row) rows.set(id, row)
    }
    return { changes: planAlerts(found, rows, now, termsIn(settings)), progress }
  }

  async #commit(epoch: number, changes: readonly AlertChange[], progress: AlertProgressRow) {
    const { store } = this.#options
    const drafts = changes.flatMap(({ events }) => events)
    return await store.commitAlerts({
      lease: { name: ALERT_LEASE, epoch },
      progress,
      rows: changes.map(({ row }) => row),
      events: chainAlertEvents(drafts, await headsOf(store, drafts)),
      notices: changes.flatMap(({ notices }) => notices),
    })
  }

  async #recordsOf(records: readonly ExportedRecord[]): Promise<readonly AlertRecord[]> {
    const read: AlertRecord[] = []
    for (const each of records) {
      const { tenant, runId, seq, type } = each
      const workflow = await this.#workflowOf(tenant, runId)
      // The run is gone: nobody can be told of it.
      if (workflow === null) continue
      read.push({ tenant, workflow, runId, seq, type, record: ALERT_READS.has(type) ? recordOf(each) : null })
    }
    return read
  }

  async #workflowOf(tenant: string, runId: string): Promise<string | null> {
    const place = JSON.stringify([tenant, runId])
    const known = this.#workflows.get(place)
    if (known !== undefined) return known
    const row = await this.#options.store.run(tenant, runId)
    if (!row) return null
    this.#workflows.set(place, row.workflow)
    const oldest = this.#workflows.keys().next().value
    if (this.#workflows.size > KEPT_WORKFLOWS && oldest !== undefined) this.#workflows.delete(oldest)
    return row.workflow
  }

  /** Checks the histories of the runs that ended in this batch (Invariants 9 and 15). */
  async #checkEnded(records: readonly ExportedRecord[], now: number): Promise<readonly AlertIncident[]> {
    const incidents: AlertIncident[] = []
    for (const { tenant, runId, type, body } of records) {
      if (!RUN_ENDS.has(type) || now - timeIn(body) > CHECKED_MS) continue
      const workflow = await this.#workflowOf(tenant, runId)
      const check = workflow === null ? null : await this.#options.sources.history(tenant, runId)
      if (workflow === null || !check) continue
      const told = { 'lineage.gap': check.gaps, 'audit.failed': check.faults } as const
      // The two keys of the object above.
      for (const kind of Object.keys(told) as (keyof typeof told)[]) {
        const [first] = told[kind]
        if (!first) continue
        const what = [...new Set(told[kind].map((each) => each.kind))].join(', ')
        const refs = told[kind].map(({ seq }) => ({ run: runId, seq }))
        incidents.push({ kind, tenant, workflow, refs, values: { what, findings: told[kind].length } })
      }
    }
    return incidents
  }
}

/** Where the histories of these events' tenants end. */
export async function headsOf(
  store: Pick<Store, 'alertHead'>,
  drafts: readonly { readonly tenant: string }[],
): Promise<ReadonlyMap<string, Awaited<ReturnType<Store['alertHead']>>>> {
  const heads = new Map<string, Awaited<ReturnType<Store['alertHead']>>>()
  for (const tenant of new Set(drafts.map((each) => each.tenant))) heads.set(tenant, await store.alertHead(tenant))
  return heads
}

function progressOf(row: AlertProgressRow | null): AlertProgress {
  // This file alone writes it, of exactly this type.
  return row ? (JSON.parse(row.body) as AlertProgress) : NO_PROGRESS
}

function recordOf(each: ExportedRecord): RunRecord | null {
  if (isEmptied(each)) return null
  try {
    // What the engine wrote, of exactly this type.
    return JSON.parse(each.body) as RunRecord
  } catch {
    // Damaged: the check of its run's history tells of it.
    return null
  }
}

function timeIn(body: string): number {
  const at = /"at":"([^"]{20,30})"/.exec(body)?.[1]
  return at === undefined ? 0 : Date.parse(at)
}
