/** The guide for security engineers, run as it is written: its commands one after the other, as from a clone. */
import { spawn } from 'node:child_process'
import { createServer, type Server } from 'node:http'
import { chmodSync, mkdirSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest'
import { type Dev, dataFolder, type Ended, run, startDev } from './harness.ts'

const ROOT = fileURLToPath(new URL('../../..', import.meta.url))
const GUIDE = readFileSync(join(ROOT, 'docs/guide/change-a-policy.md'), 'utf8')
const folder = dataFolder()
const clone = join(folder.path, 'clone')
let server: Dev

/** Sends a command line to this process and writes what comes back: a process of its own for each would take a second. */
const SHIM = `#!${process.execPath}
import http from 'node:http'
const request = http.request(process.env.TERMINAL_URL, { method: 'POST' }, async (answer) => {
  let text = ''
  for await (const part of answer) text += part
  const { code, stdout, stderr } = JSON.parse(text)
  process.stdout.write(stdout)
  process.stderr.write(stderr)
  process.exitCode = code
})
request.end(JSON.stringify(process.argv.slice(2)))
`

/** A folder that looks like a clone, in which new files are its own, and a `signalbox` on the path. */
function makeClone(): void {
  mkdirSync(join(clone, 'bin'), { recursive: true })
  for (const name of readdirSync(ROOT).filter((each) => !each.startsWith('.') && each !== 'draft'))
    symlinkSync(join(ROOT, name), join(clone, name))
  writeFileSync(join(clone, 'bin', 'signalbox'), SHIM)
  chmodSync(join(clone, 'bin', 'signalbox'), 0o755)
}

/** Runs command lines in this process, which is where the shell is: in the clone. */
let terminal: Server
async function openTerminal(): Promise<string> {
  terminal = createServer(async (request, response) => {
    let text = ''
    for await (const part of request) text += String(part)
    response.end(JSON.stringify(await run(JSON.parse(text))))
  })
  await new Promise<void>((resolve) => terminal.listen(0, '127.0.0.1', resolve))
  const address = terminal.address()
  if (address === null || typeof address === 'string') throw new Error('the terminal has no port')
  return `http://127.0.0.1:${address.port}/`
}
const home = process.cwd()
let url = ''

/** The commands of each numbered step. */
const steps = new Map(
  GUIDE.split(/^## /m)
    .slice(1)
    .map((part) => {
      const blocks = [...part.matchAll(/^```sh\n([\s\S]*?)^```$/gm)].map((match) => match[1] ?? '')
      return [part.slice(0, part.indexOf('\n')), blocks.join('\n')] as const
    }),
)

const done: string[] = []
/** Runs the commands of a step; variables of earlier steps are set again first. */
async function step(title: string): Promise<Ended> {
  const commands = steps.get(title)
  if (commands === undefined || commands === '') throw new Error(`the guide has no step \`${title}\``)
  const script = `set -eu\n${done.join('\n')}\n${commands}`
  done.push(...commands.split('\n').filter((line) => /^(OLD|NEW)=/.test(line)))
  const child = spawn('sh', ['-c', script], {
    cwd: clone,
    env: { ...process.env, PATH: `${join(clone, 'bin')}:${process.env.PATH ?? ''}`, NO_COLOR: '1', TERMINAL_URL: url },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  let [stdout, stderr] = ['', '']
  child.stdout.on('data', (chunk: Buffer) => (stdout += chunk.toString('utf8')))
  child.stderr.on('data', (chunk: Buffer) => (stderr += chunk.toString('utf8')))
  const code = await new Promise<number>((resolve) => child.once('close', (exit) => resolve(exit ?? -1)))
  return { code, stdout, stderr }
}

beforeAll(async () => {
  makeClone()
  url = await openTerminal()
  process.chdir(clone)
  server = await startDev(join(clone, '.signalbox'), { config: join(clone, 'signalbox.config.ts') })
}, 120_000)
afterAll(async () => {
  process.chdir(home)
  terminal.close()
  await server.end('SIGTERM')
  folder.remove()
})

describe('the half hour of a security engineer', () => {
  it('PAU-060: find, forbid, test and replay', async () => {
    const found = await step('1. Find the bundle')
    expect(found).toMatchObject({ code: 0, stderr: '' })
    expect(found.stdout).toContain('payables 1.0.0')
    expect(await step('2. Forbid one tool for one role')).toMatchObject({ code: 0, stderr: '' })
    const tested = await step('3. Test it')
    expect(tested).toMatchObject({ code: 0, stderr: '' })
    expect(tested.stdout).toContain('every policy decides in a case')
    expect(tested.stdout).toContain('+ policy bank-records.not-for-requesters')
    expect(tested.stdout).toContain('deny  NO_BANK_RECORDS: requesters do not read what the bank booked')
    // The first invoices are taken in meanwhile.
    const replayed = await vi.waitUntil(
      async () => {
        const each = await step("4. Ask last week's decisions")
        expect(each).toMatchObject({ code: 0, stderr: '' })
        return each.stdout.includes('allow → deny') ? each : null
      },
      { timeout: 60_000, interval: 500 },
    )
    expect(replayed.stdout).toMatch(/allow → deny +records\.payments +by bank-records\.not-for-requesters/)
    expect(replayed.stdout.match(/→/g)).toHaveLength(1)
  }, 180_000)

  it('PAU-060: activate with a second person, see it bite, take it back', async () => {
    const activated = await step('5. Bring it into force, with a second person')
    expect(activated).toMatchObject({ code: 0, stderr: '' })
    const bitten = await step('6. See it bite')
    expect(bitten.code, bitten.stderr).toBe(0)
    expect(bitten.stdout).toContain('NO_BANK_RECORDS')
    expect(bitten.stdout).toMatch(/decided +forbid bank-records\.not-for-requesters/)
    const back = await step('7. Take it back')
    expect(back).toMatchObject({ code: 0, stderr: '' })
    expect(back.stdout).toContain('agreed with treasury')
  }, 180_000)

  it('EXS-052: what the server of the payables desk writes holds no account of a vendor', () => {
    const truth = readFileSync(join(ROOT, 'examples/payables/world/truth.json'), 'utf8')
    const accounts = new Set(truth.match(/"[A-Z]{2}\d{2}[A-Z0-9]{11,30}"/g)?.map((each) => each.slice(1, -1)))
    expect(accounts.size).toBeGreaterThan(3)
    const written = server.stdout() + server.stderr()
    for (const account of accounts) expect(written).not.toContain(account)
  })
})
