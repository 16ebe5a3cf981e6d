import { afterEach, describe, expect, it } from 'vitest'
import { systemHost } from '../../base/host.ts'
import type { ContentRef } from '../../contracts/common.ts'
import type { Store } from '../../contracts/store.ts'
import { auditRun } from '../../observability/index.ts'
import { decodeRecord } from '../../reliability/chain.ts'
import { keyVault, memoryStore } from '../../stores/index.ts'
import { clerkModel } from '../agent-kit.ts'
import { type BenchBox, benchSet, PAUL } from '../bench-box.ts'
import { approvalPolicy, payTool } from '../engine-kit.ts'
import { steps, turns } from '../move-kit.ts'
import { SimRandom } from '../sim/random.ts'
import { makeCrowd } from './crowd.ts'

const set = benchSet()
afterEach(() => set.close())

const MASTER = new Uint8Array(32)
const UNTIL = Date.parse('2026-11-01T00:00:00.000Z')

/** A store with a run, a fork of it and a run that waits for an approval, all of them by the engine. */
async function recorded(): Promise<BenchBox> {
  const outside = await set.bank()
  const parts = { workflows: [steps(payTool(outside))], models: [clerkModel(turns).model], policy: approvalPolicy() }
  const one = set.box(parts)
  one.work()
  const runId = await one.start('steps', 3)
  for (let payment = 0; payment < 3; payment++) await one.decide('approved')
  await one.ended(runId)
  const fork = await one.sb.runs.fork({ runId, seq: 1, by: PAUL, reason: 'another way' })
  await one.settled(fork.runId)
  await one.start('steps', 4)
  await one.asked()
  return one
}

async function crowdIn(store: Store, seed: number): Promise<number> {
  const random = new SimRandom(`test ${seed}`)
  const randomBytes = (length: number): Uint8Array => Uint8Array.from({ length }, () => random.between(0, 255))
  const vault = keyVault({ store, host: { ...systemHost, randomBytes }, masterKey: MASTER })
  return await makeCrowd({ store, vault, tenant: 'acme', runs: 24, seed, words: /\b(?:bob|eve)\d*/, until: UNTIL })
}

/** The same runs in another store. */
async function copyOf(store: Store): Promise<Store> {
  const copy = memoryStore(systemHost)
  for (const { subject, wrapped } of await store.keys('acme')) if (wrapped) await copy.putKey('acme', subject, wrapped)
  const tenant = 'acme'
  for (const row of [...(await store.runs({ tenant, limit: 100 }))].reverse()) {
    const { runId } = row
    const records = await store.records(tenant, runId)
    const effects = await store.runEffects(tenant, runId)
    const requests = await store.requests({ tenant, runId, limit: 100 })
    await copy.adopt({ row, records, effects, requests, inbox: await store.inboxKept(tenant, runId) })
  }
  return copy
}

describe('a crowd of runs', () => {
  it('INC-010: every run verifies by each prefix, has no gap in its lineage, and agrees with its fork and its row', async () => {
    const one = await recorded()
    const before = (await one.store.runs({ tenant: 'acme', limit: 100 })).map((row) => row.runId)
    expect(await crowdIn(one.store, 1)).toBeGreaterThanOrEqual(24)
    const rows = (await one.store.runs({ tenant: 'acme', limit: 100 })).filter((row) => !before.includes(row.runId))
    expect(new Set(rows.map((row) => row.status)).size).toBeGreaterThan(1)
    for (const row of rows) {
      const stored = await one.store.records('acme', row.runId)
      const { findings } = auditRun(stored, row)
      // The kit's people do not say what they saw: recorded runs have the same finding.
      expect(findings.filter((each) => !each.detail.includes('what the approver saw'))).toEqual([])
      expect(row.createdAt).toBeLessThan(UNTIL)
    }
    // Closing the box checks every history by every prefix.
  })

  it('INC-011: contents open, and differ from run to run; nothing of one run is in another', async () => {
    const one = await recorded()
    const first = (await one.store.runs({ tenant: 'acme', limit: 100 })).map((row) => row.runId)
    await crowdIn(one.store, 1)
    const rows = (await one.store.runs({ tenant: 'acme', limit: 100 })).filter((row) => !first.includes(row.runId))
    const paid = new Set<string>()
    for (const row of rows) {
      const stored = await one.store.records('acme', row.runId)
      for (const each of stored) for (const id of first) expect(each.body).not.toContain(id)
      const reader = await one.sb.runs.contents('acme', row.runId)
      for (const record of stored.map(decodeRecord)) {
        if (record.type !== 'activity.intent' || record.proposal.kind !== 'tool') continue
        const args: ContentRef = record.proposal.args
        const text = JSON.stringify(await reader.read(args))
        if (text.includes('bob')) paid.add(text)
      }
    }
    expect(paid.size).toBeGreaterThan(5)
  })

  it('INC-012: the same recorded runs, seed and random bytes make the same crowd', async () => {
    const one = await recorded()
    const [a, b, c] = [await copyOf(one.store), await copyOf(one.store), await copyOf(one.store)]
    await crowdIn(a, 1)
    await crowdIn(b, 1)
    await crowdIn(c, 2)
    const heads = async (store: Store) => (await store.runs({ tenant: 'acme', limit: 100 })).map((row) => row.head)
    expect(await heads(a)).toEqual(await heads(b))
    expect(await heads(a)).not.toEqual(await heads(c))
  })
})
