/** Looking effects up, and the check of all runs, over histories that the engine itself wrote. */
import { DatabaseSync } from 'node:sqlite'
import { afterEach, describe, expect, it } from 'vitest'
import { z } from 'zod'
import type { LineageTerm } from '../contracts/lineage.ts'
import type { RecordType, RunRecord } from '../contracts/records.ts'
import type { Store } from '../contracts/store.ts'
import {
  agent,
  checkLineage,
  createSignalbox,
  keyVault,
  lineageGaps,
  memoryStore,
  type Principal,
  reindexLineage,
  type Signalbox,
  systemHost,
  tool,
  workflow,
} from '../index.ts'
import { MIGRATIONS } from '../stores/sqlite/schema.ts'
import { FIND_MORE_TERMS, FIND_TERMS } from '../stores/sqlite/lineage.ts'
import { scriptedModel } from '../testing/scripted-model.ts'
import { needsApproval, scriptedPolicy } from '../testing/scripted-policy.ts'
import { storeWith } from '../testing/store-with.ts'

const ana: Principal = { id: 'user:ana', kind: 'user', tenant: 'acme', roles: ['requester'] }
const paul: Principal = { id: 'user:paul', kind: 'user', tenant: 'acme', roles: ['approver'] }
const budget = { maxTurns: 6, maxToolCalls: 6, maxRuntimeSeconds: 30, maxTokens: 20_000, maxCostUsd: '1' }
const Payment = z.object({ invoice: z.string() })

/** A desk whose clerk pays one invoice, after a person said yes. `paid` is what the bank really did. */
function deskOf(paid: string[], name: (invoice: string) => readonly string[]) {
  const pay = tool({
    name: 'pay.send',
    class: 'payments.write',
    effect: 'irreversible',
    input: Payment,
    output: z.object({ booking: z.string() }),
    touches: ({ invoice }, booked) => [...name(invoice), ...(booked ? [`ref:${booked.booking}`] : [])],
    preview: async ({ invoice }) => ({
      summary: `pay ${invoice}`,
      target: { type: 'invoice', id: invoice, version: '1' },
      impact: { text: 'one' },
      rollback: 'none',
    }),
    execute: async ({ invoice }) => {
      paid.push(invoice)
      return { booking: `b-${invoice}` }
    },
  })
  const output = z.object({ done: z.boolean() })
  const clerk = agent({
    ...{ name: 'clerk', model: 'scripted/clerk', instructions: 'pay', maxOutputTokens: 200 },
    ...{ tools: [pay], input: z.string(), output },
  })
  return workflow({ name: 'desk', version: '1.0.0', input: z.string(), output, budget, state: {} })
    .agent('decide', clerk, { prompt: (text: string) => text })
    .start('decide')
    .output('decide')
    .build()
}

const open: Signalbox[] = []
afterEach(async () => {
  for (const one of open.splice(0)) await one.close()
})

type Name = (invoice: string) => readonly string[]
const byInvoice: Name = (invoice) => [`invoice:${invoice}`]
type Decide = NonNullable<Parameters<typeof scriptedPolicy>[0]['decide']>
const asksPeople: Decide = (request) =>
  request.action.name === 'pay.send' ? needsApproval(request, 'approver') : undefined

/** A process at work over a store in memory; a clerk that tries to pay invoice 4711. */
function atWork(name: Name, decide: Decide) {
  const host = systemHost
  const store = memoryStore(host)
  const paid: string[] = []
  const vault = keyVault({ store, host, masterKey: new Uint8Array(32) })
  const script = scriptedModel('clerk', ({ messages }) =>
    messages.some((message) => message.role === 'assistant')
      ? '{"done":true}'
      : { calls: [{ tool: 'pay.send', args: { invoice: '4711' } }] },
  )
  const clerk: typeof script = {
    ...script,
    call: async (...given) => ({ ...(await script.call(...given)), responseId: 'resp_1' }),
  }
  const policy = scriptedPolicy({
    tools: { 'pay.send': { class: 'payments.write', effect: 'irreversible' } },
    decide,
  })
  const workflows = [deskOf(paid, name)]
  const box = createSignalbox({ store, vault, policy, models: { resolve: () => clerk }, workflows })
  open.push(box)
  const worker = box.work({ pollMs: 5 })
  const find = async (term: LineageTerm, value: string, tenant = 'acme') =>
    (await box.runs.lookUp({ tenant, term, value, limit: 9 })).found.map(({ type, tool: of }) => of ?? type)
  return { box, store, paid, worker, find }
}

/** Answers the one approval that waits, as somebody who looked at it. */
async function answered(box: Signalbox, answer: 'approved' | 'rejected'): Promise<void> {
  const [asked] = await box.runs.requests({ tenant: 'acme', state: 'open', limit: 5 })
  const { row, packetHash: seen } = await box.runs.request('acme', asked?.id ?? '')
  await box.runs.decide({ approvalId: row.id, answer, by: paul, reason: 'looked at it', seen })
}

async function paidRun(name: Name = byInvoice) {
  const { box, store, paid, worker, find } = atWork(name, asksPeople)
  const { runId } = await box.run({ workflow: 'desk', input: 'go', principal: ana })
  await answered(box, 'approved')
  const result = await box.runs.wait('acme', runId)
  await worker.stop()
  expect(result.status).toBe('completed')
  expect(paid).toEqual(['4711'])
  const records = await box.runs.records('acme', runId)
  return { box, store, runId, records, find }
}

function outcomeOf(records: readonly RunRecord[]) {
  const found = records.find(
    (record) => record.type === 'activity.outcome' && record.name === 'pay.send' && record.effect !== 'none',
  )
  if (found?.type !== 'activity.outcome') throw new Error('the payment is not on record')
  return found
}

describe('looking effects up', () => {
  it('LIN-001, LIN-002, LIN-005, LIN-006: by object, reference, person, rule and ids; made again for an older store', async () => {
    const { store, runId, records, find, box } = await paidRun()
    const outcome = outcomeOf(records)
    const intent = records.find((record) => record.type === 'activity.intent' && record.effect_id !== null)
    if (intent?.type !== 'activity.intent') throw new Error('the intent is not on record')
    const [started] = records
    if (started?.type !== 'run.started') throw new Error('no genesis')
    const asks: readonly (readonly [LineageTerm, string, string])[] = [
      ['object', 'invoice:4711', 'pay.send'],
      ['object', '4711', 'pay.send'],
      ['object', 'ref:b-4711', 'pay.send'],
      ['tool', 'pay.send', 'pay.send'],
      ['rule', intent.decision.policies[0] ?? '', 'pay.send'],
      ['effect_hash', outcome.effect_hash ?? '', 'pay.send'],
      ['idempotency_key', intent.idempotency_key, 'pay.send'],
      ['approver', 'user:paul', 'approval.decided'],
      ['trace', started.trace_id, 'run.started'],
      ['response', 'resp_1', 'scripted/clerk'],
    ]
    for (const [term, value, what] of asks) {
      const found = await find(term, value)
      expect([term, found.length > 0, new Set(found)]).toEqual([term, true, new Set([what])])
      expect(await find(term, value, 'other'), 'another tenant finds nothing').toEqual([])
    }
    expect(await find('object', 'invoice:4712')).toEqual([])
    // Whole names: a digest may hold four digits by chance.
    for (const named of ['invoice:4711', 'ref:b-4711']) expect(JSON.stringify(records)).not.toContain(named)
    const [by] = (await box.runs.lookUp({ tenant: 'acme', term: 'object', value: '4711', limit: 1 })).found
    expect(by).toMatchObject({
      runId,
      principal: 'user:ana',
      approvedBy: 'user:paul',
      status: 'succeeded',
      happened: true,
    })

    const made: string[] = []
    const older = storeWith(store, {
      putLineageTerms: async (rows) => void made.push(...rows.map((row) => `${row.term} ${row.value}`)),
    })
    expect(await reindexLineage(older, 'acme', null)).toMatchObject({ runs: 1, before: null })
    for (const [term, value] of asks.filter((ask) => ask[0] !== 'object')) expect(made).toContain(`${term} ${value}`)
    for (const digest of outcome.touched ?? []) expect(made).toContain(`object ${digest}`)
    await reindexLineage(store, 'acme', null)
    expect(await find('object', '4711')).toEqual(['pay.send'])
  })

  it.each(['not streamed', 'streamed'])(
    'LIN-007: what was denied or rejected is found by its object, and nothing changed (%s)',
    async (how) => {
      const denies: Decide = ({ action }) =>
        action.name === 'pay.send' ? { verdict: 'deny', reason_code: 'PAYEE_BLOCKED' } : undefined
      for (const [decide, status, code] of [
        [denies, 'denied', 'PAYEE_BLOCKED'],
        [asksPeople, 'rejected', 'APPROVAL_REJECTED'],
      ] as const) {
        const { box, paid, worker, find } = atWork(byInvoice, decide)
        const { runId } = await box.runs.start({ workflow: 'desk', input: 'go', principal: ana })
        const seen: string[] = []
        const reading = (async () => {
          if (how === 'streamed')
            for await (const item of box.runs.stream('acme', runId))
              if (item.kind === 'record') seen.push(item.record.type)
        })()
        if (status === 'rejected') {
          await box.runs.wait('acme', runId, { untilWaiting: true })
          await answered(box, 'rejected')
        }
        await box.runs.wait('acme', runId)
        await worker.stop()
        await reading
        for (const value of ['invoice:4711', '4711']) {
          const { found } = await box.runs.lookUp({ tenant: 'acme', term: 'object', value, limit: 9 })
          expect(found).toMatchObject([{ runId, tool: 'pay.send', status, code, happened: false, approvedBy: null }])
        }
        expect(await find('object', '4711', 'other')).toEqual([])
        expect(paid, 'by the bank itself').toEqual([])
        expect(lineageGaps(await box.runs.records('acme', runId))).toEqual([])
        if (how === 'streamed') expect(seen).toContain('activity.outcome')
      }
    },
  )

  it('LIN-003: objects that a tool cannot name do not fail the effect, and are a gap', async () => {
    const { records } = await paidRun(() => {
      throw new Error('no name')
    })
    expect(outcomeOf(records)).toMatchObject({ status: 'succeeded', touched: null })
    expect(lineageGaps(records).map((gap) => gap.kind)).toEqual(['object'])
  })

  it('LIN-004: an index answers, also for the next page', () => {
    const db = new DatabaseSync(':memory:')
    for (const step of MIGRATIONS) db.exec(step)
    for (const text of [FIND_TERMS, FIND_MORE_TERMS]) {
      const plan = db
        .prepare(`EXPLAIN QUERY PLAN ${text}`)
        .all()
        .map((row) => String(row.detail))
      expect(plan).toHaveLength(1)
      expect(plan[0]).toMatch(/^SEARCH lineage_terms USING PRIMARY KEY \(tenant=\? AND term=\? AND value=\?/)
    }
    db.close()
  })
})

/** The store with the parsed records of every history changed. */
function changed(store: Store, change: (records: readonly RunRecord[]) => readonly RunRecord[]): Store {
  return storeWith(store, {
    records: async (tenant, runId, filter) => {
      const stored = await store.records(tenant, runId, filter)
      const kept = change(stored.map((one) => JSON.parse(one.body) as RunRecord))
      return kept.map((record) => ({ ...record, body: JSON.stringify(record), hash: '', sealed: null }))
    },
  })
}

/** Types that carry no lineage of an effect: the audit of the chain tells when one is missing. */
const NO_LINEAGE: Readonly<Partial<Record<RecordType, string>>> = {
  'segment.started': 'says which worker held the run; an effect is whole without it',
  'run.waiting': 'says what the run waited for; request and answer are records of their own',
  'position.saved': 'lets an activation go on from there; the calls themselves are on record',
  'superstep.completed': 'the last barrier of a run: no effect comes after it',
  'run.completed': 'how the run ended; its effects are told before',
  'approval.changed': 'says who looked at a question; who answered is the answer itself',
}

describe('the check of all runs', () => {
  it('LIN-010, LIN-011: reads what changed, goes on where it stopped, and keeps rows of runs with gaps', async () => {
    const { store, runId } = await paidRun()
    const broken = changed(store, (records) => records.filter((record) => record.type !== 'approval.decided'))
    const cut = storeWith(broken, { setCursor: () => Promise.reject(new Error('power cut')) })
    await expect(checkLineage(cut, 'acme', { mode: 'new' }, 1_000)).rejects.toThrow('power cut')
    const first = await checkLineage(broken, 'acme', { mode: 'new' }, 1_000)
    expect(first).toMatchObject({ runs: 1, effects: 1, more: false, findings: [{ runId }] })
    expect(await store.lineageFindings({ tenant: 'acme', limit: 9 })).toEqual(first.findings)
    expect(await checkLineage(broken, 'acme', { mode: 'new' }, 1_000)).toMatchObject({ runs: 0, findings: [] })
    expect(await store.lineageFindings({ tenant: 'acme', limit: 9 })).toHaveLength(1)
    const all = { mode: 'all', before: null } as const
    expect(await checkLineage(store, 'acme', { ...all, workflow: 'other' }, 1_000)).toMatchObject({ runs: 0 })
    expect(await checkLineage(store, 'acme', { ...all, since: Date.now() + 60_000 }, 1_000)).toMatchObject({ runs: 0 })
    expect(await checkLineage(store, 'acme', all, 2_000)).toMatchObject({ runs: 1, findings: [] })
    expect(await store.lineageFindings({ tenant: 'acme', limit: 9 })).toEqual([])
  })

  it('LIN-019: a history that spreads over many pages of the log is read once, at the page with its end', async () => {
    const { store, records } = await paidRun()
    const reads: number[] = []
    // Full pages: the first holds the beginning of the history alone, again and again.
    const spread = storeWith(store, {
      export: async (after, limit) => {
        if (after >= 1_000)
          return (await store.export(0, limit)).map((one) => ({ ...one, position: 1_000 + one.position }))
        const [first] = await store.export(0, 1)
        return first ? Array.from({ length: limit }, (_, i) => ({ ...first, position: i + 1 })) : []
      },
      records: (tenant, runId, filter) => {
        reads.push(filter?.through ?? 0)
        return store.records(tenant, runId, filter)
      },
    })
    expect(await checkLineage(spread, 'acme', { mode: 'new' }, 1)).toMatchObject({ runs: 0, more: true })
    expect(await checkLineage(spread, 'acme', { mode: 'new' }, 1)).toMatchObject({ runs: 1, more: false })
    expect(reads).toEqual([records.length])
  })

  it('LIN-012: what a history names in another run has to be there, and of the same effect', async () => {
    const { store, records } = await paidRun()
    const { seq } = outcomeOf(records)
    const undoes = (over: object) =>
      changed(store, (all) =>
        all.map((record) => {
          if (record.type === 'run.started') return { ...record, compensates: { run: 'run_x', seq: 1, head: '' } }
          if (!('proposal' in record) || record.proposal?.name !== 'pay.send') return record
          const undone = { run: 'run_x', seq, tool: 'pay.send', effect_id: outcomeOf(records).effect_id ?? '', ...over }
          return { ...record, proposal: { ...record.proposal, undoes: undone } }
        }),
      )
    const [own] = await store.runs({ tenant: 'acme', limit: 1 })
    const there = (inner: Store) =>
      storeWith(inner, { recordsAt: (tenant, _run, seqs) => store.recordsAt(tenant, own?.runId ?? '', seqs) })
    const gaps = async (over: object) =>
      (await checkLineage(there(undoes(over)), 'acme', { mode: 'all', before: null }, 1)).findings.flatMap((row) =>
        row.gaps.map((gap) => gap.kind),
      )
    expect(await gaps({})).toEqual([])
    expect(await gaps({ seq: 9_999 })).toEqual(['undo'])
    expect(await gaps({ tool: 'pay.other' })).toEqual(['undo'])
    expect(await gaps({ effect_id: 'other' })).toEqual(['undo'])
  })

  it('LIN-013: an unreadable history is a gap; of a pruned one nothing is said', async () => {
    const { store } = await paidRun()
    const all = { mode: 'all', before: null } as const
    const torn = storeWith(store, {
      records: async (...given) => (await store.records(...given)).map((one) => ({ ...one, body: 'x' })),
    })
    const { findings } = await checkLineage(torn, 'acme', all, 1)
    expect(findings[0]?.gaps.map((gap) => gap.kind)).toEqual(['run'])
    const pruned = storeWith(store, {
      runs: async (filter) => (await store.runs(filter)).map((row) => ({ ...row, kept: 'nothing' as const })),
    })
    expect(await checkLineage(pruned, 'acme', all, 1)).toMatchObject({ runs: 0, pruned: 1, findings: [] })
  })

  it('LIN-014: without any one record type that lineage rests on the check fails', async () => {
    const { store, records } = await paidRun()
    const types = [...new Set(records.map((record) => record.type))]
    const silent: string[] = []
    for (const type of types) {
      const without = changed(store, (all) => all.filter((record) => record.type !== type))
      const { findings } = await checkLineage(without, 'acme', { mode: 'all', before: null }, 1)
      if (findings.length === 0) silent.push(type)
    }
    expect(silent.filter((type) => !Object.hasOwn(NO_LINEAGE, type))).toEqual([])
    // One record of a type that lineage needs is enough, unless it is a model's last answer or a read of a preview.
    for (const { seq, type } of records.filter((record) => record.type === 'activity.intent')) {
      const without = changed(store, (all) => all.filter((record) => record.seq !== seq))
      const { findings } = await checkLineage(without, 'acme', { mode: 'all', before: null }, 1)
      expect([type, seq, findings.length]).toEqual([type, seq, 1])
    }
  })
})
