/**
 * What histories, ledger of effects and outside records must say together, however often workers were killed. Uses the
 * history as it is stored, and nothing of what wrote it.
 */
import { auditRun, type RunRecord, sha256Hex } from 'signalbox'
import { budgetFindings } from './check-budget.ts'
import { type DrilledRun, type Evidence, isRecordOf, keysOf } from './evidence.ts'
import type { Finding } from './findings.ts'

/**
 * Everything that is wrong; empty when all is as it has to be. `recorded` names the tools whose effects the outside
 * systems record, all of them.
 */
export function checkEvidence(evidence: Evidence, recorded: readonly string[]): Finding[] {
  return [
    ...evidence.runs.flatMap((run) => [
      ...parkedFindings(run),
      ...historyFindings(run),
      ...budgetFindings(run.records),
      ...approvalFindings(run.records),
      ...ledgerFindings(run),
    ]),
    ...outsideFindings(evidence, recorded),
  ]
}

/** A parked run waits for somebody to mend something: no run of a drill may end so. */
function parkedFindings({ row, parked }: DrilledRun): Finding[] {
  if (row.status !== 'parked') return []
  return [
    {
      kind: 'stuck',
      detail: `run ${row.runId} is parked at record ${row.seq} (${row.code ?? 'no code'}): ${parked ?? 'no text'}`,
    },
  ]
}

function historyFindings({ stored, row }: DrilledRun): Finding[] {
  return auditRun(stored, row).findings.map(({ kind, seq, detail }) => ({
    kind: 'history',
    detail: `${kind} at ${seq}: ${detail}`,
  }))
}

/** Both ways: each record outside has one effect that succeeded, and each such effect has one of them. */
function outsideFindings({ runs, recorded }: Evidence, tools: readonly string[]): Finding[] {
  const findings: Finding[] = []
  const rows = runs.flatMap((run) =>
    run.effects
      .filter((effect) => effect.state === 'succeeded' && tools.includes(effect.tool))
      .map((effect) => ({ effect, keys: keysOf(run, effect) })),
  )
  const subjects = new Map<string, { times: number; readonly scopes: Set<string> }>()
  for (const each of recorded) {
    const name = `\`${each.tool}\` of \`${each.subject}\``
    const own = rows.filter(({ effect, keys }) => isRecordOf(each, effect, keys))
    const subject = subjects.get(name) ?? { times: 0, scopes: new Set() }
    subject.times += 1
    for (const { effect } of own) subject.scopes.add(effect.scope)
    subjects.set(name, subject)
    const of = own.length
    if (of !== 1)
      findings.push({
        kind: of === 0 ? 'lost' : 'doubled',
        detail: `outside recorded ${name}, the history ${of} times`,
      })
  }
  for (const { effect, keys } of rows) {
    const of = recorded.filter((each) => isRecordOf(each, effect, keys)).length
    if (of !== 1)
      findings.push({
        kind: of === 0 ? 'lost' : 'doubled',
        detail: `effect ${effect.tool} of ${effect.runId} has ${of} records outside`,
      })
  }
  // Once for each family of runs, where the tool declares its effects so; once for all else.
  for (const [name, { times, scopes }] of subjects)
    if (times > Math.max(1, scopes.size))
      findings.push({ kind: 'doubled', detail: `outside recorded ${name} ${times} times` })
  return findings
}

/** The effect that a call undoes, by the call's key; null for any other call. */
function undoneBy(records: readonly RunRecord[], askKey: string): string | null {
  for (const record of records)
    if (record.type === 'activity.intent' && record.ask.key === askKey && record.proposal.undoes)
      return record.proposal.undoes.effect_id
  return null
}

/** The outcome of an undo ends both rows that it claimed, and names the first. */
function isEndOf(
  end: Extract<RunRecord, { type: 'activity.outcome' }>,
  effect: DrilledRun['effects'][number],
  undone: string | null,
): boolean {
  return end.effect_id === effect.effectId || (undone !== null && end.ask.key === effect.askKey)
}

/**
 * Each effect in the ledger has an outcome on record, and the other way round; its key depends on nothing but the run and
 * the place of the ask in it, and on the question by which a person ordered a repeat (Invariant 4).
 */
function ledgerFindings({ records, effects, row }: DrilledRun): Finding[] {
  const findings: Finding[] = []
  const add = (detail: string): number => findings.push({ kind: 'ledger', detail })
  const ends = new Map(records.map((record) => [record.seq, record]))
  const questions = records.flatMap((record) => (record.type === 'question.answered' ? [record.question_id] : []))
  for (const effect of effects) {
    const end = effect.outcomeSeq === null ? undefined : ends.get(effect.outcomeSeq)
    if (end?.type !== 'activity.outcome' || !isEndOf(end, effect, undoneBy(records, effect.askKey)))
      add(`effect ${effect.tool} of ${row.runId} has no outcome on record`)
    const own = ['', ...questions].map(
      (by) => `sb-${sha256Hex(`${effect.rootRunId}\n${effect.askKey}\n${by}`).slice(0, 40)}`,
    )
    // An undo has one key for ever, made from the effect that it undoes.
    const undone = undoneBy(records, effect.askKey)
    const keys = undone === null ? own : [`sb-undo-${sha256Hex(undone).slice(0, 40)}`]
    if (!keys.includes(effect.idempotencyKey)) add(`effect ${effect.tool} of ${row.runId} has a key of another origin`)
  }
  for (const record of records) {
    if (record.type !== 'activity.outcome' || record.effect === 'none' || record.status !== 'succeeded') continue
    const at = effects.filter((effect) => effect.outcomeSeq === record.seq && effect.state === 'succeeded').length
    // An undo claims what it undoes, and beside it what its own tool declares.
    const most = undoneBy(records, record.ask.key) === null ? 1 : 2
    if ((at < 1 || at > most) && record.ledger === null)
      add(`record ${record.seq} of ${row.runId} has ${at} effects in the ledger`)
  }
  return findings
}

/**
 * An approval is one use (Invariant 7): no second intent may name it, unless what became of the first one is recorded as
 * unknown and not resolved yet.
 */
function approvalFindings(records: readonly RunRecord[]): Finding[] {
  const used = new Map<string, { readonly seq: number; readonly ask: string; readonly isOpen: boolean }>()
  const findings: Finding[] = []
  for (const record of records) {
    if (record.type !== 'activity.intent' && record.type !== 'activity.outcome') continue
    const id = record.approval_id
    const before = id === null ? undefined : used.get(id)
    if (id === null) continue
    if (record.type === 'activity.intent') {
      if (before && !(before.isOpen && before.ask === record.ask.key))
        findings.push({
          kind: 'approval',
          detail: `approval ${id} was used in record ${before.seq}, and again in ${record.seq}`,
        })
      used.set(id, { seq: record.seq, ask: record.ask.key, isOpen: before?.isOpen ?? false })
      // What a kill switch held up at the last moment was not sent, and goes through the door once more.
    } else if (before) used.set(id, { ...before, isOpen: record.status === 'unknown' || record.status === 'not_sent' })
  }
  return findings
}
