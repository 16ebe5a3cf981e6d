import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { describe, expect, it } from 'vitest'
import { z } from 'zod'
import {
  createSignalbox,
  type Host,
  keyVault,
  memoryStore,
  type Principal,
  systemHost,
  tool,
  workflow,
} from '../src/index.ts'
import { scriptedPolicy } from '../src/testing/scripted-policy.ts'

const ana: Principal = { id: 'user:ana', kind: 'user', tenant: 'acme', roles: ['requester'] }
const olga: Principal = { id: 'user:olga', kind: 'user', tenant: 'acme', roles: ['operator'] }
const budget = { maxTurns: 1, maxToolCalls: 5, maxRuntimeSeconds: 60, maxTokens: 1, maxCostUsd: '1' }

/** The tool's own time limit; a timer of exactly this length is left as it is. */
const TIMEOUT_SECONDS = 30

/** Other timers fire at once; time passes by `ahead`, so waits look again often. */
function quickHost(): Host & { ahead: number } {
  const host = {
    ...systemHost,
    ahead: 0,
    now: () => systemHost.now() + host.ahead,
    after: (ms: number, fn: () => void) => systemHost.after(ms === TIMEOUT_SECONDS * 1_000 ? ms : Math.min(ms, 10), fn),
  }
  return host
}

/** Takes every payment; the first answer is lost on the way. */
async function forgetfulBank(): Promise<{ port: number; keys: string[]; close: () => void }> {
  const keys: string[] = []
  const server = createServer((request, response) => {
    keys.push(String(request.headers['idempotency-key']))
    if (keys.length === 1) request.socket.destroy()
    else response.end('{}')
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return { port: (server.address() as AddressInfo).port, keys, close: () => server.close() }
}

async function until(met: () => boolean | Promise<boolean>): Promise<void> {
  while (!(await met())) await new Promise((resolve) => setTimeout(resolve, 5))
}

describe('kill switch', () => {
  it('ENG-036: while it stands against a repeat, nothing is sent and nothing is recorded; lifted, the repeat goes out once', async () => {
    const bank = await forgetfulBank()
    const host = quickHost()
    const pay = tool({
      name: 'pay.send',
      class: 'payments.write',
      effect: 'irreversible',
      input: z.object({ to: z.string() }),
      output: z.object({}),
      hosts: [`127.0.0.1:${bank.port}`],
      repeat: 'same_key_is_harmless',
      timeoutSeconds: TIMEOUT_SECONDS,
      settleAfterSeconds: 1,
      execute: async (_args, ctx) => {
        await ctx.fetch(`http://127.0.0.1:${bank.port}/pay`, { method: 'POST', body: '{}' })
        return {}
      },
    })
    const desk = workflow({
      name: 'desk',
      version: '1.0.0',
      input: z.string(),
      output: z.string(),
      budget,
      state: {},
      tools: [pay],
    })
      .node('payer', {
        input: z.string(),
        output: z.string(),
        run: async (to, ctx) => (await ctx.call(pay, { to })).status,
      })
      .start('payer')
      .output('payer')
      .build()
    const store = memoryStore(host)
    const policy = scriptedPolicy({ tools: { 'pay.send': { class: 'payments.write', effect: 'irreversible' } } })
    const models = {
      resolve: (id: string): never => {
        throw new Error(`no model ${id} here`)
      },
    }
    const vault = keyVault({ store, host, masterKey: new Uint8Array(32) })
    const box = createSignalbox({ store, vault, policy, models, workflows: [desk], host })
    const worker = box.work({ pollMs: 5, leaseMs: 600_000 })
    const { runId } = await box.runs.start({ workflow: 'desk', input: 'bob', principal: ana })
    await until(() => bank.keys.length === 1)
    const engaged = await box.runs.engageKillSwitch({
      by: olga,
      scope: 'tool',
      target: 'pay.send',
      mode: 'stop_now',
      reason: 'looking into it',
    })
    host.ahead = 40_000
    const settled = async (): Promise<number> => {
      let before = -1
      for (;;) {
        const now = (await box.runs.records('acme', runId)).filter(
          ({ type }) => type === 'activity.intent' || type === 'activity.outcome',
        ).length
        if (now === before) return now
        before = now
        await new Promise((resolve) => setTimeout(resolve, 60))
      }
    }
    const work = await settled()
    host.ahead += 60_000
    expect(await settled()).toBe(work)
    expect(bank.keys).toHaveLength(1)
    await box.runs.liftKillSwitch({ id: engaged.id, by: olga, reason: 'nothing wrong' })
    host.ahead += 10_000
    const done = await box.runs.wait('acme', runId)
    await worker.stop()
    await box.close()
    bank.close()
    expect(done).toMatchObject({ status: 'completed', output: 'succeeded' })
    expect(bank.keys).toHaveLength(2)
    expect(new Set(bank.keys).size).toBe(1)
  })
})
