import type { CostReportView } from '@signalbox/protocol'
import {
  COST_RECORDS,
  type CostAttempt,
  isoTime,
  type Principal,
  type PriceTable,
  readPrices,
  recomputedCost,
  type RunCost,
  runCostOf,
  SignalboxError,
} from 'signalbox'
import { costGroupView, runCostView } from '../views/cost.ts'
import { finderOf } from './fact-handlers.ts'
import type { ApiDeps, Handlers } from './handlers.ts'

type Names = 'runCost' | 'costReport' | 'recomputeCost'
type Query = Parameters<Handlers['costReport']>[0]['query']

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
      const { lines, unpriced } = recomputedCost(attempts, (attempt) => priceAt(deps, who, table, attempt))
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

/** By the table, and by what the tenant had agreed when the call was made. */
function priceAt({ models }: ApiDeps, { tenant }: Principal, table: PriceTable, { model, at }: CostAttempt) {
  try {
    const moment = { atMs: Date.parse(at), tenant }
    return models.ownPrice?.(model, moment, table.lookup) ?? table.lookup(model)
  } catch (thrown) {
    if (thrown instanceof SignalboxError && thrown.code === 'PRICE_UNKNOWN') return null
    throw thrown
  }
}

async function report(deps: ApiDeps, who: Principal, { by, since }: Query): Promise<CostReportView> {
  const sinceMs = since === undefined ? null : Date.parse(since)
  const filter = { tenant: who.tenant, by, ...(sinceMs === null ? {} : { since: sinceMs }) }
  const { runs, sums, complete } = await finderOf(deps).costs(filter)
  const total = sums.reduce((sum, { actualNanoUsd }) => sum + actualNanoUsd, 0n)
  return {
    by,
    since: sinceMs === null ? null : isoTime(sinceMs),
    runs,
    complete,
    total_nano_usd: total.toString(),
    groups: sums.map((sum) => ({ ...costGroupView(sum), runs: sum.runs })),
  }
}
