import { describe, expect, it } from 'vitest'
import { filesOf, places } from '../lib/fixtures.ts'
import { isTypeScript } from '../lib/source.ts'
import { layers } from './layers.ts'

const R = 'packages/runtime/src'
const TABLE = [
  '<!-- import-table -->',
  '| layer | where | may import | outside |',
  '|---|---|---|---|',
  '| `base` | `packages/runtime/src/base/` | | `node:crypto` |',
  '| `policy` | `packages/runtime/src/policy/` | `base` | `zod` |',
  '| `runtime` | `packages/runtime/src/` | `policy`, `base` | `node:*` |',
  '| `examples` | `examples/*/src/` | `signalbox` | `zod` |',
  '<!-- import-table -->',
].join('\n')
const CLEAN = {
  'ARCHITECTURE.md': TABLE,
  'packages/runtime/package.json': '{"name":"signalbox","exports":{".":{"signalbox-source":"./src/index.ts"}}}',
  [`${R}/base/ids.ts`]: `import { createHash } from 'node:crypto'\nexport const a = createHash`,
  [`${R}/policy/gate.ts`]: `import { z } from 'zod'\nimport { a } from '../base/ids.ts'\nexport const b = [a, z]`,
  [`${R}/index.ts`]: `export * from './policy/gate.ts'`,
  [`${R}/policy/gate.test.ts`]: `import { it } from 'vitest'\nimport { b } from '../index.ts'\nit('x', () => b)`,
  'examples/shop/src/index.ts': `import { b } from 'signalbox'\nexport const c = b`,
}

function check(changes: Record<string, string>, extraOnDisk = 0) {
  const files = filesOf({ ...CLEAN, ...changes })
  return layers({ files, modulesOnDisk: files.filter((file) => isTypeScript(file.path)).length + extraOnDisk })
}

describe('gate layers', () => {
  it('passes a tree that agrees with its table', () => {
    expect(check({})).toEqual([])
  })

  it.each([
    ['import', `import { b } from '../policy/gate.ts'`],
    ['type import', `import type { B } from '../policy/gate.ts'`],
    ['inline type import', `import { type B } from '../policy/gate.ts'`],
    ['side effect import', `import '../policy/gate.ts'`],
    ['named re-export', `export { b } from '../policy/gate.ts'`],
    ['type re-export', `export type { B } from '../policy/gate.ts'`],
    ['star re-export', `export * from '../policy/gate.ts'`],
    ['namespace re-export', `export * as p from '../policy/gate.ts'`],
    ['dynamic import', `export const p = () => import('../policy/gate.ts')`],
    ['import type', `export type P = import('../policy/gate.ts').B`],
  ])('CHK-003: planted: an unlisted edge by %s', (_name, text) => {
    const found = check({ [`${R}/base/planted.ts`]: text })
    expect(places(found)).toContain(`${R}/base/planted.ts:1`)
    expect(found[0]?.message).toContain('may not import layer `policy`')
  })

  it('planted: an outside package and a node module that the layer may not have', () => {
    const text = `import fs from 'node:fs'\nimport { z } from 'zod/v4'\nexport const p = [fs, z]`
    expect(places(check({ [`${R}/base/planted.ts`]: text }))).toEqual([
      `${R}/base/planted.ts:1`,
      `${R}/base/planted.ts:2`,
    ])
  })

  it('planted: a computed import', () => {
    const found = check({ [`${R}/policy/planted.ts`]: 'export const p = (x: string) => import(x)' })
    expect(found[0]?.message).toContain('computed import')
  })

  it('CHK-004: planted: a cycle of two files, through a type import', () => {
    const found = check({
      [`${R}/policy/one.ts`]: `import type { Two } from './two.ts'\nexport type One = Two`,
      [`${R}/policy/two.ts`]: `import type { One } from './one.ts'\nexport type Two = One`,
    })
    expect(found[0]?.message).toContain(`${R}/policy/one.ts -> ${R}/policy/two.ts -> ${R}/policy/one.ts`)
  })

  it('planted: a cycle through a package name', () => {
    const text = `import { b } from 'signalbox'\nexport const q = b`
    const found = check({ [`${R}/policy/gate.ts`]: text })
    expect(found.map((each) => each.message).join()).toContain('import cycle')
  })

  it('CHK-005: planted: a module on disk that was not read', () => {
    expect(check({}, 1)[0]?.message).toContain('modules but')
  })

  it('planted: a file that does not parse is not counted as read', () => {
    const messages = check({ [`${R}/policy/broken.ts`]: 'export const = 1' }).map((each) => each.message)
    expect(messages.some((message) => message.includes('does not parse'))).toBe(true)
    expect(messages.some((message) => message.includes('modules but'))).toBe(true)
  })

  it('planted: a file that no row covers', () => {
    expect(places(check({ 'packages/new/src/index.ts': 'export const n = 1' }))).toEqual([
      'packages/new/src/index.ts:1',
    ])
  })

  it('planted: a relative import that leaves the package, an unknown entry, a missing file, a test imported', () => {
    const text = [
      `import '../../../packages/runtime/src/index.ts'`,
      `import 'signalbox/inner'`,
      `import './missing.ts'`,
      `import './x.test.ts'`,
    ].join('\n')
    const found = check({ 'examples/shop/src/planted.ts': text, 'examples/shop/src/x.test.ts': '' })
    expect(places(found)).toEqual([1, 2, 3, 4].map((line) => `examples/shop/src/planted.ts:${line}`))
  })

  it('planted: no table, and a row that names a layer without a row', () => {
    expect(check({ 'ARCHITECTURE.md': '# nothing' })[0]?.message).toContain('no import table')
    const typo = TABLE.replace('| `base` | `zod` |', '| `basse` | `zod` |')
    expect(check({ 'ARCHITECTURE.md': typo })[0]?.message).toContain('`basse`')
  })
})
