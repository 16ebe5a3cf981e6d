import type { ExplanationView } from '@signalbox/protocol'
import { describe, expect, it } from 'vitest'
import { explanationMarkdown } from './markdown.ts'

const say = (seq: number | null, text: string) => ({ seq, at: null, text })
// The answers are not part of the text.
const told = {
  run_id: 'run_1',
  status: 'Run `run_1` completed.',
  story: [say(1, 'It was started for [x](javascript:alert) <img> # `a_b`.'), say(null, 'One\n- two')],
  effects: [],
  open: [],
  unknown: [say(7, 'Nobody knows.')],
  resume: [],
  cost: '$0.01',
} as unknown as ExplanationView

describe('an explanation as Markdown', () => {
  it('CON-142: every sentence links its record, and text from outside stays text', () => {
    const text = explanationMarkdown(told, (seq) => `http://here/runs/run_1/events?at=${seq}`)
    expect(text).toContain('# Run run\\_1\n\nRun `run_1` completed.')
    expect(text).toContain(
      '- It was started for \\[x\\](javascript:alert) \\<img\\> \\# `a_b`. ([record 1](http://here/runs/run_1/events?at=1))',
    )
    expect(text).toContain('- One - two\n')
    expect(text).toContain('## What is not known\n\n- Nobody knows. ([record 7](')
    expect(text).not.toContain('What is open')
  })
})
