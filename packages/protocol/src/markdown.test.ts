import { describe, expect, it } from 'vitest'
import { explanationMarkdown } from './markdown.ts'
import type { ExplanationView } from './system.ts'

const say = (seq: number | null, text: string) => ({ seq, at: null, text })
// The answers are not part of the text.
const told = {
  run_id: 'run_1',
  status: 'Run `run_1` completed.',
  summary: [say(null, 'Nothing changed outside.')],
  story: [
    say(
      1,
      'It was started for [x](javascript:alert) <img> # `a_b` at https://evil.example, www.evil.example, @all $x$.',
    ),
    say(2, 'A read of `m`.'),
    say(4, 'A read of `m`.'),
    say(6, 'A read of `m`.'),
    say(7, 'One\n- two'),
  ],
  chapters: [
    { title: 'Start', lines: [{ sentences: [0], text: null, unknown: false }] },
    {
      title: 'Superstep 0: `match`',
      lines: [
        { sentences: [1, 2, 3], text: '3 reads of `m`.', unknown: false },
        { sentences: [4], text: null, unknown: true },
      ],
    },
  ],
  effects: [],
  open: [],
  unknown: [say(7, 'Nobody knows.')],
  resume: [],
  cost: '$0.01',
} as unknown as ExplanationView

describe('an explanation as Markdown', () => {
  const linkOf = (seq: number): string => `http://here/runs/run_1/events?at=${seq}`

  it('CON-142, NAR-036: every sentence links its record, and text from outside stays text', () => {
    const text = explanationMarkdown(told, { linkOf })
    expect(text).toContain('# Run run\\_1\n\nRun `run_1` completed.')
    expect(text).toContain(
      '- It was started for \\[x\\](javascript:alert) \\<img\\> \\# `a_b` at https:\u200b//evil.example',
    )
    expect(text).toContain(
      'www\u200b.evil.example, @\u200ball \\$x\\$. ([record 1](http://here/runs/run_1/events?at=1))',
    )
    expect(text).toContain('- **Not known:** One - two ([record 7]')
    expect(text).toContain('## What is not known\n\n- Nobody knows. ([record 7](')
    expect(text).not.toContain('What is open')
    // Links are those to records alone.
    expect(text.match(/\]\(/g)).toHaveLength(text.match(/\]\(http:\/\/here\/|\\\]\(/g)?.length ?? 0)
  })

  it('NAR-036: repetition is told once, and in full where that is asked for; without an address records are numbers', () => {
    const short = explanationMarkdown(told)
    expect(short).toContain('### Superstep 0: `match`\n\n- 3 reads of `m`. (records 2 to 6)\n')
    expect(short).not.toContain('A read of')
    expect(short).not.toContain('http://here')
    const whole = explanationMarkdown(told, { all: true })
    expect(whole.match(/A read of `m`\. \(record \d\)/g)).toHaveLength(3)
  })
})
