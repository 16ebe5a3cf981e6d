import type { CostReportView } from '@signalbox/protocol'
import {
  COST_RECORDS,
  type CostAttempt,
  groupedBy,
  isoTime,
  type Principal,
  type PriceTable,
  readPrices,
  recomputedCost,
  type RunCost,
  type RunRow,
  runCostOf,
  SignalboxError,
} from 'signalbox'
import { costGroupView, runCostView } from '../views/cost.ts'
import type { ApiDeps, Handlers } from './handlers.ts'

type Names = 'runCost' | 'costReport' | 'recomputeCost'
type Query = Parameters<Handlers['costReport']>[0]['query']

/** Runs that one look at the store asks for. */
const PAGE = 200

/** Endpoints about what runs cost. Every one is about the tenant of the credential (Invariant 16). */
export function costHandlers(deps: ApiDeps): Pick<Handlers, Names> {
  const { runs } = deps
  return {
    runCost: async ({ params }, who) => {
      await runs.get(who.tenant, params.id)
      return runCostView(params.id, who.tenant, await costOfRun(deps, who, params.id))
    },
    costReport: async ({ query }, who) => report(deps, who, query),
    recomputeCost: async ({ params, body }, who) => {
      await runs.get(who.tenant, params.id)
      const table = readPrices(body.prices, 'the price table')
      const { attempts } = await costOfRun(deps, who, params.id)
      const { lines, unpriced } = recomputedCost(attempts, (model) => priceIn(table, model))
      const written = body.write && lines.length > 0
      if (written) {
        if (!body.reason)
          throw new SignalboxError('INPUT_INVALID', '`reason` is missing: say why the cost is corrected')
        const plain = lines.map(({ model: _, ...line }) => line)
        await runs.correctCost({ runId: params.id, table: table.id, lines: plain, by: who, reason: body.reason })
      }
      return { run_id: params.id, table: table.id, written, lines: [...lines], unpriced: [...unpriced] }
    },
  }
}

async function costOfRun({ runs }: ApiDeps, who: Principal, runId: string): Promise<RunCost> {
  return runCostOf(await runs.records(who.tenant, runId, { types: COST_RECORDS }))
}

function priceIn(table: PriceTable, model: string) {
  try {
    return table.lookup(model)
  } catch (thrown) {
    if (thrown instanceof SignalboxError && thrown.code === 'PRICE_UNKNOWN') return null
    throw thrown
  }
}

async function report(deps: ApiDeps, who: Principal, { by, since, limit }: Query): Promise<CostReportView> {
  const sinceMs = since === undefined ? null : Date.parse(since)
  const { rows, more } = await newestRuns(deps, who.tenant, sinceMs, limit)
  const groups = by === 'workflow' || by === 'tenant' ? byRun(rows, by) : await byAttempt(deps, who, rows, by)
  const total = rows.reduce((sum, row) => sum + BigInt(row.costNanoUsd), 0n)
  const told = sinceMs === null ? null : isoTime(sinceMs)
  return { by, since: told, runs: rows.length, more, total_nano_usd: total.toString(), groups }
}

async function newestRuns(
  { runs }: ApiDeps,
  tenant: string,
  sinceMs: number | null,
  limit: number,
): Promise<{ rows: readonly RunRow[]; more: boolean }> {
  const rows: RunRow[] = []
  for (;;) {
    const last = rows.at(-1)
    const before = last ? { before: { createdAt: last.createdAt, runId: last.runId } } : {}
    const page = await runs.list({ tenant, limit: Math.min(PAGE, limit + 1 - rows.length), ...before })
    const fresh = page.filter((row) => sinceMs === null || row.createdAt >= sinceMs)
    rows.push(...fresh)
    if (rows.length > limit) return { rows: rows.slice(0, limit), more: true }
    if (page.length === 0 || fresh.length < page.length) return { rows, more: false }
  }
}

/** What each run was charged is in its row. */
function byRun(rows: readonly RunRow[], by: 'workflow' | 'tenant'): CostReportView['groups'] {
  return [...Map.groupBy(rows, (row) => row[by])]
    .map(([name, own]) => {
      const actual = own.reduce((sum, row) => sum + BigInt(row.costNanoUsd), 0n)
      return {
        name,
        runs: own.length,
        calls: 0,
        estimate_nano_usd: '0',
        actual_nano_usd: actual.toString(),
        estimated_nano_usd: '0',
      }
    })
    .sort((a, b) => Number(BigInt(b.actual_nano_usd) - BigInt(a.actual_nano_usd)))
}

async function byAttempt(
  deps: ApiDeps,
  who: Principal,
  rows: readonly RunRow[],
  by: 'model' | 'agent',
): Promise<CostReportView['groups']> {
  const attempts: CostAttempt[] = []
  const runsOf = new Map<string, number>()
  const name = (attempt: CostAttempt): string => (by === 'model' ? attempt.model : (attempt.agent ?? ''))
  for (const row of rows) {
    if (row.costNanoUsd === '0') continue
    const own = (await costOfRun(deps, who, row.runId)).attempts
    attempts.push(...own)
    for (const each of new Set(own.map(name))) runsOf.set(each, (runsOf.get(each) ?? 0) + 1)
  }
  return groupedBy(attempts, name).map((group) => ({ ...costGroupView(group), runs: runsOf.get(group.name) ?? 0 }))
}
