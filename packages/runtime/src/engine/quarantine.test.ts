import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, describe, expect, it } from 'vitest'
import { z } from 'zod'
import { systemHost } from '../base/host.ts'
import { port, workflow } from '../orchestration/index.ts'
import { createSignalbox } from '../runtime.ts'
import { keyVault, openSqliteStore } from '../stores/index.ts'
import { ANA, benchSet, type BenchBox, PAUL, WIDE_BUDGET } from '../testing/bench-box.ts'
import { oneNode, readTool } from '../testing/engine-kit.ts'
import { faultStore } from '../testing/fault-store.ts'
import { overrideStore } from '../testing/planted-faults.ts'
import { scriptedPolicy } from '../testing/scripted-policy.ts'
import { skewedHost } from '../testing/skewed-host.ts'

const set = benchSet()
const { box } = set
afterEach(() => set.close())

const tenant = ANA.tenant
const read = readTool((n) => n)
const asks = oneNode(async (_input, ctx) => (await ctx.call(read, { n: 1 })).status, { tools: [read] })

/** A process that never gets further than its first ask, and dies there: nothing of its claim is durable. */
function dying(one: BenchBox): () => Promise<void> {
  let reached = 0
  const fault = () => {
    reached += 1
    return new Promise<void>(() => undefined)
  }
  const process = one.another({ fault })
  return async () => {
    const before = reached
    process.work()
    await one.until(() => (reached > before ? true : null), 'the first ask')
    await process.killAndExpire()
  }
}

const parked = (one: BenchBox, runId: string) =>
  one.until(async () => ((await one.row(runId)).status === 'parked' ? one.row(runId) : null), 'the run to be parked')

describe('quarantine', () => {
  it('DEP-020: a run that was claimed five times and never got anywhere is set aside by the sixth claim (ENGINE R15)', async () => {
    const one = box({ workflows: [asks] })
    const claimInVain = dying(one)
    const runId = await one.start('one', null)
    for (let n = 1; n <= 5; n++) {
      await claimInVain()
      expect(await one.row(runId)).toMatchObject({ status: 'queued', seq: 1, attempts: n })
    }
    const other = await one.start('one', null)
    one.work()
    expect(await parked(one, runId)).toMatchObject({ code: 'RUN_QUARANTINED', attempts: 0, leaseOwner: null })
    expect((await one.ended(other)).status).toBe('completed')
    expect((await one.of(runId, 'run.parked'))[0]).toMatchObject({
      code: 'RUN_QUARANTINED',
      because: null,
      attempts: 5,
    })
    const { epoch } = await one.row(runId)
    await one.host.advance(60_000)
    await one.start('one', null).then((id) => one.ended(id))
    expect((await one.row(runId)).epoch).toBe(epoch)
  })

  it('DEP-020: the count of claims is in the file: it goes on where processes and handles on it changed', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'signalbox-quarantine-'))
    try {
      const host = skewedHost()
      let runId = ''
      for (let n = 0; n < 6; n++) {
        const store = await openSqliteStore({ path: join(folder, 'signalbox.db'), host })
        const one = box({ workflows: [asks], store, host })
        runId ||= await one.start('one', null)
        if (n < 5) await dying(one)()
        else {
          one.work()
          expect(await parked(one, runId)).toMatchObject({ code: 'RUN_QUARANTINED' })
        }
        await set.close()
      }
    } finally {
      rmSync(folder, { recursive: true, force: true })
    }
  })

  it('DEP-021: a run that cannot be loaded is set aside with the cause, and its worker goes on with others', async () => {
    const one = box({ workflows: [asks] })
    const runId = await one.start('one', null)
    const damaged = overrideStore(one.store, {
      recordsAt: async (...at) =>
        (await one.store.recordsAt(...at)).map((stored) => (at[1] === runId ? { ...stored, body: '{}' } : stored)),
    })
    const troubles: string[] = []
    const broken = one.another({ store: damaged })
    broken.work({ onTrouble: (error) => troubles.push(error.message) })
    const end = async () => ((await one.row(runId)).status === 'parked' ? true : null)
    await one.settle(end, 'the run to be set aside')
    expect((await one.of(runId, 'run.parked'))[0]).toMatchObject({ code: 'RUN_QUARANTINED', because: 'STORE_CORRUPT' })
    expect(troubles.length).toBeGreaterThanOrEqual(5)
    expect((await broken.run('one', null)).status).toBe('completed')
  })

  it('DEP-021: with a wrong master key a run is set aside, its words unread, and goes on under the right key', async () => {
    const one = box({ workflows: [asks] })
    const runId = await one.start('one', null)
    const { store, host } = one
    const wrong = createSignalbox({
      store,
      host,
      vault: keyVault({ store, host, masterKey: new Uint8Array(32).fill(7) }),
      policy: scriptedPolicy({ tools: { 'get.one': { class: 'records.read', effect: 'none' } } }),
      models: { resolve: () => Promise.reject(new Error('no models')) as never },
      workflows: [asks],
    })
    const worker = wrong.work({ pollMs: 3 })
    await one.settle(async () => ((await one.row(runId)).status === 'parked' ? true : null), 'the quarantine')
    await worker.stop()
    expect((await one.of(runId, 'run.parked'))[0]).toMatchObject({ because: 'KEY_MISSING', detail: null })
    const release = { runId, by: PAUL, reason: 'the key is back' }
    await expect(wrong.runs.release(release)).rejects.toMatchObject({ code: 'KEY_MISSING' })
    expect(await store.inbox(tenant, runId)).toEqual([])
    await one.sb.runs.release(release)
    one.work()
    expect((await one.ended(runId)).status).toBe('completed')
  })

  it('DEP-022: an operator releases it, on record; a resume does not, and nothing else can be released', async () => {
    const one = box({ workflows: [asks] })
    const claimInVain = dying(one)
    const runId = await one.start('one', null)
    for (let n = 0; n < 5; n++) await claimInVain()
    one.work()
    await parked(one, runId)
    const request = { runId, by: PAUL, reason: 'the worker has more memory now' }
    await expect(one.sb.runs.resume(request)).rejects.toMatchObject({ code: 'RUN_STATE' })
    expect(await one.store.inbox(tenant, runId)).toEqual([])
    await one.sb.runs.release(request)
    expect((await one.ended(runId)).status).toBe('completed')
    const [override] = await one.of(runId, 'override.recorded')
    expect(override).toMatchObject({ what: 'release_quarantined', by: { id: PAUL.id } })
    const again = one.sb.runs.release(request)
    await expect(again).rejects.toMatchObject({ code: 'RUN_STATE' })
  })

  it('DEP-022: an order to go on that came before the quarantine does not release the run', async () => {
    let broken = true
    const one = box({ workflows: [portBeside(() => broken)] })
    const worker = one.work()
    const runId = await one.start('beside', 'hi')
    await parked(one, runId)
    await worker.stop()
    await one.sb.runs.resume({ runId, by: PAUL, reason: 'mended, I think' })
    const damaged = overrideStore(one.store, {
      recordsAt: async (...at) => (await one.store.recordsAt(...at)).map((stored) => ({ ...stored, body: '{}' })),
    })
    const other = one.another({ store: damaged })
    const failing = other.work()
    const set = async () => ((await one.row(runId)).code === 'RUN_QUARANTINED' ? true : null)
    await one.settle(set, 'the quarantine')
    await failing.stop()
    expect(await one.store.inbox(tenant, runId)).toEqual([])
    broken = false
    const before = await one.row(runId)
    one.work()
    const { id } = await one.asked('request')
    await one.sb.runs.respond({ requestId: id, value: { ok: true }, by: PAUL })
    const left = async () => {
      const row = await one.row(runId)
      return row.leaseOwner === null && row.seq > before.seq ? row : null
    }
    expect(await one.until(left, 'the answer to be looked at')).toMatchObject({ code: 'RUN_QUARANTINED' })
    await one.sb.runs.release({ runId, by: PAUL, reason: 'the disk was exchanged' })
    expect((await one.ended(runId)).status).toBe('completed')
  })

  it('DEP-023: trouble of the store is held against no run, however long it lasts', async () => {
    const one = box({ workflows: [asks] })
    let full = true
    const store = faultStore(one.store, ({ op }) => (full && op === 'commit' ? { point: 'disk_full' } : null))
    const runId = await one.start('one', null)
    one.another({ store }).work()
    const claims = async () => ((await one.row(runId)).epoch > 8 ? true : null)
    await one.settle(claims, 'more claims than a run may need')
    expect(await one.row(runId)).toMatchObject({ status: 'queued', seq: 1 })
    full = false
    await one.settle(async () => ((await one.row(runId)).status === 'completed' ? true : null), 'the end')
    expect(await one.of(runId, 'run.parked')).toEqual([])
  })
})

const Answer = z.object({ ok: z.boolean() })

/** A port that is asked, beside a node that hangs as long as `broken` says. */
function portBeside(broken: () => boolean) {
  const text = z.string()
  return workflow({ name: 'beside', version: '1.0.0', input: text, output: text, budget: WIDE_BUDGET, state: {} })
    .node('split', { input: text, output: text, run: (said) => said })
    .port('ask', port({ name: 'ask', request: text, response: Answer, deadlineSeconds: 600 }))
    .node('side', { input: text, output: z.null(), run: () => null })
    .node('hangs', { input: z.null(), output: z.null(), run: () => (broken() ? new Promise<null>(() => null) : null) })
    .node('drain', { input: z.null(), output: text, run: () => 'drained' })
    .node('answered', { input: Answer, output: text, run: ({ ok }) => `answered ${ok}` })
    .start('split')
    .fanOut('split', ['ask', 'side'])
    .edge('side', 'hangs')
    .edge('hangs', 'drain')
    .edge('ask', 'answered')
    .output('answered')
    .output('drain')
    .build()
}

describe('answers to a run that stands still', () => {
  it('DEP-024: what a parked run is answered is kept, rests, and counts once the run goes on', async () => {
    let broken = true
    const one = box({ workflows: [portBeside(() => broken)] })
    const worker = one.work()
    const runId = await one.start('beside', 'hi')
    expect(await parked(one, runId)).toMatchObject({ code: 'NONDETERMINISTIC_WAIT' })
    const { id } = await one.asked('request')
    await one.sb.runs.respond({ requestId: id, value: { ok: true }, by: PAUL })
    const rests = async () => {
      const row = await one.row(runId)
      return row.epoch > 1 && row.leaseOwner === null ? row : null
    }
    const row = await one.until(rests, 'the answer to be looked at and left')
    expect(await one.store.inbox(tenant, runId)).toHaveLength(1)
    await one.until(() => (worker.inMemory === 0 ? true : null), 'the run to leave memory')
    expect((await one.row(runId)).epoch).toBe(row.epoch)
    broken = false
    await one.sb.runs.resume({ runId, by: PAUL, reason: 'mended' })
    expect(await one.ended(runId)).toMatchObject({ status: 'completed' })
    expect(await one.of(runId, 'response.received')).toMatchObject([{ answer: 'answered', by: { id: PAUL.id } }])
    expect(await one.store.inbox(tenant, runId)).toEqual([])
  })

  it('DEP-024: a parked run that was answered can be cancelled, and nothing of it stays unread', async () => {
    const one = box({ workflows: [portBeside(() => true)] })
    one.work()
    const runId = await one.start('beside', 'hi')
    await parked(one, runId)
    const { id } = await one.asked('request')
    await one.sb.runs.respond({ requestId: id, value: { ok: true }, by: PAUL })
    await one.sb.runs.cancel({ runId, by: PAUL, reason: 'not needed any more' })
    expect((await one.ended(runId)).status).toBe('cancelled')
    await one.until(async () => ((await one.row(runId)).leaseOwner === null ? true : null), 'the release')
    expect(await one.store.inbox(tenant, runId)).toEqual([])
  })
})

describe('wakes', () => {
  it('DEP-025: a wake is repeated under every new lease until the record shows it consumed (ENGINE R15)', async () => {
    const one = box({ workflows: [portBeside(() => false)] })
    const first = one.work()
    const runId = await one.start('beside', 'hi')
    const { id } = await one.asked('request')
    await one.until(async () => ((await one.row(runId)).status === 'waiting' ? true : null), 'the run to wait')
    await first.drop()
    await one.sb.runs.respond({ requestId: id, value: { ok: true }, by: PAUL })
    // Three that claim for the answer and are gone before anything is durable.
    for (let n = 0; n < 3; n++) {
      const now = one.host.now()
      const claim = { worker: `gone-${n}`, now, leaseUntil: now + 1_000, limit: 1, signatures: null }
      expect(await one.store.claim(claim)).toHaveLength(1)
      expect(await one.store.inbox(tenant, runId)).toHaveLength(1)
      await one.host.advance(2_000)
    }
    one.work()
    expect(await one.ended(runId)).toMatchObject({ output: 'answered true' })
    expect(await one.of(runId, 'response.received')).toHaveLength(1)
    expect(systemHost.now()).toBeLessThan(one.host.now())
  })
})
