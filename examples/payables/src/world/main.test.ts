import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { readBank } from './bank-store.ts'
import { makeWorldClient, makeWorldTestClient } from './client.ts'
import { type SpawnedWorld, spawnWorld } from './spawn.ts'

let folder = ''
let worlds: SpawnedWorld[] = []
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'payables-'))
})
afterEach(async () => {
  await Promise.all(worlds.splice(0).map((world) => world.stop('SIGKILL')))
  rmSync(folder, { recursive: true, force: true })
})

async function world(): Promise<SpawnedWorld> {
  const started = await spawnWorld({ dataFolder: folder, testFaults: true })
  worlds = [...worlds, started]
  return started
}

const PAYMENT = {
  payee_iban: 'DE89370400440532013000',
  payee_name: 'Alba GmbH',
  amount_minor: 1190,
  currency: 'EUR',
  reference: 'V1:INV1',
}

describe('the process of the outside world', () => {
  it('PAY-036: bookings survive SIGKILL, answered or not', async () => {
    const first = await world()
    const bank = makeWorldClient(fetch, first.baseUrl)
    const desk = makeWorldTestClient(fetch, first.baseUrl)
    await bank.pay('modern', PAYMENT, { idempotencyKey: 'k1' })
    await desk.order({ path: '/v1/payments', mode: 'book_then_hang' })
    const lost = bank.pay('modern', PAYMENT, { idempotencyKey: 'k2' }).catch((error: unknown) => String(error))
    await desk.waitForHits('/v1/payments', 'took_effect', 2)
    await first.stop('SIGKILL')
    expect(await lost).toBe('TypeError: fetch failed')
    expect(
      readBank(folder)
        .requests.filter((each) => each.method === 'POST')
        .map((each) => each.status),
    ).toEqual([201, null])
    const again = makeWorldClient(fetch, (await world()).baseUrl)
    expect((await again.bookings()).map((each) => each.idempotency_key)).toEqual(['k1', 'k2'])
    expect((await again.pay('modern', PAYMENT, { idempotencyKey: 'k2' })).replayed).toBe(true)
    expect(readBank(folder).bookings.length).toBe(2)
  })

  it('PAY-050: ends on SIGTERM with exit code 0, also with a held request', async () => {
    const { baseUrl, child, stop } = await world()
    const desk = makeWorldTestClient(fetch, baseUrl)
    await desk.order({ path: '/v1/bookings', mode: 'hang_before_booking' })
    const lost = fetch(`${baseUrl}/v1/bookings`).catch((error: unknown) => String(error))
    await desk.waitForHits('/v1/bookings', 'arrived')
    await stop()
    expect(child.exitCode).toBe(0)
    expect(await lost).toBe('TypeError: fetch failed')
  })

  it('PAY-050: ends when the standard input of its parent closes', async () => {
    const { child } = await world()
    const exited = once(child, 'exit')
    child.stdin?.end()
    expect(await exited).toEqual([0, null])
  })

  it('PAY-050: ends when the process that started it is killed', async () => {
    const script = `
      import { spawnWorld } from ${JSON.stringify(new URL('./spawn.ts', import.meta.url).href)}
      console.log((await spawnWorld({ dataFolder: process.argv[1] })).baseUrl)
      await new Promise(() => setInterval(() => {}, 1000))`
    const flags = ['--conditions=signalbox-source', '--input-type=module', '-e', script, folder]
    const parent = spawn(process.execPath, flags, { stdio: ['ignore', 'pipe', 'inherit'] })
    const [line]: unknown[] = await once(parent.stdout, 'data')
    const baseUrl = String(line).trim()
    expect((await fetch(`${baseUrl}/v1/accounts`)).status).toBe(200)
    parent.kill('SIGKILL')
    await expect
      .poll(
        () =>
          fetch(baseUrl).then(
            () => 'answers',
            () => 'gone',
          ),
        { timeout: 10_000 },
      )
      .toBe('gone')
  })

  it('PAY-051: a wrong start is told with a code and exit code 1', async () => {
    const { port } = await world()
    const wrongLedger = join(folder, 'wrong.json')
    writeFileSync(wrongLedger, '{"vendors": 1}')
    const main = fileURLToPath(new URL('./main.ts', import.meta.url))
    const start = (...flags: string[]) => {
      const ended = spawnSync(process.execPath, ['--conditions=signalbox-source', main, ...flags], {
        encoding: 'utf8',
        timeout: 20_000,
      })
      const { ready, code }: { ready: boolean; code: string } = JSON.parse(ended.stdout)
      return [ended.status, ready, code]
    }
    const data = ['--data', join(folder, 'other')]
    expect(start()).toEqual([1, false, 'bad_request'])
    expect(start(...data, '--bind', '0.0.0.0')).toEqual([1, false, 'bad_request'])
    expect(start(...data, '--port', 'x')).toEqual([1, false, 'bad_request'])
    expect(start(...data, '--ledger', wrongLedger)).toEqual([1, false, 'bad_request'])
    expect(start(...data, '--port', String(port))).toEqual([1, false, 'port_in_use'])
  })
})
