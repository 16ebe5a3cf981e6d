import { type ChildProcess, spawn } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { fileURLToPath } from 'node:url'
import { afterEach, describe, expect, it } from 'vitest'
import type { Principal, Signalbox } from '../src/index.ts'
import { LEASE_SECONDS, open } from './switch-worker.ts'

const olga: Principal = { id: 'user:olga', kind: 'user', tenant: 'acme', roles: ['operator', 'requester'] }
const ENTRY = fileURLToPath(new URL('./switch-worker.ts', import.meta.url))
/** What the service's clock and the process's may differ by while a machine is busy, and a request is on its way. */
const ON_THE_WAY_MS = 750

const ends: (() => void | Promise<void>)[] = []
afterEach(async () => {
  for (const end of ends.splice(0).reverse()) await end()
})

/** The outside service, which notes when each payment arrived. */
async function bank() {
  const arrived: { readonly worker: string; readonly at: number }[] = []
  const server = createServer(async (request, response) => {
    const at = Date.now()
    let text = ''
    for await (const chunk of request) text += String(chunk)
    const { worker } = JSON.parse(text) as { worker: string }
    arrived.push({ worker, at })
    response.end('{}')
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  ends.push(() => {
    server.closeAllConnections()
    server.close()
  })
  return { arrived, port: (server.address() as AddressInfo).port }
}

async function until(met: () => boolean | Promise<boolean>): Promise<void> {
  while (!(await met())) await new Promise((resolve) => setTimeout(resolve, 10))
}

async function worker(name: string, path: string, port: number, hearing = 'sound'): Promise<ChildProcess> {
  const args = ['--conditions=signalbox-source', ENTRY, name, path, String(port), hearing]
  const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit'] })
  ends.push(async () => {
    const gone = new Promise((resolve) => child.once('exit', resolve))
    if (child.exitCode === null && child.signalCode === null && child.kill('SIGKILL')) await gone
  })
  await new Promise<void>((resolve, reject) => {
    child.stdout?.once('data', () => resolve())
    child.once('exit', () => reject(new Error(`${name} ended`)))
  })
  return child
}

async function stand(hearing: readonly string[]) {
  const folder = mkdtempSync(join(tmpdir(), 'signalbox-switches-'))
  ends.push(() => rmSync(folder, { recursive: true, force: true }))
  const path = join(folder, 'signalbox.db')
  const outside = await bank()
  const box = await open(path)
  ends.push(() => box.close())
  for (let n = 0; n < hearing.length; n++) await box.runs.start({ workflow: 'desk', input: 1_000_000, principal: olga })
  const children: ChildProcess[] = []
  for (const [n, how] of hearing.entries()) children.push(await worker(`w${n}`, path, outside.port, how))
  const paid = () => new Set(outside.arrived.map((one) => one.worker)).size
  await until(() => paid() === hearing.length)
  return { box, children, path, ...outside }
}

/** Stops a process that does not hold the database just then: one that does would hold everybody up, the throw too. */
async function standStill(child: ChildProcess | undefined, path: string): Promise<void> {
  const probe = new DatabaseSync(path, { timeout: 0 })
  try {
    for (;;) {
      child?.kill('SIGSTOP')
      // The others hold it for a moment only; whoever stands still holds it for good.
      for (let tries = 0; tries < 20; tries++) {
        try {
          probe.exec('BEGIN IMMEDIATE; ROLLBACK')
          return
        } catch {
          await new Promise((resolve) => setTimeout(resolve, 10))
        }
      }
      child?.kill('SIGCONT')
      await new Promise((resolve) => setTimeout(resolve, 5))
    }
  } finally {
    probe.close()
  }
}

/** Blocks the store of a process; resolves when no read of it is under way any more. */
async function block(child: ChildProcess | undefined): Promise<void> {
  const told = new Promise((resolve) => child?.stdout?.once('data', resolve))
  child?.kill('SIGUSR1')
  await told
}

const stop = { by: olga, scope: 'tool', target: 'pay.send', mode: 'pause', reason: 'drill' } as const

async function acknowledged(box: Signalbox, id: string): Promise<boolean> {
  return (await box.switches.status('acme', id)).every((one) => one.acknowledged)
}

describe('kill switches over worker processes', () => {
  it('KSW-050: no payment starts later than the lease after a throw, not from a process that stood still nor from one whose store is blocked; both are named', async () => {
    const { box, children, arrived, path } = await stand(['sound', 'sound', 'sound'])
    const [, stopped, blocked] = children
    await block(blocked)
    await standStill(stopped, path)
    const { id, createdAt } = await box.runs.engageKillSwitch(stop)
    await until(() => acknowledged(box, id))
    const [status] = await box.switches.status('acme', id)
    expect(status?.workers.map(({ worker: name, state }) => `${name} ${state}`)).toEqual([
      'w0 acknowledged',
      'w1 dead',
      'w2 dead',
    ])
    stopped?.kill('SIGCONT')
    await until(async () => (await box.switches.status('acme', id))[0]?.workers[1]?.state === 'acknowledged')
    const late = arrived.filter(({ at }) => at > createdAt + LEASE_SECONDS * 1_000 + ON_THE_WAY_MS)
    expect(late).toEqual([])
  })

  it('KSW-051: a worker that ignores what it should read is found by the outside record, and told as not acknowledging', async () => {
    const { box, arrived } = await stand(['sound', 'deaf'])
    const { id, createdAt } = await box.runs.engageKillSwitch(stop)
    const isLate = (at: number) => at > createdAt + LEASE_SECONDS * 1_000 + ON_THE_WAY_MS
    await until(() => arrived.some(({ at }) => isLate(at)))
    expect(new Set(arrived.filter(({ at }) => isLate(at)).map((one) => one.worker))).toEqual(new Set(['w1']))
    const [status] = await box.switches.status('acme', id)
    expect(status?.acknowledged).toBe(false)
    expect(status?.workers.find(({ worker: name }) => name === 'w1')?.state).toBe('waiting')
  })
})
