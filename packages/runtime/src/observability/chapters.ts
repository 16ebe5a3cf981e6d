import { parseNano } from '../base/money.ts'
import { activationPath, scopePath } from '../base/scope-id.ts'
import type { ActivityOutcome, RunRecord } from '../contracts/records.ts'
import type { Decision } from '../contracts/policy.ts'
import { askerText, type Sentence } from './story.ts'
import { activitiesOf } from './view.ts'
import { count, dollars, endWords, listed, name, verdictText } from './words.ts'

/** One line of a chapter: a sentence of the story, or several that tell the same, as one. */
export interface ChapterLine {
  /** Places in the story, from 0, in its order. */
  readonly sentences: readonly number[]
  /** What several sentences say in common; null where the line is the one sentence itself. */
  readonly text: string | null
  /** True when the records do not tell how this ended. */
  readonly unknown: boolean
}

/** A stretch of the story: the start, a superstep or several that only repeat themselves, the end. */
export interface Chapter {
  readonly title: string
  readonly lines: readonly ChapterLine[]
}

/** So many equal sentences become one line, and so many chapters of nothing else one chapter. */
const FOLD_FROM = 3

/** One sentence with what it is told of. `key` is null for what is never folded. */
interface Told {
  readonly place: number
  readonly record: RunRecord
  readonly key: string | null
  readonly unknown: boolean
}

interface Draft {
  readonly title: string
  /** Number of the superstep that it ends with; null for the start, the end and what is not finished. */
  readonly superstep: number | null
  readonly told: readonly Told[]
}

/**
 * The story in chapters by superstep. Every sentence is in one line of one chapter; what changed something, was asked of a
 * person or is unknown always has a line of its own. `unknown` holds the records whose end is not known. Pure.
 */
export function chaptersOf(
  records: readonly RunRecord[],
  story: readonly Sentence[],
  unknown: ReadonlySet<number>,
): readonly Chapter[] {
  const decisions = decisionsOf(records)
  const bySeq = new Map(records.map((record) => [record.seq, record]))
  const told = story.flatMap((sentence, place): Told[] => {
    const record = sentence.seq === null ? undefined : bySeq.get(sentence.seq)
    if (!record) return []
    const open = unknown.has(record.seq)
    return [{ place, record, unknown: open, key: open || record.origin ? null : foldKey(record, decisions) }]
  })
  return merged(drafts(told)).map(({ title, told: lines }) => ({ title, lines: foldedLines(lines, decisions) }))
}

/** The decision of each outcome, which stands in its intent where it has one. */
function decisionsOf(records: readonly RunRecord[]): ReadonlyMap<number, Decision> {
  const found = new Map<number, Decision>()
  for (const { intent, outcomes } of activitiesOf(records))
    for (const outcome of outcomes) {
      const decision = outcome.decision ?? intent?.decision
      if (decision) found.set(outcome.seq, decision)
    }
  return found
}

/** Records with equal keys tell the same; null for what must stand alone. */
function foldKey(record: RunRecord, decisions: ReadonlyMap<number, Decision>): string | null {
  switch (record.type) {
    case 'superstep.completed':
      return `barrier ${record.scope ?? ''}`
    case 'segment.started':
      return record.why === 'wake' && record.build === undefined ? 'woken' : null
    case 'run.waiting':
      return record.on.every((each) => each.kind === 'timer') ? 'waited' : null
    case 'timer.set':
      return `timer ${activationPath(record.ask.activation, record.ask.node)}`
    case 'activity.outcome':
      return outcomeKey(record, decisions.get(record.seq))
    default:
      return null
  }
}

/** Calls that changed nothing: reads, model calls, and what was never sent. */
function outcomeKey(record: ActivityOutcome, decision: Decision | undefined): string | null {
  const harmless = record.effect === 'none' || record.status === 'denied' || record.status === 'refused'
  if (!harmless || record.retry || record.trouble || record.ledger) return null
  const { kind, name: called, agent, status, code, ask } = record
  const asker = `${activationPath(ask.activation, ask.node)} ${agent ?? ''}`
  return JSON.stringify([
    kind,
    called,
    asker,
    status,
    code,
    ask.parent?.phase ?? null,
    decision && verdictText(decision),
  ])
}

const ENDS: ReadonlySet<string> = new Set(['run.completed', 'run.stopped', 'run.cancelled', 'run.terminated'])

function drafts(told: readonly Told[]): readonly Draft[] {
  const done: Draft[] = []
  let open: Told[] = []
  let last = -1
  let section: 'start' | 'work' | 'end' = 'start'
  const close = (title: string, superstep: number | null = null): void => {
    if (open.length > 0) done.push({ title: titled(title, open), superstep, told: open })
    open = []
  }
  const broken = (why: string): string => (section === 'work' ? `Superstep ${last + 1}, ${why}` : SECTIONS[section])
  for (const each of told) {
    const { record } = each
    if (section === 'start' && record.type !== 'run.started' && record.type !== 'segment.started') {
      close(SECTIONS.start)
      section = 'work'
    }
    if (record.type === 'branch.started') {
      close(broken('left when the run was moved back'))
      section = 'work'
      last = barrierBefore(told, record.from)
    }
    if (ENDS.has(record.type)) {
      close(broken('not finished'))
      section = 'end'
    }
    open.push(each)
    if (section === 'work' && record.type === 'superstep.completed' && record.scope === undefined) {
      last = record.superstep
      close(`Superstep ${last}`, last)
    }
  }
  close(broken('not finished'))
  return done
}

/** The superstep of the last barrier up to a record, which a branch goes on from; -1 when there is none. */
function barrierBefore(told: readonly Told[], seq: number): number {
  const found = told.findLast(
    ({ record }) => record.type === 'superstep.completed' && record.scope === undefined && record.seq <= seq,
  )?.record
  return found?.type === 'superstep.completed' ? found.superstep : -1
}

const SECTIONS = { start: 'Start', work: 'Work', end: 'End' } as const

/** The title with the nodes that asked for something. */
function titled(title: string, told: readonly Told[]): string {
  const nodes = new Set(told.flatMap(({ record }) => ('ask' in record && record.ask ? [record.ask.node] : [])))
  return nodes.size === 0 ? title : `${title}: ${listed([...nodes].map(name))}`
}

/** Supersteps in which nothing happened but what is folded become one chapter where several follow each other. */
function merged(all: readonly Draft[]): readonly Draft[] {
  const done: Draft[] = []
  for (let at = 0; at < all.length; ) {
    const rest = all.slice(at)
    const end = rest.findIndex((draft) => draft.superstep === null || draft.told.some((each) => each.key === null))
    const plain = rest.slice(0, end < 0 ? rest.length : end)
    const [first] = plain
    if (first && plain.length >= FOLD_FROM) {
      const told = plain.flatMap((draft) => draft.told)
      const title = `Supersteps ${first.superstep} to ${plain.at(-1)?.superstep}`
      done.push({ title: titled(title, told), superstep: null, told })
    } else done.push(...plain)
    at += plain.length
    const next = all[at]
    if (next && plain.length === 0) {
      done.push(next)
      at += 1
    }
  }
  return done
}

/** Lines of a chapter: what is told often enough between two sentences of another kind is told once, at its first place. */
function foldedLines(told: readonly Told[], decisions: ReadonlyMap<number, Decision>): readonly ChapterLine[] {
  const lines: ChapterLine[] = []
  for (let at = 0; at < told.length; ) {
    const end = told.findIndex((each, place) => place >= at && each.key === null)
    const stretch = told.slice(at, end < 0 ? told.length : end)
    for (const group of groups(stretch)) lines.push(lineOf(group, decisions))
    at += stretch.length
    const alone = told[at]
    if (alone) lines.push(lineOf([alone], decisions))
    at += 1
  }
  return lines
}

function groups(stretch: readonly Told[]): readonly (readonly Told[])[] {
  const byKey = Map.groupBy(stretch, (each) => each.key)
  return stretch.flatMap((each) => {
    const group = byKey.get(each.key) ?? []
    if (group.length < FOLD_FROM) return [[each]]
    return group[0] === each ? [group] : []
  })
}

function lineOf(group: readonly Told[], decisions: ReadonlyMap<number, Decision>): ChapterLine {
  const [first] = group
  const sentences = group.map((each) => each.place)
  if (!first || group.length === 1) return { sentences, text: null, unknown: first?.unknown ?? false }
  return {
    sentences,
    text: foldText(
      group.map((each) => each.record),
      first.record,
      decisions,
    ),
    unknown: false,
  }
}

function foldText(all: readonly RunRecord[], first: RunRecord, decisions: ReadonlyMap<number, Decision>): string {
  switch (first.type) {
    case 'superstep.completed': {
      const of = first.scope === undefined ? '' : ` of the workflow in ${name(scopePath(first.scope).join('/'))}`
      return `${count(all.length, 'superstep')}${of} were committed.`
    }
    case 'segment.started':
      return `A worker went on ${count(all.length, 'time')} after a wait.`
    case 'timer.set':
      return `Node ${name(activationPath(first.ask.activation, first.ask.node))} slept ${count(all.length, 'time')}.`
    case 'activity.outcome':
      return outcomesText(
        all.filter((record) => record.type === 'activity.outcome'),
        first,
        decisions.get(first.seq),
      )
    default:
      return `The run waited ${count(all.length, 'time')} for a timer.`
  }
}

function outcomesText(all: readonly ActivityOutcome[], first: ActivityOutcome, decision: Decision | undefined): string {
  const asker = askerText({ agent: first.agent, model_seq: null }, activationPath(first.ask.activation, first.ask.node))
  const ended = first.status === 'succeeded' ? 'all succeeded' : `each ${endWords(first.status, first.code)}`
  const code = first.code === null ? '' : ` (${first.code})`
  const verdict = decision ? `; for each, ${verdictText(decision)}` : ''
  return `${all.length} ${whatText(first)} by ${asker}: ${ended}${code}${usedText(all)}${verdict}.`
}

function whatText({ kind, name: called, effect, ask }: ActivityOutcome): string {
  if (kind === 'model') return `calls of model ${name(called)}`
  if (kind === 'timer') return 'sleeps'
  if (kind === 'step') return `runs of step ${name(called)}`
  if (ask.parent) return `reads for ${name(called)}`
  return `${effect === 'none' ? 'reads' : 'calls'} of ${name(called)}`
}

function usedText(all: readonly ActivityOutcome[]): string {
  if (all[0]?.kind !== 'model') return ''
  const sum = (of: (record: ActivityOutcome) => number | null | undefined): number =>
    all.reduce((total, record) => total + (of(record) ?? 0), 0)
  const cost = all.reduce((total, record) => total + parseNano(record.settled.cost_nano_usd), 0n)
  const tokens = `${sum((each) => each.usage?.input_tokens)} tokens in, ${sum((each) => each.usage?.output_tokens)} out`
  return ` (${tokens}, ${dollars(cost.toString())} together)`
}
