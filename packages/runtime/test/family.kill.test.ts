import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { sleep, systemHost } from '../src/base/host.ts'
import type { FaultPoint } from '../src/engine/env.ts'
import { createSignalbox, type Signalbox } from '../src/runtime.ts'
import { keyVault, openSqliteStore } from '../src/stores/index.ts'
import { ANA, PAUL } from '../src/testing/bench-box.ts'
import { checkHistory } from '../src/testing/check-history.ts'
import { openBank, type OutsideBank } from '../src/testing/outside-bank.ts'
import { familyFlow, familyPolicy } from './family-flow.ts'

const WORKER = fileURLToPath(new URL('./family-worker.ts', import.meta.url))

let folder: string
let bank: OutsideBank
let desk: Signalbox
const children: ChildProcess[] = []

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'signalbox-family-'))
  bank = await openBank()
  const store = await openSqliteStore({ path: join(folder, 'signalbox.db'), host: systemHost })
  desk = createSignalbox({
    store,
    host: systemHost,
    vault: keyVault({ store, host: systemHost, masterKey: new Uint8Array(32) }),
    policy: familyPolicy(),
    models: { resolve: () => Promise.reject(new Error('no model is called')) as never },
    workflows: [familyFlow(bank.host, () => 1)],
  })
})

afterEach(async () => {
  for (const child of children.splice(0)) await killed(child)
  await desk.close()
  await bank.close()
  rmSync(folder, { recursive: true, force: true })
})

function worker(point: FaultPoint | 'never', amounts: Readonly<Record<string, number>>): ChildProcess {
  const pairs = Object.entries(amounts).map(([run, amount]) => `${run}=${amount}`)
  const args = ['--no-warnings', WORKER, join(folder, 'signalbox.db'), bank.host, point, ...pairs]
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

/** Waits until every run has ended or waits for a person; what is only unknown is told as the bank's file has it. */
async function standing(runs: readonly string[]): Promise<readonly string[]> {
  for (;;) {
    const rows = await Promise.all(runs.map((run) => desk.runs.get('acme', run)))
    const questions = await desk.runs.requests({ tenant: 'acme', kind: 'question', state: 'open', limit: 10 })
    const states = rows.map(({ status, runId }) =>
      status === 'completed' ? status : questions.some((each) => each.runId === runId) ? 'asked' : null,
    )
    if (states.every((state) => state !== null)) return states as string[]
    await sleep(systemHost, 20)
  }
}

const reason = 'try another amount'

describe('parent and fork over killed processes', () => {
  it.each(['decided', 'reserved', 'intent_durable', 'sent', 'answered', 'outcome_recorded', 'acknowledged'] as const)(
    'FRK-045: with another amount book once or ask, never twice, when the worker of both dies at `%s` (ENGINE R5)',
    async (point) => {
      const { runId } = await desk.runs.start({ workflow: 'one', input: null, principal: ANA })
      const { runId: made } = await desk.runs.fork({ runId, seq: 1, by: PAUL, reason })
      const amounts = { [runId]: 1, [made]: 2 }
      const [code, signal] = await once(worker(point, amounts), 'exit')
      expect([code, signal]).toEqual([null, 'SIGKILL'])
      worker('never', amounts)
      worker('never', amounts)
      const ends = [...(await standing([runId, made]))].sort()
      expect(ends).toEqual(['asked', 'completed'])
      expect(bank.booked).toHaveLength(1)
      for (const row of await desk.runs.list({ tenant: 'acme', limit: 10 })) await checkHistory(desk.store, row)
    },
  )

  it.each(['restore', 'fork'] as const)(
    'FRK-045: a %s to before the payment in a fresh process, with another amount, asks and books nothing',
    async (kind) => {
      const { runId } = await desk.runs.start({ workflow: 'one', input: null, principal: ANA })
      const first = worker('never', { [runId]: 1 })
      expect(await standing([runId])).toEqual(['completed'])
      await killed(first)
      const move = { runId, seq: 1, by: PAUL, reason }
      // The lease of the killed process may still stand.
      const went = await untilDone(() =>
        kind === 'fork' ? desk.runs.fork(move).then((one) => one.runId) : restored(move),
      )
      worker('never', { [went]: 2 })
      expect(await standing([went])).toEqual(['asked'])
      expect(bank.booked.map((booking) => booking.amount)).toEqual([1])
    },
  )
})

async function restored(move: Parameters<Signalbox['runs']['restore']>[0]): Promise<string> {
  await desk.runs.restore(move)
  return move.runId
}

async function untilDone<T>(act: () => Promise<T>): Promise<T> {
  for (;;) {
    try {
      return await act()
    } catch (thrown) {
      if (!(thrown instanceof Error && 'code' in thrown && thrown.code === 'RUN_STATE')) throw thrown
      await sleep(systemHost, 50)
    }
  }
}
