import { describe, expect, it } from 'vitest'
import type { ContentRef } from '../contracts/common.ts'
import { BEN, completeHistory, type History, history } from '../testing/history.ts'
import { type Explanation, explain } from './explain.ts'
import { renderExplanation } from './render.ts'

const soon = (told: History) => Date.parse(told.records().at(-1)?.at ?? '') + 60_000
const of = (told: History, contents?: (ref: ContentRef) => string | null): Explanation =>
  explain(told.records(), contents ? { contents, now: soon(told) } : { now: soon(told) })
const texts = (explanation: Explanation) => explanation.story.map((sentence) => sentence.text).join('\n')

describe('explanation of a run', () => {
  it('OBS-020: every sentence of the story names its record, in order', () => {
    const told = completeHistory()
    const { story, effects } = of(told)
    const seqs = story.map((sentence) => sentence.seq ?? 0)
    expect(seqs).toEqual([...seqs].sort((a, b) => a - b))
    for (const sentence of [...story, ...effects]) expect(sentence.at).toBe(told.records()[(sentence.seq ?? 0) - 1]?.at)
  })

  it('OBS-021: it tells who asked, which model, which policy, who approved and why, what they saw, what changed', () => {
    const contents = (ref: ContentRef) => (ref.s === 9 ? '"matches the order"' : '{"invoice":"4711"}')
    const told = completeHistory()
    const explanation = of(told, (ref) =>
      told.records()[ref.s - 1]?.type === 'approval.decided' ? '"matches the order"' : contents(ref),
    )
    const story = texts(explanation)
    expect(explanation.status).toBe('Run `run_01history0000000000000` of `payables-desk` 1.0.0 completed 60 s ago.')
    expect(story).toContain(
      '`user:ana` asked for `payables-desk` 1.0.0 (request `req-1`, development); input: "{"invoice":"4711"}"',
    )
    expect(story).toContain(
      'Agent `clerk` called model `scripted/clerk`, which succeeded in 100 ms (900 tokens in, 100 out, 0.002 USD)',
    )
    expect(story).toContain('`payment-above-limit` (AMOUNT_ABOVE_LIMIT) asked; one with the role `approver` may answer')
    expect(story).toMatch(
      /`user:ben` approved `payments.transfer` after 60 s \(reason: "matches the order"\); they saw the packet `h\d+\.0`/,
    )
    expect(explanation.effects.map((effect) => effect.text)).toEqual([
      expect.stringMatching(
        /^`payments.transfer` \(payments.write, irreversible\) succeeded with effect hash .* agent `clerk` asked after the model answer in record 7 in superstep 1; policy asked for a person by `payment-above-limit` .* approved by `user:ben` in record \d+\.$/,
      ),
      expect.stringMatching(/^`notify.vendor` .* policy allowed it by `clerk-may-pay`/),
    ])
    expect(explanation.cost).toContain('0.004 USD spent of 0.50 USD; 2 turns, 3 tool calls, 2000 tokens')
    expect(explanation.cost).toContain('waiting 60 s')
    expect(explanation.unknown).toEqual([])
  })

  it('OBS-022: without a reader contents are sealed, and nothing else is missing', () => {
    const explanation = of(completeHistory())
    expect(texts(explanation)).toContain('input: content sealed')
    expect(explanation.unknown.map((sentence) => sentence.text)).toEqual([
      expect.stringContaining('Contents are sealed'),
    ])
    expect(texts(of(completeHistory(), () => null))).toContain('content erased')
  })

  it('OBS-023: a waiting run tells what is open, who can answer and that waiting is safe', () => {
    const told = history()
      .started()
      .segment()
      .model()
      .propose('tool', { verdict: 'require_approval' })
      .askPerson()
      .waiting()
    const explanation = of(told)
    expect(explanation.state).toBe('waiting')
    expect(explanation.status).toContain('is waiting since 60 s ago: a person has to answer for `payments.transfer`.')
    expect(explanation.open).toHaveLength(1)
    expect(explanation.resume[0]?.text).toMatch(
      /role approver, other than the requester, can approve or reject `apr_.*waiting is safe/,
    )
  })

  it('OBS-024: a crash is told with what was open, and an effect without an answer is unknown and not to be sent by hand', () => {
    const sent = history().started().segment().model().propose('tool').intent()
    expect(of(sent).unknown[0]?.text).toContain('How `payments.transfer` ended is not on record')
    expect(
      of(sent)
        .resume.map((sentence) => sentence.text)
        .join('\n'),
    ).toContain('Do not send it by hand')
    const taken = sent.segment('takeover', 4_200)
    expect(texts(of(taken))).toContain(
      '`worker-2` took over after 4.2 s because the worker before it stopped answering; 1 call was open without a recorded answer: `payments.transfer`.',
    )
    const unknown = taken.outcome({ status: 'unknown', code: 'EFFECT_UNKNOWN' })
    expect(of(unknown).unknown[0]?.text).toBe('Whether `payments.transfer` happened is not known yet.')
    const settled = unknown.outcome({ status: 'succeeded', code: null, resolved_by: 'lookup' })
    expect(texts(of(settled))).toContain("succeeded, as the tool's own look-up settled")
    expect(of(settled).open).toEqual([])
  })

  it('OBS-025: denials, ledger answers, stops and parks are told with their codes', () => {
    const told = history().started().segment().model().denied().tool()
    told
      .propose('tool', { ledger: { run: told.runId, seq: told.seq } })
      .outcome()
      .stopped()
    const story = texts(of(told))
    expect(story).toContain(
      'was denied and never sent (NO_PERMIT); policy denied it (NO_PERMIT, bundle `desk@abababababab`)',
    )
    expect(story).toContain('was not sent again: it was answered from the ledger')
    expect(story).toContain(
      'The run was stopped because the budget (`max_turns`) was used up, code BUDGET_EXHAUSTED. Left undone: `close`.',
    )
    const parked = history().started().segment().add({ type: 'run.parked', code: 'POLICY_MALFUNCTION', detail: null })
    expect(of(parked)).toMatchObject({ state: 'parked', status: expect.stringContaining('with POLICY_MALFUNCTION') })
    expect(of(parked).resume[0]?.text).toContain('then resume the run')
  })

  it('OBS-026: it says where the run can be restored to, and which effects came after that point', () => {
    const { resume } = of(completeHistory())
    expect(resume.map((sentence) => sentence.text)).toEqual([
      expect.stringMatching(/the barrier of superstep 1, record \d+: no effect came after it/),
      expect.stringMatching(
        /the barrier of superstep 0, record 5: `payments.transfer` and `notify.vendor` happened after it and will be answered from the ledger/,
      ),
      expect.stringMatching(/its entry, record 1: /),
    ])
    const back = completeHistory().branch(5)
    expect(texts(of(back))).toContain(`\`${BEN.id}\` moved the run back to record 5`)
    expect(of(back).state).toBe('running')
  })

  it('KSW-042: what a pause holds up is told as open, a call by its key and a whole run by its switch', () => {
    const held = (id: string) =>
      of(
        history()
          .started()
          .segment()
          .waiting({ on: [{ kind: 'switch', id }] }),
      ).open
    expect(held('root.0.pay.0/0/0')[0]?.text).toBe('A kill switch holds up the call `root.0.pay.0/0/0`.')
    expect(held('ksw_01')[0]?.text).toBe('The run is held up by kill switch `ksw_01`.')
    const on = history()
      .started()
      .segment()
      .waiting({ on: [{ kind: 'switch', id: 'ksw_01' }] })
      .segment('wake')
    expect(of(on).open).toEqual([])
  })

  it('OBS-027: contents cannot change what the reader sees: one line, no control characters, cut at 200', () => {
    const nasty = JSON.stringify(`\u001b[2J\u202eapproved\n# Fake heading \`x\` ${'y'.repeat(500)}`)
    const text = renderExplanation(of(completeHistory(), () => nasty))
    expect(text.replaceAll('\n', '')).not.toMatch(/[\p{Cc}\p{Cf}]/u)
    expect(text).not.toMatch(/^# Fake/m)
    expect(text).not.toContain('y'.repeat(201))
  })

  it('the text has its sections in order and ends with a line break', () => {
    const text = renderExplanation(of(completeHistory()))
    const heads = text
      .split('\n')
      .filter((line) => /^##? /.test(line))
      .map((line) => line.replace(/^#+ /, ''))
    expect(heads.slice(1)).toEqual([
      'What happened',
      'What changed outside',
      'What is open',
      'How to go on',
      'What it cost',
      'What is not known',
    ])
    expect(text.endsWith('\n')).toBe(true)
  })

  it('an effect that a person left unresolved is not told as never sent', () => {
    const told = history()
      .started()
      .segment()
      .model()
      .propose('tool')
      .intent()
      .outcome({ status: 'cancelled', code: 'EFFECT_UNKNOWN' })
    const text = renderExplanation(of(told.stopped()))
    expect(text).toContain('was sent, and what became of it stays unknown')
    expect(text).toContain('What became of `payments.transfer` was never found out')
    expect(text).not.toContain('never sent')
  })

  it('any prefix of a history can be explained', () => {
    const told = completeHistory()
    for (let end = 0; end <= told.seq; end++)
      expect(() => renderExplanation(explain(told.records().slice(0, end), { now: 0 }))).not.toThrow()
  })
})
