import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { type OutsideBank, openBank } from '../src/testing/outside-bank.ts'

const PROCESS = fileURLToPath(new URL('./compensation-process.ts', import.meta.url))

let folder: string
let bank: OutsideBank
beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'signalbox-compensation-'))
  bank = await openBank()
})
afterEach(async () => {
  await bank.close()
  rmSync(folder, { recursive: true })
})

/** Runs one process to its end; gives the run that it worked on and the signal that ended it. */
async function worked(...args: readonly string[]): Promise<{ runId: string; signal: string | null }> {
  const path = join(folder, 'signalbox.db')
  const child = spawn(process.execPath, ['--conditions=signalbox-source', PROCESS, path, bank.host, ...args], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  let text = ''
  child.stdout.setEncoding('utf8').on('data', (part: string) => {
    text += part
  })
  const [code, signal] = (await once(child, 'close')) as [number | null, string | null]
  if (signal === null && code !== 0) throw new Error(`the process ended with ${code}: ${text}`)
  return { runId: text.trim(), signal }
}

describe('a compensation whose processes are killed', () => {
  it('CMP-013: killed with SIGKILL at six points one after another, it is finished by fresh processes; the bank has each undo once', async () => {
    const { runId } = await worked('pay')
    expect(bank.booked.map(({ amount }) => amount)).toEqual([1, 2, 3])
    const { runId: made, signal } = await worked('undo', runId, 'intent_durable')
    expect(signal).toBe('SIGKILL')
    const kills = []
    for (const at of ['sent', 'answered', 'outcome_recorded', 'settled', 'acknowledged'])
      kills.push((await worked('go-on', made, at)).signal)
    expect(kills.filter((each) => each === 'SIGKILL').length).toBeGreaterThanOrEqual(2)
    await worked('go-on', made)
    expect(bank.booked.map(({ to, amount }) => `${to} ${amount}`)).toEqual([
      'bob 1',
      'eve 2',
      'tom 3',
      'tom -3',
      'eve -2',
      'bob -1',
    ])
    expect(new Set(bank.booked.map(({ key }) => key)).size).toBe(6)
  }, 90_000)
})
