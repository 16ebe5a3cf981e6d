import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { sleep, systemHost } from '../src/base/host.ts'
import { lineageGaps } from '../src/observability/index.ts'
import { decodeRecord } from '../src/reliability/chain.ts'
import { createSignalbox, type Signalbox } from '../src/runtime.ts'
import { keyVault, openSqliteStore } from '../src/stores/index.ts'
import { ANA } from '../src/testing/bench-box.ts'
import { checkHistory } from '../src/testing/check-history.ts'
import { openBank, type OutsideBank } from '../src/testing/outside-bank.ts'
import { nestedFlow, nestedPolicy } from './nested-flow.ts'

const WORKER = fileURLToPath(new URL('./nested-worker.ts', import.meta.url))

let folder: string
let bank: OutsideBank
let desk: Signalbox
const children: ChildProcess[] = []

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'signalbox-nested-'))
  bank = await openBank()
  const store = await openSqliteStore({ path: join(folder, 'signalbox.db'), host: systemHost })
  desk = createSignalbox({
    store,
    host: systemHost,
    vault: keyVault({ store, host: systemHost, masterKey: new Uint8Array(32) }),
    policy: nestedPolicy(),
    models: { resolve: () => Promise.reject(new Error('no model is called')) as never },
    workflows: [nestedFlow(bank.host)],
  })
})

afterEach(async () => {
  for (const child of children.splice(0)) await killed(child)
  await desk.close()
  await bank.close()
  rmSync(folder, { recursive: true, force: true })
})

function worker(): ChildProcess {
  const args = ['--no-warnings', WORKER, join(folder, 'signalbox.db'), bank.host]
  const child = spawn(process.execPath, args, { stdio: ['ignore', 'ignore', 'inherit'] })
  children.push(child)
  return child
}

async function killed(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return
  const gone = once(child, 'exit')
  child.kill('SIGKILL')
  await gone
}

/** Waits until the history is so long, or has ended. */
async function grown(runId: string, length: number): Promise<boolean> {
  for (;;) {
    const { seq, status } = await desk.runs.get('acme', runId)
    if (status === 'completed') return false
    if (seq >= length) return true
    await sleep(systemHost, 2)
  }
}

describe('scopes over killed processes', () => {
  it('SCP-061: a worker that is killed with SIGKILL while its history grows leaves one run, ended, each effect once', async () => {
    const { runId } = await desk.runs.start({ workflow: 'desk', input: 3, principal: ANA })
    for (let length = 3; length < 40; length += 4) {
      const one = worker()
      const more = await grown(runId, length)
      await killed(one)
      if (!more) break
    }
    worker()
    const { status, output } = await desk.runs.wait('acme', runId)
    expect({ status, output }).toEqual({
      status: 'completed',
      output: '[first 4; split: left succeeded, right succeeded]',
    })
    expect(bank.booked.map((booking) => booking.to).sort()).toEqual(['left', 'right'])
    const row = await desk.runs.get('acme', runId)
    await checkHistory(desk.store, row)
    expect(lineageGaps((await desk.store.records('acme', runId)).map(decodeRecord))).toEqual([])
  }, 120_000)
})
