import { activationPath, scopePath } from '../base/scope-id.ts'
import type { RunRecord, RunStarted, RunStatus } from '../contracts/records.ts'
import type { PruningRecord } from '../contracts/pruning.ts'
import { type Answers, answersOf } from './answers.ts'
import { isPoint } from './answers-resume.ts'
import { type Chapter, chaptersOf } from './chapters.ts'
import { costOf } from './cost.ts'
import { type EffectLineage, lineageOf } from './lineage.ts'
import { type OpenItem, openItems, statusFrom } from './open.ts'
import { type Sentence, storyOf } from './story.ts'
import { activitiesOf, millisOf, presentBranch } from './view.ts'
import { summaryOf } from './summary.ts'
import {
  type ContentLookup,
  count,
  dollars,
  duration,
  listed,
  name,
  endWords,
  leftUnknown,
  stopText,
  verdictText,
} from './words.ts'

export type { Sentence } from './story.ts'

/** A run told in plain language, computed from its records without a model. Every sentence names its record. */
export interface Explanation {
  readonly run: string
  readonly state: RunStatus
  /** One sentence: what the run is, and how it stands. */
  readonly status: string
  /** The whole in a few sentences: who asked, what changed outside, how to go on, what it cost, what is not known. */
  readonly summary: readonly Sentence[]
  /** The eight questions of an incident, each answered with the records it rests on. */
  readonly answers: Answers
  readonly story: readonly Sentence[]
  /** The story by superstep, with repetition told once; it names sentences by their place in `story`. */
  readonly chapters: readonly Chapter[]
  /** What was asked to change in the outside world, and what became of it. */
  readonly effects: readonly Sentence[]
  /** What is open now: approvals, questions, requests, calls without an answer. */
  readonly open: readonly Sentence[]
  /** What can be done now, safest first, and where the run can be restored to. */
  readonly resume: readonly Sentence[]
  readonly cost: string
  /** What the records do not tell. */
  readonly unknown: readonly Sentence[]
}

/** How to explain: `contents` opens sealed contents for a reader who may see them; `now` is in milliseconds since 1970. */
export interface ExplainOptions {
  readonly contents?: (ref: Parameters<ContentLookup>[0]) => string | null
  readonly now: number
}

/** Explains a run from its records. Without `contents` every content is told as sealed. Pure. */
export function explain(records: readonly RunRecord[], options: ExplainOptions): Explanation {
  const marker = records.findLast((record) => record.type === 'history.pruned' || record.type === 'subject.erased')
  if (marker?.keep === 'nothing') return prunedExplanation(records, marker)
  const state = statusFrom(records)
  const open = openItems(records)
  const answers = answersOf(records, options.contents)
  const story = storyOf(records, options.contents)
  const unknown = unknownSentences(records, options)
  const resume = goOnSentences(records, state, open, marker)
  return {
    run: records[0]?.run ?? '',
    state,
    status: statusSentence(records, state, open, options.now),
    summary: summaryOf(records, { answers, resume, unknown }),
    answers,
    story,
    chapters: chaptersOf(records, story, new Set(unknown.flatMap((sentence) => sentence.seq ?? []))),
    effects: lineageOf(records).map((effect) => effectSentence(effect, records)),
    open: open.map((item) => openSentence(item, records)),
    resume,
    cost: costSentence(records, options.now),
    unknown,
  }
}

function goOnSentences(
  records: readonly RunRecord[],
  state: RunStatus,
  open: readonly OpenItem[],
  marker: PruningRecord | undefined,
): readonly Sentence[] {
  if (records.at(-1)?.type === 'history.moved') return []
  if (marker) return [{ seq: marker.seq, at: marker.at, text: 'It cannot go on: its contents are gone.' }]
  return resumeSentences(records, state, open)
}

/** Of a history without its records only the markers can be told. */
function prunedExplanation(records: readonly RunRecord[], marker: PruningRecord): Explanation {
  const rest = `What it did is no longer on record. Its effects are still in the ledger, so that none of them is repeated.`
  const story = storyOf(records)
  return {
    run: marker.run,
    state: marker.ended_as,
    answers: answersOf(records),
    status: `Run ${name(marker.run)} was ${marker.ended_as} and then pruned.`,
    summary: [],
    story,
    chapters: chaptersOf(records, story, new Set()),
    effects: [],
    open: [],
    resume: [],
    cost: 'What it cost is in the list of runs.',
    unknown: [{ seq: marker.seq, at: marker.at, text: rest }],
  }
}

function at(records: readonly RunRecord[], seq: number | null, text: string): Sentence {
  const record = seq === null ? undefined : records.find((each) => each.seq === seq)
  return { seq, at: record?.at ?? null, text }
}

/** The version that the run is with now. */
function versionOf(first: RunStarted, path: readonly RunRecord[]): string {
  const last = path.findLast((record) => record.type === 'run.upgraded')
  return last?.type === 'run.upgraded' ? last.to.version : first.workflow.version
}

function statusSentence(
  records: readonly RunRecord[],
  state: RunStatus,
  open: readonly OpenItem[],
  now: number,
): string {
  const [first] = records
  if (first?.type !== 'run.started') return 'The history does not begin with its start, so it cannot be told safely.'
  const run = `Run ${name(first.run)} of ${name(first.workflow.name)} ${versionOf(first, presentBranch(records))}`
  const last = presentBranch(records).findLast((record) => record.type.startsWith('run.'))
  const since = last ? `${duration(Math.max(0, now - millisOf(last.at)))} ago` : ''
  switch (state) {
    case 'queued':
      return `${run} has not been taken up by a worker yet.`
    case 'running':
      return `${run} is running.`
    case 'waiting':
      return `${run} is waiting since ${since}: ${listed(open.map((item) => item.short))}.`
    case 'parked':
      return `${run} is parked since ${since}${last?.type === 'run.parked' ? ` with ${last.code}` : ''}; a person has to act.`
    case 'stopping':
      return `${run} is stopping${last?.type === 'run.stopping' ? ` because ${stopText(last.reason)}` : ''}; an effect is still open.`
    case 'completed':
      return `${run} completed ${since}.`
    case 'stopped':
      if (records.at(-1)?.type === 'history.moved') return `${run} was moved to another store.`
      return `${run} was ${state} ${since}${endReason(last)}.`
    case 'cancelled':
    case 'terminated':
      return `${run} was ${state} ${since}${endReason(last)}.`
    default:
      return state satisfies never
  }
}

function endReason(last: RunRecord | undefined): string {
  const ended = last?.type === 'run.stopped' || last?.type === 'run.cancelled' || last?.type === 'run.terminated'
  return ended ? ` because ${stopText(last.reason)}` : ''
}

function effectSentence(effect: EffectLineage, records: readonly RunRecord[]): Sentence {
  const status =
    effect.status === 'open' ? 'was sent, and no answer is on record' : endWords(effect.status, effect.code)
  const what = `${name(effect.tool)} (${effect.class}, ${effect.effect})`
  const ended = effect.ledger
    ? `was answered from the ledger (record ${effect.ledger.seq} of run ${name(effect.ledger.run)}) and not sent again`
    : status
  const hash = effect.effectHash ? ` with effect hash ${name(effect.effectHash)}` : ''
  const there = effect.origin
    ? ` in run ${name(effect.origin.run)} (record ${effect.origin.seq}), before this run was forked from it`
    : ''
  const text = `${what} ${ended}${there}${hash}: ${effectCause(effect)}.`
  return at(records, effect.outcomeSeq ?? effect.intentSeq, text)
}

function effectCause(effect: EffectLineage): string {
  const asker =
    effect.agent === null
      ? `node ${name([...effect.path, effect.node].join('/'))}, which is plain code, asked`
      : `agent ${name(effect.agent)} asked`
  const model = effect.modelSeq === null ? '' : ` after the model answer in record ${effect.modelSeq}`
  const decision = effect.decision ? verdictText(effect.decision) : 'no decision is on record'
  const approval = effect.approval
    ? `; approval ${name(effect.approval.id)} was ${effect.approval.answer ?? 'not answered'}${effect.approval.by ? ` by ${name(effect.approval.by)}` : ''}${effect.approval.decidedSeq ? ` in record ${effect.approval.decidedSeq}` : ''}`
    : ''
  return `${asker}${model} in superstep ${effect.superstep}; ${decision}${approval}`
}

function openSentence(item: OpenItem, records: readonly RunRecord[]): Sentence {
  return at(records, item.seq, item.text)
}

function goOnText(records: readonly RunRecord[]): string {
  const last = records.findLast((record) => record.type === 'run.parked')
  const after = 'it goes on from its last record, and finished calls are not repeated'
  if (last?.type === 'run.parked' && last.code === 'RUN_QUARANTINED')
    return `Find out why no worker gets anywhere with it and mend that, then release the run: ${after}.`
  if (last?.type === 'run.parked' && last.code === 'WORKFLOW_CHANGED')
    return `Start a worker with the version that the run is with, or declare an upgrade from it, then resume the run: ${after}.`
  return `Remove the cause of the stop, then resume the run: ${after}.`
}

function resumeSentences(
  records: readonly RunRecord[],
  state: RunStatus,
  open: readonly OpenItem[],
): readonly Sentence[] {
  const sentences: Sentence[] = open.map((item) => at(records, item.seq, item.action))
  const last = records.at(-1)
  if (state === 'parked') sentences.unshift(at(records, last?.seq ?? null, goOnText(records)))
  if (state === 'running' || state === 'queued')
    sentences.unshift(
      at(records, null, 'Nothing needs to be done: when its worker stops, another takes over from the last record.'),
    )
  if (state === 'stopping')
    sentences.unshift(at(records, null, 'The run ends by itself once the open effect is resolved.'))
  return [...sentences, ...restoreSentences(records)]
}

/** How many restore points are told, latest first; the others are found by their records. */
const POINTS = 3

function restoreSentences(records: readonly RunRecord[]): readonly Sentence[] {
  const path = presentBranch(records)
  const points = path.filter(isPoint)
  const done = lineageOf(records).filter(
    (effect) => effect.status === 'succeeded' && effect.ledger === null && effect.origin === null,
  )
  return points
    .slice(-POINTS)
    .reverse()
    .map((point) => {
      const later = done.filter((effect) => (effect.outcomeSeq ?? 0) > point.seq).map((effect) => name(effect.tool))
      const kept =
        later.length === 0
          ? 'no effect came after it'
          : `${listed(later)} happened after it and will be answered from the ledger when asked again with equal arguments, else a person is asked`
      return {
        seq: point.seq,
        at: point.at,
        text: `It can be restored to ${pointText(point)}, record ${point.seq}: ${kept}.`,
      }
    })
}

function pointText(record: RunRecord): string {
  if (record.type === 'position.saved')
    return `the save point ${record.position} of node ${name(activationPath(record.activation, record.node))}`
  if (record.type === 'run.started') return 'its entry'
  if ('scope' in record && record.scope !== undefined && 'checkpoint' in record)
    return `a save point of the workflow in ${name(scopePath(record.scope).join('/'))}`
  if (record.type === 'response.received' && record.answer === 'fired')
    return `the firing of timer ${name(record.node)}`
  if (record.type === 'response.received') return `the answer to port ${name(record.node)}`
  return record.type === 'superstep.completed' ? `the barrier of superstep ${record.superstep}` : 'a checkpoint'
}

function costSentence(records: readonly RunRecord[], now: number): string {
  const cost = costOf(records, now)
  const max = cost.limits.find((limit) => limit.limit === 'max_cost_nano_usd')
  const held = cost.held.cost_nano_usd === '0' ? '' : `, ${dollars(cost.held.cost_nano_usd)} more reserved`
  const models = cost.byModel.map(
    (line) => `${name(line.name)} ${count(line.calls, 'call')} for ${dollars(line.costNanoUsd)}`,
  )
  return `${dollars(cost.spent.cost_nano_usd)} spent${max ? ` of ${dollars(max.max)}` : ''}${held}; ${count(cost.spent.turns, 'turn')}, ${count(cost.spent.tool_calls, 'tool call')}, ${cost.spent.tokens} tokens; ${models.length > 0 ? listed(models) : 'no model was called'}; active ${duration(cost.activeMs)}, waiting ${duration(cost.waitingMs)}, down ${duration(cost.downMs)}.`
}

function unknownSentences(records: readonly RunRecord[], options: ExplainOptions): readonly Sentence[] {
  const sentences: Sentence[] = []
  for (const activity of activitiesOf(records)) {
    const last = activity.outcomes.at(-1)
    const tool = name(activity.intent?.proposal.name ?? '')
    if (activity.intent && !activity.intent.opens && activity.outcomes.length === 0)
      sentences.push(
        at(
          records,
          activity.intent.seq,
          `How ${tool} ended is not on record; it counts as spent in full when it is asked again.`,
        ),
      )
    else if (last && leftUnknown(last.status, last.code))
      sentences.push(at(records, last.seq, `What became of ${tool} was never found out: a person stopped the run.`))
    else if (last?.status === 'unknown')
      sentences.push(at(records, last.seq, `Whether ${tool} happened is not known yet.`))
  }
  for (const record of records) {
    if (record.type === 'unmediated.call')
      sentences.push(at(records, record.seq, `What the call to ${name(record.host)} beside the door did is not known.`))
    if (record.type === 'approval.decided' && record.by !== null && record.seen === null)
      sentences.push(at(records, record.seq, `What ${name(record.by.id)} saw when answering is not on record.`))
  }
  if (!options.contents)
    sentences.push({
      seq: null,
      at: null,
      text: 'Contents are sealed here: inputs, arguments, results and reasons are not shown.',
    })
  return sentences
}
