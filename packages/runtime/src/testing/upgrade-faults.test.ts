import { afterEach, describe, expect, it } from 'vitest'
import { z } from 'zod'
import { auditRun } from '../observability/index.ts'
import { owned, port, workflow } from '../orchestration/index.ts'
import { ANA, benchSet, type BenchBox, PAUL, WIDE_BUDGET } from './bench-box.ts'
import { checkHistory } from './check-history.ts'
import { approvalPolicy, payTool } from './engine-kit.ts'
import { openBank, type OutsideBank } from './outside-bank.ts'
import { plantUpgradeFault } from './upgrade-faults.ts'

const set = benchSet()
let bank: OutsideBank | null = null
afterEach(async () => {
  // A history with a planted fault does not pass the check at the end of a test: that is what these tests show.
  await set.close().catch(() => undefined)
  await bank?.close()
})

const Text = z.string()

/** Counts in the state how often it was carried over; waits at a port twice, and before it for an approval. */
function counted(version: string, outside: OutsideBank) {
  const pay = payTool(outside)
  const ask = (name: string) => port({ name, request: Text, response: Text, deadlineSeconds: 6_000 })
  const built = workflow({
    name: 'counted',
    version,
    input: Text,
    output: z.number(),
    budget: WIDE_BUDGET,
    state: { times: owned('last', z.number()) },
    tools: [pay],
  })
    .node('pay', { input: Text, output: Text, run: async (to, ctx) => (await ctx.call(pay, { to, amount: 1 })).status })
    .port('one', ask('one'))
    .port('two', ask('two'))
    .node('last', { input: Text, output: z.number(), run: (_said, ctx) => ctx.state.times ?? 0 })
    .start('pay')
    .edge('pay', 'one')
    .edge('one', 'two')
    .edge('two', 'last')
    .output('last')
  if (version === '1') return built.build()
  const add = z.object({ times: z.number().default(0) })
  return built.upgrade({ from: '1', was: add, state: ({ times }) => ({ times: times + 1 }) }).build()
}

async function answer(one: BenchBox): Promise<void> {
  const { id } = await one.asked('request')
  await one.sb.runs.respond({ requestId: id, value: 'yes', by: PAUL })
  await one.closed(id)
}

async function verdicts(one: BenchBox, runId: string) {
  const row = await one.row(runId)
  const stored = await one.store.records(ANA.tenant, runId)
  const history = await checkHistory(one.store, row).then(
    () => null,
    (error: unknown) => String(error),
  )
  const { findings } = auditRun(stored, { seq: row.seq, head: row.head })
  return { history, findings: findings.map((one) => `${one.kind}: ${one.detail}`) }
}

/** Carried over at the first port and taken up again at the second; gives the number of times in the state. */
async function twoPorts(fault: 'repeated' | null) {
  bank = await openBank()
  const old = set.box({ workflows: [counted('1', bank)] })
  const worker = old.work()
  const { runId } = await old.run('counted', 'bob')
  await worker.stop()
  const store = fault ? plantUpgradeFault(old.store, fault) : old.store
  const next = old.another({ workflows: [counted('2', bank)], store })
  const first = next.work({ adoptAfterMs: 0 })
  await answer(next)
  await next.until(async () => ((await next.open('request'))[0]?.tool === 'two' ? true : null), 'the second port')
  await first.stop()
  next.work({ adoptAfterMs: 0 })
  await answer(next)
  const { output } = await next.ended(runId)
  return { old, runId, output }
}

describe('planted faults of take-overs', () => {
  it('DEP-015: an honest take-over is applied once and neither history nor audit find anything', async () => {
    const { old, runId, output } = await twoPorts(null)
    expect(output).toBe(1)
    expect(await verdicts(old, runId)).toEqual({ history: null, findings: [] })
  })

  it('DEP-015: an upgrade that is applied twice is found by the fold of the history and by the audit (Invariant 17)', async () => {
    const { old, runId, output } = await twoPorts('repeated')
    expect(output).toBeGreaterThan(1)
    const { history, findings } = await verdicts(old, runId)
    expect(history).toContain('upgrades from 1, the run is with 2')
    expect(findings).toContain('upgrade: it starts from version 1, and the run was with 2')
  })

  it('DEP-015: an upgrade inside an open superstep is found by the fold of the history and by the audit (Invariant 17)', async () => {
    bank = await openBank()
    const policy = approvalPolicy()
    const old = set.box({ workflows: [counted('1', bank)], policy })
    const worker = old.work()
    const runId = await old.start('counted', 'bob')
    await old.asked()
    await worker.stop()
    const store = plantUpgradeFault(old.store, 'inside')
    const next = old.another({ workflows: [counted('2', bank)], store, policy })
    next.work({ adoptAfterMs: 0 })
    const { id } = await next.asked()
    await next.sb.runs.decide({ approvalId: id, answer: 'approved', by: PAUL, reason: 'seen', seen: null })
    await next.until(async () => ((await next.of(runId, 'run.upgraded')).length > 0 ? true : null), 'the take-over')
    await next.kill()
    const { history, findings } = await verdicts(old, runId)
    expect(history).toContain('upgrades the state inside an open superstep')
    expect(findings).toContain('upgrade: it changes the state inside an open superstep')
  })
})
