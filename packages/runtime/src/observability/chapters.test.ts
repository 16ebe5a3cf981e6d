import { describe, expect, it } from 'vitest'
import { completeHistory, type History, history } from '../testing/history.ts'
import { explain } from './explain.ts'
import { renderExplanation } from './render.ts'

const told = (of: History) => explain(of.records(), { now: Date.parse(of.records().at(-1)?.at ?? '') })
const places = (of: ReturnType<typeof told>) =>
  of.chapters.flatMap((each) => each.lines.flatMap((line) => line.sentences))
const texts = (of: ReturnType<typeof told>) => of.chapters.flatMap((each) => each.lines.map((line) => line.text))

/** A run that reads again and again: `reads` times in one superstep, then `rounds` supersteps of one read each. */
function repeating(reads: number, rounds: number): History {
  const run = history().started().segment()
  for (let at = 0; at < reads; at++) run.read()
  run.denied().read().approvedTool().barrier()
  for (let at = 0; at < rounds; at++) run.read({ node: 'match', agent: null }).barrier('match')
  return run.completed()
}

describe('chapters of a story', () => {
  it('NAR-030: every sentence is in one chapter and in order, for each prefix of a history', () => {
    const { story, chapters } = told(completeHistory())
    expect(chapters.map((each) => each.title)).toEqual([
      'Start',
      'Superstep 0: `match`',
      'Superstep 1: `decide`',
      'End',
    ])
    expect(places(told(completeHistory()))).toEqual(story.map((_, place) => place))
    const records = repeating(5, 4).records()
    for (let end = 1; end <= records.length; end++) {
      const part = explain(records.slice(0, end), { now: 0 })
      expect(places(part).toSorted((a, b) => a - b)).toEqual(part.story.map((_, place) => place))
    }
  })

  it('NAR-031: what only repeats itself is one line that says how often and by which rule; effects and persons never are', () => {
    const run = told(repeating(12, 0))
    const folds = texts(run).filter((text) => text !== null)
    expect(folds).toEqual([
      expect.stringMatching(
        /^13 reads of `records.get` by agent `clerk`: all succeeded; for each, policy allowed it by `/,
      ),
    ])
    const single = run.chapters.flatMap((each) => each.lines).filter((line) => line.text === null)
    const alone = single.flatMap((line) => line.sentences.map((place) => run.story[place]?.text ?? '')).join('\n')
    expect(alone).toMatch(/was denied and never sent/)
    expect(alone).toMatch(/needs a person/)
    expect(alone).toMatch(/approved `payments.transfer`/)
    expect(alone).toMatch(/`payments.transfer` \(payments.write\) succeeded/)
  })

  it('NAR-032: supersteps that only repeat themselves are one chapter, and --all tells each sentence', () => {
    const run = told(repeating(2, 90))
    expect(run.chapters.map((each) => each.title)).toEqual([
      'Start',
      expect.stringMatching(/^Superstep 0: /),
      'Supersteps 1 to 90: `match`',
      'End',
    ])
    const short = renderExplanation(run)
    expect(short).toContain('90 reads of `records.get`')
    expect(short).toContain('90 supersteps were committed.')
    expect(short.split('\n').length).toBeLessThan(60)
    const whole = renderExplanation(run, { all: true })
    for (const { seq, text } of run.story) expect(whole).toContain(`[${seq}] ${text}`)
  })

  it('NAR-033: what is not known is marked where it is told and never folded', () => {
    const open = history().started().segment().model().tool().later(1)
    const lost = told(history().started().segment().model().propose('tool').intent().outcome({ status: 'unknown' }))
    const marked = lost.chapters.flatMap((each) => each.lines).filter((line) => line.unknown)
    expect(marked.length).toBeGreaterThan(0)
    expect(renderExplanation(lost)).toMatch(/Not known: .*whether it happened is unknown/)
    expect(
      told(open)
        .chapters.flatMap((each) => each.lines)
        .some((line) => line.unknown),
    ).toBe(false)
    expect(lost.summary.map((each) => each.text).join(' ')).toMatch(
      /whether it happened is not known: `payments.transfer`/i,
    )
  })

  it('NAR-034: the summary tells in a few sentences who asked, what changed outside, who approved, how to go on, what it cost', () => {
    const { summary } = told(completeHistory())
    expect(summary.length).toBeLessThanOrEqual(6)
    const text = summary.map((each) => each.text).join('\n')
    expect(text).toContain('`user:ana` asked for `payables-desk` 1.0.0.')
    expect(text).toContain('Changed outside: `payments.transfer` and `notify.vendor`.')
    expect(text).toContain('Approvals: `payments.transfer` approved by `user:ben`.')
    expect(text).toContain('It cost 0.004 USD of 0.50 USD in 2 turns.')
    expect(summary[0]?.seq).toBe(1)
  })

  it('NAR-035: a stretch that a restore left is a chapter that says so', () => {
    const run = history().started().segment().read().barrier().read().branch(5).read().barrier().completed()
    expect(told(run).chapters.map((each) => each.title)).toEqual([
      'Start',
      expect.stringMatching(/^Superstep 0: /),
      expect.stringMatching(/^Superstep 1, left when the run was moved back: /),
      expect.stringMatching(/^Superstep 1: /),
      'End',
    ])
  })
})
