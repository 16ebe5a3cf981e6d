import { describe, expect, it } from 'vitest'
import { z } from 'zod'
import { UNLABELLED } from '../contracts/common.ts'
import type { ActCtx, ReadCtx, ToolDef } from '../contracts/tool.ts'
import { ToolFailure, tool } from './tool.ts'

const Input = z.strictObject({ invoice: z.string(), amountMinor: z.int().positive() })
const Output = z.object({ reference: z.string() })

type Def = ToolDef<typeof Input, typeof Output>

const DEF = {
  name: 'bank.pay',
  class: 'payments.write',
  effect: 'irreversible',
  input: Input,
  output: Output,
  execute: async ({ invoice }) => ({ reference: `ref-${invoice}` }),
} satisfies Def

function pay(more: Partial<Def> = {}) {
  return tool({ ...DEF, ...more }).spec
}

// These tools never look at their context.
const ctx = {} as ActCtx

describe('tool', () => {
  it('TOL-001: every fault is named at once', () => {
    const declare = () =>
      tool({
        ...DEF,
        name: 'Pay!',
        class: '',
        effect: 'none',
        hosts: ['bank', 'https://bank:443'],
        timeoutSeconds: 0,
        settleAfterSeconds: -1,
        lookup: 'authoritative',
        effectKey: () => ({ scope: 'run', key: '1' }),
      })
    expect(declare).toThrow(
      expect.objectContaining({
        code: 'CONFIG_INVALID',
        message: expect.stringMatching(/name.*class.*timeoutSeconds.*settleAfter.*effectKey.*lookup.*host `bank`/),
      }),
    )
  })

  it('CMP-001: an undo is declared with another tool that has an effect, or as impossible; each fault is named', () => {
    const reverse = tool({ ...DEF, name: 'invoices.reverse' })
    const args = ({ invoice, amountMinor }: z.output<typeof DEF.input>) => ({ invoice, amountMinor: amountMinor + 1 })
    const { undo } = tool({ ...DEF, undo: { tool: reverse, args, withinSeconds: 60 } }).spec
    if (undo === undefined || undo === 'impossible') throw new Error('it declares an undo')
    const of = { runId: 'r', tenant: 't', idempotencyKey: 'k', at: '' }
    expect(undo.args({ invoice: 'a', amountMinor: 5 }, { reference: 'x' }, of)).toEqual({
      invoice: 'a',
      amountMinor: 6,
    })
    expect(undo).toMatchObject({ withinSeconds: 60, tool: { name: 'invoices.reverse' } })
    expect(tool({ ...DEF, undo: 'impossible' }).spec.undo).toBe('impossible')
    const read = tool({ ...DEF, name: 'invoices.read', effect: 'none' })
    expect(() => tool({ ...DEF, effect: 'none', undo: { tool: read, args, withinSeconds: 0 } })).toThrow(
      expect.objectContaining({
        code: 'CONFIG_INVALID',
        message: expect.stringMatching(/needs an effect.*cannot undo anything.*must be positive/),
      }),
    )
    const same = tool({ ...DEF })
    expect(() => tool({ ...DEF, undo: { tool: same, args } })).toThrow('must be another tool')
  })

  it('CMP-001: what a tool says of its undo is part of its definition; without one the definition is what it was', () => {
    const reverse = tool({ ...DEF, name: 'invoices.reverse' })
    const args = ({ invoice, amountMinor }: z.output<typeof DEF.input>) => ({ invoice, amountMinor })
    const hashes = [
      pay().definitionHash,
      tool({ ...DEF, undo: 'impossible' }).spec.definitionHash,
      tool({ ...DEF, undo: { tool: reverse, args } }).spec.definitionHash,
      tool({ ...DEF, undo: { tool: reverse, args, withinSeconds: 5 } }).spec.definitionHash,
    ]
    expect(new Set(hashes).size).toBe(4)
  })

  it('TOL-002: a schema that JSON cannot carry is refused', () => {
    const withDate = () => tool({ ...DEF, input: z.object({ at: z.date() }), execute: async () => ({ reference: '' }) })
    const withTransform = () =>
      tool({ ...DEF, output: z.string().transform((text) => text.length), execute: async () => 1 })
    expect(withDate).toThrow('`input` cannot be written as JSON Schema')
    expect(withTransform).toThrow('`output` cannot be written as JSON Schema')
  })

  it('TOL-003: arguments and outputs are checked, fields named, values not', async () => {
    const spec = pay()
    expect(spec.parseInput({ invoice: 'a', amountMinor: 5 })).toEqual({ invoice: 'a', amountMinor: 5 })
    expect(() => spec.parseInput({ invoice: 'a', amountMinor: 'secret' })).toThrow(
      expect.objectContaining({
        code: 'TOOL_INPUT_INVALID',
        message: expect.stringContaining('`amountMinor` expected'),
      }),
    )
    expect(() => spec.parseInput({ invoice: 'a', amountMinor: 'secret' })).not.toThrow('secret')
    expect(() => spec.parseInput({ invoice: 'a', amountMinor: 1, extra: 1 })).toThrow('extra')
    expect(() => spec.parseOutput({})).toThrow(
      expect.objectContaining({ code: 'TOOL_OUTPUT_INVALID', message: expect.stringContaining('`reference`') }),
    )
    expect(await spec.execute(spec.parseInput({ invoice: 'a', amountMinor: 5 }), ctx)).toEqual({ reference: 'ref-a' })
  })

  it('TOL-003: undefined fields and what JSON drops are gone after the check', () => {
    const spec = tool({ ...DEF, output: z.object({ reference: z.string(), note: z.string().optional() }) }).spec
    expect(Object.keys(spec.parseOutput({ reference: 'r', note: undefined }) as object)).toEqual(['reference'])
  })

  it('TOL-004: the definition hash tells declarations apart', () => {
    const hash = pay().definitionHash
    expect(pay().definitionHash).toBe(hash)
    expect(pay({ execute: async () => ({ reference: 'other body' }) }).definitionHash).toBe(hash)
    const changed: Partial<Def>[] = [
      { class: 'payments.admin' },
      { effect: 'reversible' },
      { description: 'Pays.' },
      { hosts: ['bank.test:443'] },
      { repeat: 'same_key_is_harmless' },
      { settleAfterSeconds: 9 },
      { timeoutSeconds: 9 },
      { labels: { integrity: 2, marks: [] } },
      { effectKey: () => ({ scope: 'run', key: '1' }) },
      { reconcile: async () => ({ answer: 'did_not' }) },
    ]
    const hashes = changed.map((more) => pay(more).definitionHash)
    expect(new Set([hash, ...hashes]).size).toBe(changed.length + 1)
    const other = tool({
      ...DEF,
      output: z.object({ reference: z.string(), at: z.string() }),
      execute: async () => ({ reference: '', at: '' }),
    })
    expect(other.spec.definitionHash).not.toBe(hash)
  })

  it('TOL-005: what is not declared is strict', () => {
    const spec = pay()
    expect([spec.repeat, spec.lookup, spec.labels, spec.hosts()]).toEqual(['never', 'advisory', UNLABELLED, []])
    expect([spec.effectKey, spec.facts, spec.preview, spec.reconcile]).toEqual([null, null, null, null])
  })

  it('TOL-006: a preview with a part missing fails', async () => {
    const whole = {
      summary: 'Pay invoice 7',
      target: { type: 'invoice', id: '7', version: '3' },
      impact: { money: { minor: 100, currency: 'EUR' } },
      rollback: 'ask the vendor',
    }
    const args = { invoice: '7', amountMinor: 100 }
    expect(await pay({ preview: async () => whole }).preview?.(args, ctx)).toEqual(whole)
    const { rollback: _, ...without } = whole
    // A tool written in plain JavaScript could answer this.
    const broken = pay({ preview: async () => without as typeof whole })
    await expect(broken.preview?.(args, ctx)).rejects.toMatchObject({ code: 'PREVIEW_FAILED' })
  })

  it('TOL-007: a look-up answers one of three', async () => {
    const args = { invoice: '7', amountMinor: 100 }
    const look = (found: unknown) =>
      // A tool written in plain JavaScript could answer anything.
      pay({ reconcile: async () => found as { answer: 'did_not' } }).reconcile?.(args, ctx)
    expect(await look({ answer: 'happened', output: { reference: 'r' } })).toEqual({
      answer: 'happened',
      output: { reference: 'r' },
    })
    expect(await look({ answer: 'cannot_tell' })).toEqual({ answer: 'cannot_tell' })
    await expect(look({ answer: 'happened', output: {} })).rejects.toMatchObject({ code: 'TOOL_OUTPUT_INVALID' })
    await expect(look({ answer: 'maybe' })).rejects.toMatchObject({ code: 'TOOL_OUTPUT_INVALID' })
  })

  it('TOL-008: facts must fit their schema', async () => {
    const facts = {
      schema: z.object({ matched: z.boolean() }),
      read: async (_: unknown, _ctx: ReadCtx) => ({ matched: true }),
    }
    const args = { invoice: '7', amountMinor: 100 }
    expect(await pay({ facts }).facts?.(args, ctx)).toEqual({ matched: true })
    const wrong = { ...facts, read: async () => ({ matched: 'yes' }) }
    await expect(pay({ facts: wrong }).facts?.(args, ctx)).rejects.toMatchObject({ code: 'TOOL_OUTPUT_INVALID' })
  })

  it('TOL-009: a computed host list is read each time and checked', () => {
    let hosts = ['127.0.0.1:4001']
    const spec = pay({ hosts: () => hosts })
    expect(spec.hosts()).toEqual(['127.0.0.1:4001'])
    hosts = ['Bank.Test:443', '[::1]:80']
    expect(spec.hosts()).toEqual(['bank.test:443', '[::1]:80'])
    for (const bad of ['bank', 'bank:0', 'bank:99999', '*.bank:443', 'https://bank:443', 'bank:443/path', '']) {
      hosts = [bad]
      expect(() => spec.hosts()).toThrow('must be of the form host:port')
    }
  })

  it('TOL-010: only a ToolFailure is definite', () => {
    expect(new ToolFailure('the vendor is blocked')).toMatchObject({ definite: true, message: 'the vendor is blocked' })
    expect(new Error('x')).not.toHaveProperty('definite')
  })
})
