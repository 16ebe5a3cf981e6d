/** Planted faults for the gates that look at one file at a time: sizes, ambient, any, docs, skips. */
import { describe, expect, it } from 'vitest'
import { filesOf, places } from '../lib/fixtures.ts'
import { ambient } from './ambient.ts'
import { any } from './any.ts'
import { docs } from './docs.ts'
import { sizes } from './sizes.ts'
import { skips } from './skips.ts'

const PATH = 'packages/runtime/src/engine/x.ts'
const one = (text: string, path = PATH) => filesOf({ [path]: text })
const lines = (count: number, line = 'f()') => Array.from({ length: count }, () => line).join('\n')

describe('gate sizes', () => {
  it('CHK-006: planted: a function of 71 lines, of each kind, and inside another', () => {
    const body = `{\n${lines(69)}\n}`
    for (const text of [
      `function p() ${body}`,
      `const p = () => ${body}`,
      `class P { p() ${body} }`,
      `const p = { p() ${body} }`,
    ]) {
      expect(places(sizes(one(text)))).toHaveLength(1)
      expect(places(sizes(one(text.replace('\nf()', ''))))).toEqual([])
    }
    expect(sizes(one(`function p() ${body}`))[0]?.message).toContain('`p` has 71 lines')
  })

  it('CHK-006: planted: a file of 451 lines fails, of 401 warns, of 400 passes; a final newline is no line', () => {
    expect(sizes(one(lines(451)))[0]?.level).toBe('fail')
    expect(sizes(one(lines(401)))[0]?.level).toBe('warn')
    expect(sizes(one(`${lines(400)}\n`))).toEqual([])
  })

  it('does not count suite callbacks of tests, but counts their helpers, and counts `describe` outside tests', () => {
    const suite = `describe.each([1])('s', () => {\n${lines(80)}\n})`
    expect(sizes(one(suite, 'packages/runtime/src/x.test.ts'))).toEqual([])
    expect(sizes(one(`export function suite() {\n${suite}\n}`, 'packages/runtime/src/testing/s.ts'))).toEqual([])
    expect(places(sizes(one(`const help = () => {\n${lines(80)}\n}`, 'packages/runtime/src/x.test.ts')))).toHaveLength(
      1,
    )
    expect(places(sizes(one(suite)))).toHaveLength(1)
  })
})

describe('gate ambient', () => {
  it.each([
    'Date.now()',
    'const clock = Date.now',
    'new Date()',
    'new Date',
    'Date()',
    'performance.now()',
    'globalThis.performance.now()',
    'Math.random()',
    "Math['random']()",
    'crypto.randomUUID()',
    "import { randomUUID } from 'node:crypto'",
    "import { randomBytes as r } from 'node:crypto'",
    'crypto.getRandomValues(new Uint8Array(1))',
    'setTimeout(f, 1)',
    'globalThis.setTimeout(f, 1)',
    'setInterval(f, 1)',
    'setImmediate(f)',
    'const timers = { setTimeout }',
    "import { setTimeout as sleep } from 'node:timers/promises'",
    "const { setTimeout: sleep } = await import('node:timers/promises')",
    'AbortSignal.timeout(5)',
    'process.hrtime.bigint()',
  ])('CHK-007: planted: %s', (text) => {
    expect(places(ambient(one(text)))).toContain(`${PATH}:1`)
    expect(places(ambient(one(text, 'packages/server/src/main.ts')))).not.toEqual([])
    expect(places(ambient(one(text, 'examples/payables/src/bank.ts')))).not.toEqual([])
  })

  it.each([
    'host.setTimeout(f, 1)',
    'new Date(ms).toISOString()',
    'interface Host { setTimeout(f: () => void, ms: number): void; randomUUID: () => string }',
    'const host = { setTimeout: schedule }',
    'type T = ReturnType<typeof setTimeout>',
    "'Date.now()' // Math.random()",
    'clearTimeout(x)',
  ])('lets pass: %s', (text) => {
    expect(ambient(one(text))).toEqual([])
  })

  it('lets base, tests, tools, bench and console use them', () => {
    const free = ['packages/runtime/src/base/host.ts', 'packages/runtime/src/a.test.ts', 'packages/cli/test/a.ts']
    for (const path of [...free, 'tools/a.ts', 'bench/src/a.ts', 'packages/console/src/a.tsx']) {
      expect(ambient(one('Date.now()', path))).toEqual([])
    }
  })
})

describe('gate any', () => {
  it.each([
    'const p: any = 1',
    'f(x as any)',
    'type P = Record<string, any>',
    'function p(...a: any[]) {}',
    '// @ts-ignore',
    '/* @ts-nocheck */',
    '// @ts-expect-error',
  ])('CHK-008: planted: %s', (text) => {
    expect(places(any(one(text)))).toEqual([`${PATH}:1`])
  })

  it('lets type tests expect errors, and the word stand in text', () => {
    expect(any(one('// @ts-expect-error a wrong use', 'packages/runtime/src/x.type-test.ts'))).toEqual([])
    expect(any(one("const any = 'any' // any"))).toEqual([])
    expect(places(any(one('// @ts-ignore', 'packages/runtime/src/x.type-test.ts')))).toHaveLength(1)
  })
})

describe('gate docs', () => {
  it.each([
    'export const p = 1',
    'export function p() {}',
    'export class P {}',
    'export type P = 1',
    'export interface P {}',
    'export default 1',
    'const p = 1\nexport { p }',
    '// not a doc comment\nexport const p = 1',
    '/* not a doc comment */\nexport const p = 1',
    '/** p */\nexport const p = 1',
    '/** Belongs to the import. */\nimport a from "a"\nexport const p = a',
  ])('CHK-009: planted: %s', (text) => {
    expect(places(docs(one(text)))).toHaveLength(1)
  })

  it('accepts a sentence, also above a line comment, on the first overload, and on what is exported by name', () => {
    expect(docs(one('/** Promises one thing. */\nexport const p = 1'))).toEqual([])
    expect(docs(one('/** Promises one thing. */\n// why\nexport const p = 1'))).toEqual([])
    expect(
      docs(
        one(
          '/** Promises one thing. */\nexport function p(a: 1): 1\nexport function p(a: 2): 2\nexport function p(a: 1 | 2) { return a }',
        ),
      ),
    ).toEqual([])
    expect(docs(one('/** Promises one thing. */\nconst p = 1\nexport { p }\nexport * from "./y.ts"'))).toEqual([])
    expect(docs(one('export const p = 1', 'packages/cli/src/x.ts'))).toEqual([])
  })
})

describe('gate skips', () => {
  const PLACE = 'packages/runtime/src/x.test.ts'
  const entry = (test: string) => JSON.stringify([{ test, reason: 'needs strace', condition: 'strace cannot be run' }])

  it.each([
    "it.only('t', f)",
    "describe.only('t', f)",
    "it.skip('t', f)",
    "describe.skip('t', f)",
    "it.todo('t')",
    "it.skipIf(a)('t', f)",
    "it.runIf(a)('t', f)",
    "it.skip.each([1])('t', f)",
    "it.fails('t', f)",
    "test.concurrent.only('t', f)",
  ])('CHK-012: planted: %s', (text) => {
    expect(places(skips(one(text, PLACE)))).toEqual([`${PLACE}:1`])
  })

  it('lets a listed skip pass, never `.only`, and finds stale and half entries', () => {
    const list = (text: string, test: string) => skips(filesOf({ [PLACE]: text, 'tools/skip-list.json': entry(test) }))
    expect(list("it.skipIf(a)('t', f)", `${PLACE} > t`)).toEqual([])
    expect(places(list("it.only('t', f)", `${PLACE} > t`))).toHaveLength(1)
    expect(places(list("it('t', f)", 'packages/gone.test.ts > t'))).toEqual(['tools/skip-list.json:1'])
    expect(places(skips(one('[{"test":"a"}]', 'tools/skip-list.json')))).toEqual(['tools/skip-list.json:1'])
  })
})
