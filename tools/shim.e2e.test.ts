/** packages/cli/bin/signalbox.js in the two places where it lives: a checkout and an installed package. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { cpSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { run } from './lib/run.ts'

const shim = fileURLToPath(new URL('../packages/cli/bin/signalbox.js', import.meta.url))
let home = ''

function put(path: string, text: string): void {
  mkdirSync(dirname(join(home, path)), { recursive: true })
  writeFileSync(join(home, path), text)
}

beforeEach(() => {
  home = mkdtempSync(join(tmpdir(), 'signalbox-shim-'))
  put('packages/cli/package.json', '{ "type": "module" }')
  mkdirSync(join(home, 'packages/cli/bin'))
  cpSync(shim, join(home, 'packages/cli/bin/signalbox.js'))
})

afterEach(() => rmSync(home, { recursive: true, force: true }))

const bin = () => join(home, 'packages/cli/bin/signalbox.js')
const SAYS =
  'const words: string[] = process.argv.slice(2)\nconsole.log(words.join(), process.execArgv.join())\nprocess.exitCode = 3\n'

describe('the signalbox command', () => {
  it('CHK-017: runs the source in a checkout, even beside an older build, and passes arguments and the exit code on', async () => {
    put('packages/runtime/src/index.ts', '')
    put('packages/cli/src/main.ts', SAYS)
    put('packages/cli/dist/main.js', "console.log('stale build')")
    const { code, output } = await run(process.execPath, [bin(), 'runs', '--json'], home)
    expect({ code, output }).toEqual({ code: 3, output: 'runs,--json --conditions=signalbox-source\n' })
  })

  it('CHK-017: runs the compiled files when it is installed', async () => {
    put('packages/cli/dist/main.js', 'console.log(process.argv.slice(2).join())\nprocess.exitCode = 4')
    expect(await run(process.execPath, [bin(), 'runs'], home)).toEqual({ code: 4, output: 'runs\n' })
  })

  it.each([
    ["process.on('SIGTERM', () => process.exit(7))", 7],
    ['', 143],
  ])('CHK-017: hands SIGTERM on and reports how the source ended (%s)', async (handler, expected) => {
    put('packages/runtime/src/index.ts', '')
    put('packages/cli/src/main.ts', `${handler}\nsetInterval(() => {}, 60_000)\nconsole.log('up')\n`)
    const child = spawn(process.execPath, [bin()], { stdio: ['ignore', 'pipe', 'ignore'] })
    await once(child.stdout, 'data')
    child.kill('SIGTERM')
    const [code] = await once(child, 'exit')
    expect(code).toBe(expected)
  })
})
