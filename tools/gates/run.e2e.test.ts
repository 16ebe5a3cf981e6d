/** The runner and the reporter as a whole: planted faults in a small repository of their own. */
import { execFileSync } from 'node:child_process'
import { cpSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { runGates } from '../lib/gate-runner.ts'
import { run } from '../lib/run.ts'

const root = fileURLToPath(new URL('../..', import.meta.url))
let home = ''

function put(path: string, text: string): void {
  mkdirSync(dirname(join(home, path)), { recursive: true })
  writeFileSync(join(home, path), text)
}

beforeEach(() => {
  home = mkdtempSync(join(tmpdir(), 'signalbox-gates-'))
  execFileSync('git', ['init', '-q'], { cwd: home })
  put('.gitignore', 'node_modules\nhidden/\n')
  put('ARCHITECTURE.md', '<!-- import-table -->\n| `a` | `packages/a/src/` | | |\n<!-- import-table -->\n')
  put('packages/a/src/index.ts', '/** A small constant. */\nexport const a = 1\n')
  symlinkSync(join(root, 'node_modules'), join(home, 'node_modules'))
})

afterEach(() => rmSync(home, { recursive: true, force: true }))

describe('npm run check', () => {
  const check = async (...names: string[]) => {
    const lines: string[] = []
    const count = await runGates(home, names, (line) => lines.push(line))
    return { ...count, text: lines.join('\n') }
  }

  it('CHK-001: prints one line a gate with its time, and counts', async () => {
    const { passed, failed, text } = await check('layers', 'words')
    expect({ passed, failed }).toEqual({ passed: 2, failed: 0 })
    expect(text).toMatch(/^layers +ok {2}\d+ ms\nwords +ok {2}\d+ ms\n2 gates passed$/)
  })

  it('CHK-001, CHK-002: planted: an edge, with file, line and fix; an unknown gate', async () => {
    put('packages/a/src/b.ts', "\nimport fs from 'node:fs'\nexport const b = fs\n")
    const { failed, text } = await check('layers')
    expect(failed).toBe(1)
    expect(text).toContain('packages/a/src/b.ts:2: layer `a` may not import `node:fs`')
    expect((await check('layer')).failed).toBe(1)
  })

  it('CHK-005: planted: a module that git ignores is on disk but was not read', async () => {
    put('packages/a/src/hidden/c.ts', 'export const c = 1\n')
    expect((await check('layers')).text).toContain('read 1 modules but 2 are on disk')
  })

  it('planted: an error of types, and of lint', async () => {
    cpSync(join(root, 'biome.json'), join(home, 'biome.json'))
    put(
      'tsconfig.json',
      '{ "compilerOptions": { "strict": true, "noEmit": true, "types": [] }, "include": ["packages"] }',
    )
    expect((await check('types', 'lint')).failed).toBe(0)
    put('packages/a/src/index.ts', 'export const a: string = 1\nexport const b = (x?: { y: 1 }) => x!.y\n')
    const { failed, text } = await check('types', 'lint')
    expect(failed).toBe(2)
    expect(text).toContain('packages/a/src/index.ts(1,14)')
    expect(text).toContain('noNonNullAssertion')
  })
})

describe('the reporter', () => {
  const vitest = async (test: string) => {
    cpSync(join(root, 'tools/reporter.ts'), join(home, 'tools/reporter.ts'))
    cpSync(join(root, 'tools/lib'), join(home, 'tools/lib'), { recursive: true })
    put('tools/skip-list.json', '[{ "test": "x.test.ts > listed", "reason": "r", "condition": "c" }]')
    put('package.json', '{ "type": "module" }')
    const config =
      "import { PlainReporter } from './tools/reporter.ts'\nexport default { test: { reporters: ['default', new PlainReporter()] } }\n"
    put('vitest.config.ts', config)
    put('x.test.ts', `import { expect, it } from 'vitest'\n${test}`)
    const { code, output } = await run('vitest', ['run'], home)
    return { code, last: output.trimEnd().split('\n').at(-1), output }
  }
  const fine = "it('a', () => { expect(1).toBe(1) })\n"

  it('CHK-014: ends with the plain line and exits 0 when all passed or were skipped with permission', async () => {
    const { code, last } = await vitest(`${fine}it.skip('listed', () => {})\n`)
    expect({ code, last }).toEqual({ code: 0, last: '1 passed, 0 failed, 1 skipped' })
  })

  it('CHK-013: planted: a skip without permission, made while the test runs', async () => {
    const { code, last, output } = await vitest(`${fine}it('quiet', (context) => context.skip())\n`)
    expect({ code, last }).toEqual({ code: 1, last: '1 passed, 1 failed, 0 skipped' })
    expect(output).toContain('skipped without permission: x.test.ts > quiet')
  })

  it('CHK-014: planted: a failed test, a file that throws, an error after the tests', async () => {
    const failing = await vitest(`${fine}it('b', () => { expect(1).toBe(2) })\n`)
    expect(failing).toMatchObject({ code: 1, last: '1 passed, 1 failed, 0 skipped' })
    expect(await vitest(`throw new Error('x')\n`)).toMatchObject({ code: 1, last: '0 passed, 1 failed, 0 skipped' })
    const late = await vitest(`${fine}it('late', () => { Promise.reject(new Error('late')) })\n`)
    expect(late).toMatchObject({ code: 1, last: '2 passed, 1 failed, 0 skipped' })
  })
})
