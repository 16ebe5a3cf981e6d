import { afterEach, describe, expect, it } from 'vitest'
import { z } from 'zod'
import { isoTime } from '../base/time.ts'
import type { PolicyRequest } from '../contracts/policy.ts'
import {
  type ListingPage,
  listingPageSchema,
  listingRequestSchema,
  RECONCILE_WORKFLOW,
} from '../contracts/reconcile.ts'
import type { Listing } from '../contracts/tool.ts'
import { createReplayer } from '../replay.ts'
import { keyVault } from '../stores/index.ts'
import { ANA, type BenchBox, benchSet } from '../testing/bench-box.ts'
import { KIT_TOOLS, oneNode, type Payment, payTool, type Receipt } from '../testing/engine-kit.ts'
import type { OutsideBank } from '../testing/outside-bank.ts'
import { scriptedPolicy } from '../testing/scripted-policy.ts'
import { tool } from '../tools/index.ts'

const set = benchSet()
const { box, bank } = set
afterEach(() => set.close())

const BOOKINGS = z.array(z.object({ key: z.string(), to: z.string(), amount: z.int() }))

/** What the listing does wrong. */
type Trick = (page: ListingPage, cursor: string | null) => ListingPage

/** Lists what the bank has, two entries a page. The bank keeps no times: all of it became so just now. */
function listing(outside: OutsideBank, now: () => number, trick: Trick = (page) => page): Listing<Payment, Receipt> {
  return {
    expect: ({ to, amount }) => ({ to, amount }),
    tool: tool({
      name: 'pay.list',
      class: 'payments.read',
      effect: 'none',
      input: listingRequestSchema,
      output: listingPageSchema,
      hosts: [outside.host],
      execute: async ({ cursor }, ctx) => {
        const all = BOOKINGS.parse(await (await ctx.fetch(`http://${outside.host}/all`)).json())
        const at = Number(cursor ?? 0)
        const entries = all.slice(at, at + 2).map(({ key, ...what }, i) => {
          const [ref, object] = [`b${at + i + 1}`, `account:${what.to}`]
          return { key, ref, object, at: isoTime(now()), what }
        })
        return trick({ entries, next: at + 2 < all.length ? String(at + 2) : null }, cursor)
      },
    }),
  }
}

interface Stage {
  readonly one: BenchBox
  readonly outside: OutsideBank
  /** Compares the last hour with the bank. */
  compare(input?: object, streamed?: boolean): Promise<{ status: string; code: string | null; run: string }>
}

/** Five payments of one run, made at the bank. */
async function stage(
  options: { trick?: Trick; decide?: (request: PolicyRequest) => object | undefined } = {},
): Promise<Stage> {
  const outside = await bank()
  let one: BenchBox | null = null
  const listed = listing(outside, () => one?.host.now() ?? 0, options.trick)
  const pay = payTool(outside, { listed, touches: ({ to }) => [`account:${to}`] })
  const flow = oneNode(
    async (input, ctx) => {
      const ends: string[] = []
      for (const each of input as unknown as readonly Payment[]) ends.push((await ctx.call(pay, each)).status)
      return ends
    },
    { tools: [pay] },
  )
  const tools = { ...KIT_TOOLS, 'pay.list': { class: 'payments.read', effect: 'none' as const } }
  const made = box({
    workflows: [flow],
    policy: scriptedPolicy({ tools, ...(options.decide ? { decide: options.decide } : {}) }),
  })
  one = made
  made.work()
  return {
    one: made,
    outside,
    compare: async (input = {}, streamed = false) => {
      const now = made.host.now()
      const [from, to] = [isoTime(now - 3_600_000), isoTime(now + 3_600_000)]
      const runId = await made.start(RECONCILE_WORKFLOW, { from, to, ...input })
      let items = 0
      if (streamed) for await (const _ of made.sb.runs.stream('acme', runId)) items += 1
      expect(items > 0).toBe(streamed)
      const { status, reason } = await made.ended(runId)
      return { run: runId, status, code: reason?.code ?? null }
    },
  }
}

const payees = ['ana', 'bob', 'cy', 'dan', 'eve'].map((to, i) => ({ to, amount: 10 + i }))
const paid = (one: BenchBox) => one.run('one', payees)
const reportOf = async ({ one }: Stage, run: string) => {
  const report = await one.sb.runs.reconciliation('acme', run)
  if (!report) throw new Error('there is no report')
  return report
}

describe('a comparison with an outside system', () => {
  it('LIN-066: is a run through the door that ends well when both sides hold the same, and can be replayed', async () => {
    const it = await stage()
    await paid(it.one)
    const { run, status } = await it.compare()
    expect(status).toBe('completed')
    const report = await reportOf(it, run)
    expect(report).toMatchObject({ complete: true, differences: 0, unlisted: [] })
    expect(report.listings).toMatchObject([
      { list: 'pay.list', tools: ['pay.send'], listed: 5, effects: 5, matched: 5 },
    ])
    const calls = (await it.one.sb.runs.records('acme', run)).filter(
      (record) => record.type === 'activity.outcome' && record.name === 'pay.list',
    )
    // Three pages, each decided by policy.
    expect(calls).toHaveLength(3)
    const { store, host, workflows, policy } = it.one.sb
    const vault = keyVault({ store, host, masterKey: new Uint8Array(32) })
    const replayed = await createReplayer({ store, host, vault, policy, workflows }).run('acme', run)
    expect(replayed).toMatchObject({ difference: null })
  })

  it('LIN-067: finds what was changed at the bank by another hand, ends with OUTSIDE_DIFFERS, and changes nothing', async () => {
    const it = await stage()
    await paid(it.one)
    it.outside.alter((booked) => {
      const [first, second, third] = booked
      if (!first || !second || !third) throw new Error('nothing was booked')
      booked.splice(0, 2, { ...second, amount: 99 })
      booked.push({ ...third, amount: third.amount }, { key: 'by-hand', to: 'mallory', amount: 500 })
    })
    const before = structuredClone(it.outside.booked)
    const { run, status, code } = await it.compare()
    expect([status, code]).toEqual(['stopped', 'OUTSIDE_DIFFERS'])
    const [listed] = (await reportOf(it, run)).listings
    const found = (listed?.differences ?? []).map(({ kind, fields, ref }) => [kind, ref, ...fields])
    expect(found.sort()).toEqual([
      ['differs', 'b1', 'amount'],
      ['doubled_outside', 'b5'],
      ['missing_outside', null],
      ['unknown_to_us', 'b6'],
    ])
    expect(it.outside.booked).toEqual(before)
    expect(it.outside.requests.filter(({ method }) => method === 'POST')).toHaveLength(payees.length)
  })

  it('LIN-068: an effect whose answer was lost is told with what the bank has, and stays unknown until somebody settles it', async () => {
    const it = await stage()
    it.outside.next('book_and_hang_up')
    const { runId } = await it.one.sb.runs.start({ workflow: 'one', input: [payees[0] ?? null], principal: ANA })
    await it.one.sb.runs.wait('acme', runId, { untilWaiting: true })
    const { run } = await it.compare()
    const [listed] = (await reportOf(it, run)).listings
    expect(listed?.differences).toMatchObject([{ kind: 'unknown_happened', tool: 'pay.send', run: runId }])
    expect(await it.one.store.runEffects('acme', runId)).toMatchObject([{ state: 'unknown' }])
  })

  it.each<[string, Trick, RegExp]>([
    ['leads back to a page', (page) => ({ ...page, next: page.next && '0' }), /led back|more than once/],
    ['repeats entries', (page, at) => (at === null ? { ...page, next: '1' } : page), /pages overlap/],
    [
      'breaks off',
      (page, at) => {
        if (at === null) return page
        throw new Error('down')
      },
      /ended with/,
    ],
  ])('LIN-063: a listing that %s is told, and nothing is called missing', async (_name, trick, why) => {
    const it = await stage({ trick })
    await paid(it.one)
    const { run, code } = await it.compare()
    expect(code).toBe('OUTSIDE_DIFFERS')
    const report = await reportOf(it, run)
    expect(report).toMatchObject({ complete: false })
    expect(report.listings[0]?.why).toMatch(why)
    expect(report.listings[0]?.differences.filter(({ kind }) => kind === 'missing_outside')).toEqual([])
  })

  it.each([false, true])(
    'LIN-069: a listing that policy denies is not called: the bank saw no such request (streamed: %s)',
    async (streamed) => {
      const stood = await stage({
        decide: ({ action }) =>
          action.name === 'pay.list' ? { verdict: 'deny', reason_code: 'DENIED', policies: ['no.lists'] } : undefined,
      })
      await paid(stood.one)
      const { run, code } = await stood.compare({}, streamed)
      expect(code).toBe('OUTSIDE_DIFFERS')
      expect(await reportOf(stood, run)).toMatchObject({ complete: false, listings: [{ listed: 0 }] })
      expect(stood.outside.requests.filter(({ path }) => path === '/all')).toEqual([])
    },
  )

  it('LIN-070: a window that is none and a tool without a list are refused with the names that can be listed', async () => {
    const it = await stage()
    const at = isoTime(it.one.host.now())
    const none = await it.compare({ from: at, to: at })
    expect([none.status, none.code]).toEqual(['stopped', 'INPUT_INVALID'])
    const other = await it.compare({ tools: ['pay.other'] })
    expect([other.status, other.code]).toEqual(['stopped', 'INPUT_INVALID'])
    expect(await it.one.sb.runs.reconciliation('acme', other.run)).toBeNull()
    const plain = await paid(it.one)
    await expect(it.one.sb.runs.reconciliation('acme', plain.runId)).rejects.toMatchObject({ code: 'INPUT_INVALID' })
  })
})
