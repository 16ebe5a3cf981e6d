import { describe, expect, it } from 'vitest'
import { z } from 'zod'
import { toDot, toMermaid, workflow } from './index.ts'

const budget = { maxTurns: 1, maxToolCalls: 1, maxRuntimeSeconds: 1, maxTokens: 1, maxCostUsd: '1' }
const text = z.string()

type Wait = { readonly seconds: number } | { readonly until: () => string }

function withTimer(wait: Wait) {
  // The compiler refuses some of what is declared here; callers without types may do so.
  const timer = { message: text, ...wait } as { message: typeof text; seconds: number }
  return workflow({ name: 'waits', version: '1.0.0', input: text, output: text, budget, state: {} })
    .timer('rest', timer)
    .node('end', { input: text, output: text, run: (message) => message })
    .start('rest')
    .edge('rest', 'end')
    .output('end')
}

describe('a timer node', () => {
  it.each([
    ['a negative time', { seconds: -1 }],
    ['more than ten years', { seconds: 1e10 }],
    ['no number', { seconds: Number.NaN }],
    ['nothing at all', {} as Wait],
    ['a text as function', { until: '2026-03-01T09:00:00Z' } as unknown as Wait],
  ])('TIM-013: %s is an error that names the timer', (_what, wait) => {
    const { errors } = withTimer(wait).validate()
    expect(errors).toHaveLength(1)
    expect(errors[0]).toMatch(/^timer `rest`: /)
  })

  it('TIM-013: is drawn, and part of the signature', () => {
    const one = withTimer({ seconds: 60 }).build().spec
    expect(toMermaid(one)).toContain('n0(["rest<br/>after 60 s"])')
    expect(toDot(one)).toContain('n0 [shape=oval, label="rest\\nafter 60 s"];')
    const until = withTimer({ until: () => '2026-03-01T09:00:00Z' }).build().spec
    expect(toDot(until)).toContain('until a time')
    const signatures = [one, until, withTimer({ seconds: 61 }).build().spec].map((spec) => spec.signature)
    expect(new Set(signatures).size).toBe(3)
    expect(withTimer({ seconds: 60 }).build().spec.signature).toBe(one.signature)
  })
})
