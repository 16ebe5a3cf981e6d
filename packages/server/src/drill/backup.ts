/**
 * The backup drill: copies the store of working processes while they write, puts the copy into a fresh folder, and lets
 * fresh processes go on from it. One process is stopped with an effect under way when the copy is made; it goes on
 * afterwards and does that effect, of which the copy has the intent alone (ENGINE R4).
 */
import { copyFileSync, mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { backupSqlite, checkBackup, type EffectRow, sleep, systemHost } from 'signalbox'
import { DATABASE } from '../dev/compose.ts'
import { checkEvidence } from './check.ts'
import type { RecordedEffect } from './define.ts'
import { isRecordOf, keysOf } from './evidence.ts'
import type { Finding } from './findings.ts'
import type { KillOrder } from './orders.ts'
import type { Killable } from './process.ts'
import { openStand, type Stand } from './stand.ts'

/** Faults that the drill can plant to show that it would find them (Invariant 17). */
export const BACKUP_FAULTS = ['copy_without_log', 'intent_after_call'] as const
/** One of them: a copy of the file without its log; an intent that is written only after its call. */
export type BackupFault = (typeof BACKUP_FAULTS)[number]

/** What a backup drill does. */
export interface BackupDrillOptions {
  readonly configPath: string
  readonly workflow: string
  readonly planted?: BackupFault | null
  /** A run that records nothing for this long is stuck. Default 60,000. */
  readonly quietMs?: number
  readonly log?: (line: string) => void
}

/** What came of it. It passed when `findings` is empty. */
export interface BackupDrillResult {
  readonly workflow: string
  readonly passed: boolean
  readonly findings: readonly Finding[]
  /** Runs in the copy, those of them that were going on, and those that waited for a person. */
  readonly copied: { readonly runs: number; readonly records: number; readonly going: number; readonly waiting: number }
  readonly backupMs: number
  /** Records that were written to the original while the copy was made. */
  readonly writtenMeanwhile: number
  /** Effects whose intent the copy had without an outcome. */
  readonly openEffects: number
  /** Effects that the original sent after the copy was made and that the copy sent again under their keys. */
  readonly repeated: number
  /** How many of them the outside systems then had twice: their tools' targets do not honour the key. */
  readonly repeatedTwice: number
}

/** Carries out a backup drill. Throws what the project throws when it cannot start; everything else is a finding. */
export async function backupDrill(options: BackupDrillOptions): Promise<BackupDrillResult> {
  const held = new Set<string>()
  const planted = options.planted === 'intent_after_call' ? options.planted : null
  const stand = await openStand({ ...options, planted, mayAnswer: (row) => !held.has(row.runId) })
  try {
    const made = await copyWhileWriting(stand, options, held)
    options.log?.(
      `copied ${made.extent.records} records in ${Math.round(made.backupMs)} ms, ${made.writtenMeanwhile} written meanwhile`,
    )
    const copy = await openStand({ ...options, planted: null, on: { ...stand, folder: made.folder } })
    try {
      return await goOnFromCopy(copy, made, options)
    } finally {
      await copy.close()
    }
  } finally {
    await stand.close()
  }
}

const QUIET_MS = 60_000
/** How often it is looked whether the stopped process has done its effect. */
const MOST_LOOKS = 200

/** What was copied, and what was under way then. */
interface Copied {
  readonly folder: string
  readonly extent: { readonly runs: number; readonly records: number }
  readonly backupMs: number
  readonly writtenMeanwhile: number
  /** The effect that was being sent when the copy was made; null when no run came to one. */
  readonly underWay: { readonly runId: string; readonly tool: string } | null
  readonly findings: readonly Finding[]
}

/** Two processes work; when the first has stopped at an effect the store is copied, while the second goes on. */
async function copyWhileWriting(stand: Stand, options: BackupDrillOptions, held: Set<string>): Promise<Copied> {
  const runIds: string[] = []
  for (const input of stand.drill.inputs) {
    const runId = await stand.start(input)
    // Every third run waits for its person until it goes on from the copy.
    if (runIds.push(runId) % 3 === 0) held.add(runId)
  }
  const first = await stand.worker('original 1')
  // It takes up one run after the other, so that it does not come to all of the effects first.
  const second = await stand.worker('original 2', { concurrency: 1 })
  first.go(stopAtEffect(stand, runIds))
  second.go([])
  const underWay = await stoppedAt(stand, first, options.quietMs ?? QUIET_MS)
  options.log?.(
    underWay ? `stopped while ${underWay.tool} was being sent` : 'no run came to an effect of a recorded tool',
  )
  // At once: when its lease has run out, the other process may take the stopped run over.
  const before = await stand.signalbox.store.stats()
  const folder = join(stand.folder, 'restored')
  mkdirSync(folder, { recursive: true, mode: 0o700 })
  const target = join(folder, DATABASE)
  const { backupMs, failed } = await copied(stand, target, options.planted ?? null)
  const after = await stand.signalbox.store.stats()
  const check = checkBackup(target, before)
  const findings: Finding[] = [...failed, ...check.failedRuns].map((runId) =>
    history(`run ${runId} does not verify in the copy`),
  )
  if (check.missing > 0)
    findings.push({
      kind: 'lost',
      detail: `the copy lacks ${check.missing} runs or records that were on record before`,
    })
  await letGoOn(stand, first, underWay)
  await Promise.all([first.kill(), second.kill()])
  const { runs, records } = check
  return {
    folder,
    extent: { runs, records },
    backupMs,
    writtenMeanwhile: after.records - before.records,
    underWay,
    findings,
  }
}

function history(detail: string): Finding {
  return { kind: 'history', detail }
}

async function copied(
  stand: Stand,
  target: string,
  planted: BackupFault | null,
): Promise<{ readonly backupMs: number; readonly failed: readonly string[] }> {
  const startedMs = systemHost.monotonicMs()
  if (planted === 'copy_without_log') {
    copyFileSync(stand.database, target)
    return { backupMs: systemHost.monotonicMs() - startedMs, failed: [] }
  }
  const { durationMs, failedRuns } = await backupSqlite(stand.database, target)
  return { backupMs: durationMs, failed: failedRuns }
}

/** Orders to stop where an effect is handed over: intent durable, nothing sent. The first that is reached counts. */
function stopAtEffect({ drill }: Stand, runIds: readonly string[]): KillOrder[] {
  return runIds.flatMap((runId) =>
    drill.recorded.map((tool) => ({
      id: JSON.stringify({ runId, tool }),
      runId,
      point: 'sent' as const,
      name: tool,
      exact: true,
      nth: 1,
      signal: 'SIGSTOP' as const,
    })),
  )
}

/** Waits until the worker has stopped at an effect, or its runs have ended or wait. */
async function stoppedAt(stand: Stand, worker: Killable, quietMs: number): Promise<Copied['underWay']> {
  const line = await whileGoing(
    stand,
    quietMs,
    async () => worker.lines.find((each) => each.startsWith('stopped ')) ?? null,
  )
  // Written by this drill as the id of the order.
  return line === null ? null : (JSON.parse(line.slice('stopped '.length)) as { runId: string; tool: string })
}

const LOOK_MS = 50

/** Looks until there is something, no run goes on any more, or nothing was recorded for `quietMs`. */
async function whileGoing<T>(
  { signalbox, drill }: Stand,
  quietMs: number,
  look: () => Promise<T | null>,
): Promise<T | null> {
  const { tenant } = drill.principal
  let before = -1
  let until = 0
  for (;;) {
    const found = await look()
    if (found !== null) return found
    const { records } = await signalbox.store.stats()
    if (records !== before) until = systemHost.monotonicMs() + quietMs
    before = records
    const going = await signalbox.runs.list({ tenant, status: ['queued', 'running', 'stopping'], limit: 1 })
    if (going.length === 0 || systemHost.monotonicMs() > until) return null
    await sleep(systemHost, LOOK_MS)
  }
}

/** The stopped process goes on and does its effect: the world changes after the copy was made. */
async function letGoOn(stand: Stand, worker: Killable, underWay: Copied['underWay']): Promise<void> {
  for (let looks = 0; looks < MOST_LOOKS; looks++) {
    // It stops again at the next effect of another run.
    worker.child.kill('SIGCONT')
    if (underWay === null) return
    const effects = await stand.signalbox.store.effects(stand.drill.principal.tenant, underWay.runId)
    if (effects.some((each) => each.tool === underWay.tool && each.outcomeSeq !== null)) return
    await sleep(systemHost, LOOK_MS)
  }
}

/** Fresh processes take the copy to its end; then histories, ledger and outside records are compared. */
async function goOnFromCopy(copy: Stand, made: Copied, options: BackupDrillOptions): Promise<BackupDrillResult> {
  const { signalbox, drill } = copy
  const { tenant } = drill.principal
  const rows = await signalbox.runs.list({ tenant, limit: 500 })
  const known: EffectRow[] = []
  for (const { runId } of rows) known.push(...(await signalbox.store.effects(tenant, runId)))
  const sent = await copy.world.effects()
  const worker = await copy.worker('restored')
  worker.go([])
  const stuck = await copy.untilAllEnded(options.quietMs)
  await worker.stop()
  const { runs, recorded } = await copy.evidence()
  const judged = judgeOutside({
    known,
    sent,
    recorded,
    final: runs.flatMap((run) => run.effects.map((row) => ({ row, keys: keysOf(run, row) }))),
    tools: drill.recorded,
  })
  const findings: Finding[] = [
    ...made.findings,
    ...underWayFindings(made.underWay, known),
    ...stuck.map((detail): Finding => ({ kind: 'stuck', detail })),
    ...checkEvidence({ runs, recorded: [] }, []),
    ...judged.findings,
  ]
  return {
    workflow: options.workflow,
    passed: findings.length === 0,
    findings,
    copied: {
      ...made.extent,
      going: rows.filter((row) => row.status === 'queued' || row.status === 'running').length,
      waiting: rows.filter((row) => row.status === 'waiting').length,
    },
    backupMs: Math.round(made.backupMs),
    writtenMeanwhile: made.writtenMeanwhile,
    openEffects: known.filter((row) => row.state === 'open' || row.state === 'unknown').length,
    repeated: judged.repeated,
    repeatedTwice: judged.repeatedTwice,
  }
}

/** What was being sent when the copy was made must be in it as an intent (Invariant 3). */
function underWayFindings(underWay: Copied['underWay'], known: readonly EffectRow[]): Finding[] {
  if (underWay === null)
    return [{ kind: 'stuck', detail: 'no run came to an effect of a recorded tool: give the drill an input that does' }]
  if (known.some((row) => row.runId === underWay.runId && row.tool === underWay.tool)) return []
  const { tool, runId } = underWay
  return [{ kind: 'lost', detail: `effect ${tool} of ${runId} was being sent, and the copy has no intent of it` }]
}

/** What the outside systems say about a copy that went on. */
export interface OutsideOfCopy {
  /** The ledger of the copy before anything went on. */
  readonly known: readonly EffectRow[]
  /** What was recorded outside by then, and at the end. */
  readonly sent: readonly RecordedEffect[]
  readonly recorded: readonly RecordedEffect[]
  /** The ledger of the copy at the end, with every key that each effect was sent under. */
  readonly final: readonly { readonly row: EffectRow; readonly keys: ReadonlySet<string> }[]
  /** Tools whose effects the outside systems record. */
  readonly tools: readonly string[]
}

/**
 * Judges effects by the outside records: one of which the copy had the intent happened once; one of the original that the
 * copy knew nothing of may have been sent again under its key, which is counted and not a fault of the copy.
 */
export function judgeOutside({ known, sent, recorded, final, tools }: OutsideOfCopy): {
  readonly findings: readonly Finding[]
  readonly repeated: number
  readonly repeatedTwice: number
} {
  const findings: Finding[] = []
  const names = new Set(recorded.map(nameOf))
  let [repeated, repeatedTwice] = [0, 0]
  for (const name of names) {
    const records = recorded.filter((each) => nameOf(each) === name)
    const isKnown = known.some((row) => records.some((each) => isRecordOf(each, row, new Set([row.idempotencyKey]))))
    if (isKnown && records.length > 1)
      findings.push({
        kind: 'doubled',
        detail: `outside recorded ${name} ${records.length} times, and the copy knew of it`,
      })
    const wasSent = sent.some((each) => nameOf(each) === name)
    const isAgain =
      !isKnown && wasSent && final.some(({ row, keys }) => records.some((each) => isRecordOf(each, row, keys)))
    if (isAgain) repeated += 1
    if (!isKnown && records.length > 1) repeatedTwice += 1
  }
  for (const { row, keys } of final) {
    if (row.state === 'succeeded' && tools.includes(row.tool) && !recorded.some((each) => isRecordOf(each, row, keys)))
      findings.push({ kind: 'lost', detail: `effect ${row.tool} of ${row.runId} has no record outside` })
  }
  return { findings, repeated, repeatedTwice }
}

function nameOf({ tool, subject }: RecordedEffect): string {
  return `\`${tool}\` of \`${subject}\``
}
