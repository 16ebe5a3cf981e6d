/** How long the endpoints of the console take over a store with many runs. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Client } from '@signalbox/protocol'
import { SignalboxError } from 'signalbox'
import { crowdStore, FIRST_INVOICE, INCIDENT_DECOYS } from './crowd-store.ts'
import { openOffice } from './office.ts'
import { type CheckTime, measureWholeChecks } from './whole-checks.ts'
import { World } from './world.ts'

/** What is measured. */
export interface EndpointPlan {
  readonly runs: number
  readonly seed: number
  /** Calls of each endpoint; one more before them is not counted. */
  readonly rounds: number
  readonly log: (line: string) => void
}

/** How long one question to the API takes, in milliseconds; null where this server does not answer it. */
export interface EndpointTime {
  readonly name: string
  readonly p50: number | null
  readonly p95: number | null
  /** Closed code, where it is not answered. */
  readonly refused: string | null
}

const SECONDS_MS = 2_000

interface Ids {
  readonly runId: string
  readonly approvalId: string
  readonly decisionId: string
  readonly reference: string
  readonly deep: string
  readonly alertId: string
  readonly approver: string
  readonly effectHash: string
}

type Ask = (client: Client, ids: Ids) => Promise<unknown>

const one = (ids: Ids) => ({ params: { id: ids.runId } })

/** The questions that pages of the console ask, by the endpoint and what differs. */
const ASKS: Readonly<Record<string, Ask>> = {
  listRuns: (api) => api.listRuns({ query: { limit: 50 } }),
  'listRuns, far back': (api, { deep }) => api.listRuns({ query: { limit: 50, before: deep } }),
  'listRuns of a workflow': (api) => api.listRuns({ query: { workflow: 'incident-desk' } }),
  'listRuns that wait': (api) => api.listRuns({ query: { status: 'waiting' } }),
  'listRuns that are parked': (api) => api.listRuns({ query: { status: 'parked,stopping' } }),
  'listRuns by reference': (api, { reference }) => api.listRuns({ query: { request_id: reference } }),
  run: (api, ids) => api.run(one(ids)),
  events: (api, ids) => api.events(one(ids)),
  checkpoints: (api, ids) => api.checkpoints(one(ids)),
  movePlan: (api, ids) => api.movePlan({ ...one(ids), query: { kind: 'restore', seq: 1 } }),
  explain: (api, ids) => api.explain(one(ids)),
  lineage: (api, ids) => api.lineage(one(ids)),
  audit: (api, ids) => api.audit(one(ids)),
  compensationPlan: (api, ids) => api.compensationPlan(one(ids)),
  approvals: (api) => api.approvals({ query: { limit: 500 } }),
  'approvals that are open': (api) => api.approvals({ query: { state: 'open', limit: 500 } }),
  'approvals of a run': (api, { runId }) => api.approvals({ query: { run_id: runId } }),
  approval: (api, { approvalId }) => api.approval({ params: { id: approvalId } }),
  questions: (api) => api.questions({ query: { limit: 500 } }),
  requests: (api) => api.requests({ query: { limit: 500 } }),
  'reviewStats of 7 days': (api) => api.reviewStats({ query: { days: 7 } }),
  delegations: (api) => api.delegations(),
  standingApprovals: (api) => api.standingApprovals(),
  'decisions of a day': (api) => api.decisions({ query: { limit: 100 } }),
  'decisions of a run': (api, { runId }) => api.decisions({ query: { run_id: runId } }),
  decision: (api, { decisionId, runId }) => api.decision({ params: { id: decisionId }, query: { run_id: runId } }),
  policyFindings: (api) => api.policyFindings(),
  killSwitches: (api) => api.killSwitches(),
  switchStatus: (api) => api.switchStatus({ query: {} }),
  switchHistory: (api) => api.switchHistory(),
  'blastRadius of a tool': (api) => api.blastRadius({ query: { scope: 'tool', target: 'payments.pay' } }),
  'blastRadius of the tenant': (api) => api.blastRadius({ query: { scope: 'tenant', target: '*' } }),
  alerts: (api) => api.alerts({ query: { limit: 50 } }),
  'alerts in every state': (api) => api.alerts({ query: { state: 'all', limit: 50 } }),
  alert: (api, { alertId }) => api.alert({ params: { id: alertId } }),
  alertStats: (api) => api.alertStats(),
  alertRules: (api) => api.alertRules(),
  eventsOverRuns: (api) => api.eventsOverRuns({ query: { limit: 50 } }),
  'eventsOverRuns of a type': (api) => api.eventsOverRuns({ query: { type: 'run.parked', limit: 50 } }),
  'eventsOverRuns of a code': (api) => api.eventsOverRuns({ query: { code: 'PAYEE_BLOCKED', limit: 50 } }),
  effectsOverRuns: (api) => api.effectsOverRuns({ query: { limit: 50 } }),
  'effectsOverRuns that failed': (api) => api.effectsOverRuns({ query: { phase: 'failed', limit: 50 } }),
  'effectsOverRuns of an approver': (api, { approver }) => api.effectsOverRuns({ query: { approver, limit: 50 } }),
  'lookUp of an object': (api, { reference }) =>
    api.lookUp({ query: { term: 'object', value: `invoice:${reference}` } }),
  'lookUp of a tool': (api) => api.lookUp({ query: { term: 'tool', value: 'payments.pay', limit: 50 } }),
  'lookUp of an approver': (api, { approver }) =>
    api.lookUp({ query: { term: 'approver', value: approver, limit: 50 } }),
  'lookUp of an effect': (api, { effectHash }) => api.lookUp({ query: { term: 'effect_hash', value: effectHash } }),
  standingGaps: (api) => api.standingGaps({ query: {} }),
  runCost: (api, ids) => api.runCost(one(ids)),
  'costReport by model': (api) => api.costReport({ query: { by: 'model' } }),
  overrides: (api) => api.overrides(),
  schedules: (api) => api.schedules(),
  status: (api) => api.status(),
  workflows: (api) => api.workflows(),
  budgets: (api) => api.budgets(),
  me: (api) => api.me(),
}

/** Fills a store and measures every endpoint over HTTP, and then the checks of all runs. */
export async function measureEndpoints(
  plan: EndpointPlan,
): Promise<{ readonly times: readonly EndpointTime[]; readonly whole: readonly CheckTime[] }> {
  const folder = mkdtempSync(join(tmpdir(), 'signalbox-endpoints-'))
  try {
    const path = join(folder, 'signalbox.db')
    await crowdStore({ ...plan, path, decoys: INCIDENT_DECOYS })
    const world = await World.open(path, FIRST_INVOICE)
    try {
      return await world.during({}, async (box) => {
        const office = await openOffice(world, box)
        try {
          const ids = await someIds(office.client)
          const found: EndpointTime[] = []
          for (const [name, ask] of Object.entries(ASKS)) {
            found.push(await measured(name, () => ask(office.client, ids), office.calls, plan.rounds))
            plan.log(`${name}: ${found.at(-1)?.p95 ?? found.at(-1)?.refused}`)
          }
          office.calls()
          return { times: found, whole: await measureWholeChecks(office.client, world, box) }
        } finally {
          await office.close()
        }
      })
    } finally {
      await world.close()
    }
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

async function measured(
  name: string,
  ask: () => Promise<unknown>,
  calls: () => readonly { readonly ms: number }[],
  rounds: number,
): Promise<EndpointTime> {
  try {
    await ask()
    const [first] = calls()
    // What takes seconds is measured once more, and not for minutes.
    const times = first && first.ms > SECONDS_MS ? 1 : rounds
    for (let i = 0; i < times; i++) await ask()
  } catch (error) {
    if (!(error instanceof SignalboxError)) throw error
    return { name, p50: null, p95: null, refused: error.code }
  }
  const times = calls()
    .map((call) => call.ms)
    .sort((a, b) => a - b)
  const at = (part: number): number => Number((times[Math.ceil(times.length * part) - 1] ?? 0).toFixed(1))
  return { name, p50: at(0.5), p95: at(0.95), refused: null }
}

/** A run that people approved, in the midst of the crowd. */
async function someIds(client: Client): Promise<Ids> {
  const { approvals } = await client.approvals({ query: { state: 'approved', limit: 500 } })
  const approval = approvals[Math.trunc(approvals.length / 2)]
  if (!approval) throw new SignalboxError('INTERNAL', 'the crowd holds no approved run')
  const { run, timeline } = await client.run({ params: { id: approval.run_id } })
  const paid = timeline.flatMap((step) => step.activities).find((each) => each.effect_hash !== null)
  const { alerts } = await client.alerts({ query: { state: 'all', limit: 1 } })
  const { decisions } = await client.decisions({ query: { run_id: run.run_id } })
  let deep = (await client.listRuns({ query: { limit: 500 } })).next
  for (let i = 0; i < 4 && deep !== null; i++)
    deep = (await client.listRuns({ query: { limit: 500, before: deep } })).next ?? deep
  return {
    runId: run.run_id,
    approvalId: approval.id,
    decisionId: decisions[0]?.id ?? '',
    reference: run.request_id,
    deep: deep ?? '',
    alertId: alerts[0]?.id ?? '',
    approver: approval.decided_by ?? '',
    effectHash: paid?.effect_hash ?? '',
  }
}
