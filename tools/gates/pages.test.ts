/** Planted faults for the gates that compare pages with code: spec, readme. */
import { describe, expect, it } from 'vitest'
import { filesOf, places } from '../lib/fixtures.ts'
import { readme } from './readme.ts'
import { spec } from './spec.ts'

const TEST = 'packages/runtime/src/x.test.ts'
const PAGE = 'docs/spec/engine.md'

describe('gate spec', () => {
  const check = (page: string, test: string, more: Record<string, string> = {}) =>
    spec(filesOf({ [PAGE]: page, [TEST]: test, ...more }))

  it('passes when every behaviour is cited and every citation exists', () => {
    const page =
      '# Engine\n\n- **ENG-001** one thing\n- **ENG-002** another\n- **ENG-003** a third\n- **ENG-004** a fourth'
    const test = "it('ENG-001: x', f)\nit.each([1])(`ENG-002, ENG-003: ${1}`, f)\nit('SHA-256 of nothing', f)"
    expect(check(page, test, { 'packages/runtime/src/testing/s.ts': "it('ENG-004: in a suite', f)" })).toEqual([])
  })

  it('CHK-010: planted: a behaviour that no test cites', () => {
    expect(places(check('- **ENG-001** one', "it('x', f)"))).toEqual([`${PAGE}:1`])
    expect(places(check('- **ENG-001** one', "// ENG-001\nit('x', f)"))).toEqual([`${PAGE}:1`])
  })

  it('CHK-010: planted: a citation of what no page has', () => {
    expect(places(check('- **ENG-001** one', "it('ENG-001: x', f)\nit('ENG-009: x', f)"))).toEqual([`${TEST}:2`])
    expect(places(check('', "it('NEW-001: x', f)"))).toEqual([`${TEST}:1`])
    expect(places(check('- **ENG-001** one', "it('ENG-001: as in ENG-010', f)"))).toEqual([`${TEST}:1`])
  })

  it('planted: a number used twice, on one page or two, and a behaviour without text', () => {
    const test = "it('ENG-001: x', f)"
    expect(places(check('- **ENG-001** one\n- **ENG-001** two', test))).toEqual([`${PAGE}:2`])
    expect(places(check('- **ENG-001** one', test, { 'docs/spec/z.md': '- **ENG-001** two' }))).toEqual([
      'docs/spec/z.md:1',
    ])
    expect(places(check('- **ENG-001**', test))).toEqual([`${PAGE}:1`])
  })

  it('planted: an invariant or a rule of the engine that is not in its list', () => {
    const lists = { 'ARCHITECTURE.md': '1. **One.** a\n2. **Two.** b', 'docs/ENGINE.md': '- **R1 Order.** a' }
    const cite = (text: string) => spec(filesOf({ ...lists, 'packages/a/src/a.ts': text }))
    expect(cite('// Invariant 2, ENGINE R1')).toEqual([])
    expect(places(cite('\n// Invariant 3'))).toEqual(['packages/a/src/a.ts:2'])
    expect(places(cite('\n// ENGINE R2'))).toEqual(['packages/a/src/a.ts:2'])
  })
})

describe('gate readme', () => {
  const SHOWN = 'examples/shop/src/refund.ts'
  const code = "import { a } from 'signalbox'\n// #region use\n  a(1)\n// #endregion use\n"
  const page = (head: string, text: string) => `# R\n\n\`\`\`ts\n// file: ${head}\n${text}\`\`\`\n`
  const check = (text: string, more: Record<string, string> = {}) =>
    readme(filesOf({ 'README.md': text, [SHOWN]: code, [TEST]: `import '../../../${SHOWN}'`, ...more }))

  it('passes when the snippet is the file, or its region without the indent', () => {
    expect(check(page(SHOWN, code))).toEqual([])
    expect(check(page(`${SHOWN}#use`, 'a(1)\n'))).toEqual([])
  })

  it.each([
    ['differs', page(SHOWN, code.replace('a(1)', 'a(2)'))],
    ['has no head', '```ts\na(1)\n```\n'],
    ['names a missing file', page('examples/shop/src/gone.ts', code)],
    ['names a missing region', page(`${SHOWN}#gone`, 'a(1)\n')],
    ['names a file that is not compiled', page('docs/guide/x.ts', 'a(1)\n')],
  ])('CHK-011: planted: a snippet that %s', (_name, text) => {
    const found = check(text, { 'docs/guide/x.ts': 'a(1)\n' })
    expect(places(found).length).toBeGreaterThan(0)
    expect(places(check('', { 'docs/guide/a.md': text, 'docs/guide/x.ts': 'a(1)\n' }))).toHaveLength(1)
  })

  it('CHK-011: planted: no test runs what the README shows', () => {
    expect(check(page(SHOWN, code), { [TEST]: '' })[0]?.message).toContain('no test imports')
  })
})
