import type { RunRecord } from '../contracts/records.ts'
import type { Answers, OutsideEffect } from './answers.ts'
import type { Sentence } from './story.ts'
import { count, dollars, endWords, listed, name } from './words.ts'

/** What a summary is made of. */
interface Told {
  readonly answers: Answers
  readonly resume: readonly Sentence[]
  readonly unknown: readonly Sentence[]
}

/** A run in a few sentences, for somebody who reads no further. Pure. */
export function summaryOf(records: readonly RunRecord[], { answers, resume, unknown }: Told): readonly Sentence[] {
  const [first] = records
  const next = resume[0]
  const open = unknown.filter((sentence) => sentence.seq !== null)
  return [
    ...(first?.type === 'run.started' ? [{ seq: first.seq, at: first.at, text: whoText(answers) }] : []),
    overall(outsideText(answers.outside.effects)),
    ...(answers.approved.approvals.length > 0 ? [overall(approvedText(answers))] : []),
    next ? { ...next, text: `How to go on: ${next.text}` } : overall('Nothing can or needs to be done.'),
    overall(costText(answers)),
    ...(open.length > 0
      ? [overall(`Not known: ${count(open.length, 'thing')}, told below and marked in the story.`)]
      : []),
  ]
}

function overall(text: string): Sentence {
  return { seq: null, at: null, text }
}

function whoText({ who, ran }: Answers): string {
  const via = who.via === null ? '' : ` through agent ${name(who.via)}`
  return `${name(who.principal ?? '')}${via} asked for ${name(ran.workflow ?? '')} ${ran.version ?? ''}.`
}

function outsideText(effects: readonly OutsideEffect[]): string {
  if (effects.length === 0) return 'Nothing was asked to change outside.'
  const tools = (happened: boolean | null): readonly OutsideEffect[] =>
    effects.filter((effect) => effect.happened === happened)
  const [done, open, not] = [tools(true), tools(null), tools(false)]
  const parts = [
    done.length === 0 ? 'nothing changed outside' : `changed outside: ${tallied(done.map((each) => name(each.tool)))}`,
    ...(open.length === 0 ? [] : [`whether it happened is not known: ${tallied(open.map((each) => name(each.tool)))}`]),
    ...(not.length === 0 ? [] : [`did not happen here: ${tallied(not.map(notText))}`]),
  ]
  const text = parts.join('; ')
  return `${text.charAt(0).toUpperCase()}${text.slice(1)}.`
}

function notText(effect: OutsideEffect): string {
  if (effect.origin !== null) return `${name(effect.tool)} (in run ${name(effect.origin.run)})`
  if (effect.from_ledger !== null) return `${name(effect.tool)} (answered from the ledger)`
  return `${name(effect.tool)} (${effect.status === 'open' ? 'open' : endWords(effect.status, effect.code)})`
}

/** How often each text stands there, most told first. */
function tallied(texts: readonly string[]): string {
  const sums = new Map<string, number>()
  for (const text of texts) sums.set(text, (sums.get(text) ?? 0) + 1)
  return listed([...sums].map(([text, n]) => (n === 1 ? text : `${n} times ${text}`)))
}

function approvedText({ approved }: Answers): string {
  return `Approvals: ${tallied(
    approved.approvals.map(({ tool, answer, by }) => `${name(tool)} ${answer}${by === null ? '' : ` by ${name(by)}`}`),
  )}.`
}

function costText({ cost }: Answers): string {
  const limit = cost.limit_nano_usd === null ? '' : ` of ${dollars(cost.limit_nano_usd)}`
  const held = cost.held_nano_usd === '0' ? '' : `, ${dollars(cost.held_nano_usd)} more reserved`
  const estimated = cost.estimated_seqs.length > 0 ? '; a part of it is estimated' : ''
  return `It cost ${dollars(cost.cost_nano_usd)}${limit}${held} in ${count(cost.turns, 'turn')}${estimated}.`
}
