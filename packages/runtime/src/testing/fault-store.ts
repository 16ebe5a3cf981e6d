import { SignalboxError } from '../base/errors.ts'
import type { AlertStore } from '../contracts/alerts.ts'
import type { LineageStore } from '../contracts/lineage.ts'
import type { FactStore } from '../contracts/facts.ts'
import type { MandateStore } from '../contracts/mandates.ts'
import type { RunCommit, Store } from '../contracts/store.ts'

/** A method of the store at which a fault can be placed. */
export type StoreOperation = Exclude<keyof Store, 'version' | 'capabilities' | 'close'>

/**
 * What goes wrong at a call:
 * - `before_commit`: STORE_UNAVAILABLE, and nothing happened;
 * - `after_commit_lost_ack`: it happened, and the caller gets STORE_UNAVAILABLE (ENGINE R11);
 * - `disk_full`: STORE_FULL, and nothing happened;
 * - `slow`: it happens only after the promise resolves;
 * - `fence`: another worker claims the runs of the call first, so that commit and heartbeat find a higher epoch.
 */
export type StoreFault =
  | { readonly point: 'before_commit' | 'after_commit_lost_ack' | 'disk_full' | 'fence' }
  | { readonly point: 'slow'; readonly until: Promise<void> }

/** Decides at each call: `n` counts the calls of that operation from 1. Null lets it pass. */
export type FaultPlan = (call: { readonly op: StoreOperation; readonly n: number }) => StoreFault | null

interface RunAt {
  readonly tenant: string
  readonly runId: string
}

/**
 * The same store with faults where the plan wants them. With a plan that always gives null nothing changes. The plan
 * alone decides, so that a seeded simulator can drive it.
 */
export function faultStore(inner: Store, plan: FaultPlan): Store {
  const counts = new Map<StoreOperation, number>()

  async function at<T>(op: StoreOperation, call: () => Promise<T>, runs: readonly RunAt[] = []): Promise<T> {
    const n = (counts.get(op) ?? 0) + 1
    counts.set(op, n)
    const fault = plan({ op, n })
    if (fault === null) return call()
    if (fault.point === 'before_commit') throw lost(op, 'nothing happened')
    if (fault.point === 'disk_full')
      throw new SignalboxError('STORE_FULL', `planned fault at \`${op}\`: the disk is full`)
    if (fault.point === 'slow') await fault.until
    if (fault.point === 'fence') await takeOver(inner, runs)
    const result = await call()
    if (fault.point === 'after_commit_lost_ack') throw lost(op, 'it may have happened')
    return result
  }

  return aroundStore(inner, at)
}

/** Passes one call of a store on, or does not. `runs` are those that the call is about, where it names them. */
export type StoreAround = <T>(op: StoreOperation, call: () => Promise<T>, runs?: readonly RunAt[]) => Promise<T>

/** The same store with every call but `close` going through `at`. */
export function aroundStore(inner: Store, at: StoreAround): Store {
  return {
    version: inner.version,
    capabilities: inner.capabilities,
    create: (run) => at('create', () => inner.create(run)),
    adopt: (run) => at('adopt', () => inner.adopt(run)),
    commit: (commits) => at('commit', () => inner.commit(commits), commits.filter(firstOfRun)),
    claim: (request) => at('claim', () => inner.claim(request)),
    heartbeat: (worker, held, until) => at('heartbeat', () => inner.heartbeat(worker, held, until), held),
    post: (item) => at('post', () => inner.post(item)),
    inbox: (tenant, runId) => at('inbox', () => inner.inbox(tenant, runId)),
    inboxKept: (tenant, runId) => at('inboxKept', () => inner.inboxKept(tenant, runId)),
    run: (tenant, runId) => at('run', () => inner.run(tenant, runId)),
    runs: (filter) => at('runs', () => inner.runs(filter)),
    records: (tenant, runId, filter) => at('records', () => inner.records(tenant, runId, filter)),
    recordsAt: (tenant, runId, seqs) => at('recordsAt', () => inner.recordsAt(tenant, runId, seqs)),
    forks: (tenant, runId) => at('forks', () => inner.forks(tenant, runId)),
    tenants: () => at('tenants', () => inner.tenants()),
    export: (after, limit) => at('export', () => inner.export(after, limit)),
    effect: (tenant, tool, scope, identity) => at('effect', () => inner.effect(tenant, tool, scope, identity)),
    effects: (tenant, root) => at('effects', () => inner.effects(tenant, root)),
    runEffects: (tenant, runId) => at('runEffects', () => inner.runEffects(tenant, runId)),
    request: (tenant, id) => at('request', () => inner.request(tenant, id)),
    requests: (filter) => at('requests', () => inner.requests(filter)),
    killSwitches: (tenant) => at('killSwitches', () => inner.killSwitches(tenant)),
    overrides: (tenant) => at('overrides', () => inner.overrides(tenant)),
    switchBook: () => at('switchBook', () => inner.switchBook()),
    commitSwitch: (change) => at('commitSwitch', () => inner.commitSwitch(change)),
    switchEvents: (tenant) => at('switchEvents', () => inner.switchEvents(tenant)),
    putSwitchWorker: (row) => at('putSwitchWorker', () => inner.putSwitchWorker(row)),
    switchWorkers: () => at('switchWorkers', () => inner.switchWorkers()),
    key: (tenant, subject) => at('key', () => inner.key(tenant, subject)),
    keys: (tenant) => at('keys', () => inner.keys(tenant)),
    putKey: (tenant, subject, wrapped) => at('putKey', () => inner.putKey(tenant, subject, wrapped)),
    destroyKey: (tenant, subject, time) => at('destroyKey', () => inner.destroyKey(tenant, subject, time)),
    cursor: (name) => at('cursor', () => inner.cursor(name)),
    setCursor: (name, position) => at('setCursor', () => inner.setCursor(name, position)),
    definition: (signature) => at('definition', () => inner.definition(signature)),
    putDefinition: (signature, text) => at('putDefinition', () => inner.putDefinition(signature, text)),
    lease: (name) => at('lease', () => inner.lease(name)),
    setLease: (row, expect) => at('setLease', () => inner.setLease(row, expect)),
    schedules: (tenant) => at('schedules', () => inner.schedules(tenant)),
    firings: (filter) => at('firings', () => inner.firings(filter)),
    commitSchedule: (change) => at('commitSchedule', () => inner.commitSchedule(change)),
    grant: (request) => at('grant', () => inner.grant(request), [request]),
    slices: (tenant, runId) => at('slices', () => inner.slices(tenant, runId)),
    scopes: (tenant) => at('scopes', () => inner.scopes(tenant)),
    policyHead: () => at('policyHead', () => inner.policyHead()),
    policyLog: (after) => at('policyLog', () => inner.policyLog(after)),
    appendPolicyLog: (row) => at('appendPolicyLog', () => inner.appendPolicyLog(row)),
    policyHolders: () => at('policyHolders', () => inner.policyHolders()),
    putPolicyHolder: (row) => at('putPolicyHolder', () => inner.putPolicyHolder(row)),
    dropPolicyHolder: (process) => at('dropPolicyHolder', () => inner.dropPolicyHolder(process)),
    addShadow: (batch) => at('addShadow', () => inner.addShadow(batch)),
    shadowCounts: (tenant, shadow) => at('shadowCounts', () => inner.shadowCounts(tenant, shadow)),
    shadowFindings: (tenant, shadow, limit) => at('shadowFindings', () => inner.shadowFindings(tenant, shadow, limit)),
    notify: (notices) => at('notify', () => inner.notify(notices)),
    unrouted: (limit) => at('unrouted', () => inner.unrouted(limit)),
    notices: (tenant, ids) => at('notices', () => inner.notices(tenant, ids)),
    deliveries: (filter) => at('deliveries', () => inner.deliveries(filter)),
    channelStates: (tenant) => at('channelStates', () => inner.channelStates(tenant)),
    commitOutbox: (change) => at('commitOutbox', () => inner.commitOutbox(change)),
    ...{ ...mandatesAround(inner, at), ...openAround(inner, at) },
    ...alertsAround(inner, at),
    ...{ ...lineageAround(inner, at), ...factsAround(inner, at) },
    acted: (tenant, tool, subject) => at('acted', () => inner.acted(tenant, tool, subject)),
    stats: () => at('stats', () => inner.stats()),
    close: () => inner.close(),
  }
}

function openAround(inner: Store, at: StoreAround): Pick<Store, 'effectsInFlight' | 'decidedRequests'> {
  return {
    effectsInFlight: (tenant, limit) => at('effectsInFlight', () => inner.effectsInFlight(tenant, limit)),
    decidedRequests: (filter) => at('decidedRequests', () => inner.decidedRequests(filter)),
  }
}

function mandatesAround(inner: Store, at: StoreAround): MandateStore {
  return {
    putMandate: (row) => at('putMandate', () => inner.putMandate(row)),
    revokeMandate: (...end) => at('revokeMandate', () => inner.revokeMandate(...end)),
    mandate: (tenant, id) => at('mandate', () => inner.mandate(tenant, id)),
    mandates: (filter) => at('mandates', () => inner.mandates(filter)),
    mandateUses: (tenant, id) => at('mandateUses', () => inner.mandateUses(tenant, id)),
  }
}

function alertsAround(inner: Store, at: StoreAround): AlertStore {
  return {
    alerts: (filter) => at('alerts', () => inner.alerts(filter)),
    alert: (tenant, id) => at('alert', () => inner.alert(tenant, id)),
    alertEvents: (...filter) => at('alertEvents', () => inner.alertEvents(...filter)),
    alertHead: (tenant) => at('alertHead', () => inner.alertHead(tenant)),
    alertProgress: () => at('alertProgress', () => inner.alertProgress()),
    commitAlerts: (change) => at('commitAlerts', () => inner.commitAlerts(change)),
  }
}

function lineageAround(inner: Store, at: StoreAround): LineageStore {
  return {
    lineageTerms: (filter) => at('lineageTerms', () => inner.lineageTerms(filter)),
    putLineageTerms: (rows) => at('putLineageTerms', () => inner.putLineageTerms(rows)),
    lineageFindings: (filter) => at('lineageFindings', () => inner.lineageFindings(filter)),
    putLineageFindings: (rows) => at('putLineageFindings', () => inner.putLineageFindings(rows)),
  }
}

function factsAround(inner: Store, at: StoreAround): FactStore {
  return {
    facts: (filter) => at('facts', () => inner.facts(filter)),
    costSums: (filter) => at('costSums', () => inner.costSums(filter)),
    addFacts: (batch) => at('addFacts', () => inner.addFacts(batch)),
    clearFacts: () => at('clearFacts', () => inner.clearFacts()),
  }
}

function lost(op: StoreOperation, what: string): SignalboxError {
  return new SignalboxError('STORE_UNAVAILABLE', `planned fault at \`${op}\`: the store did not answer, ${what}`)
}

function firstOfRun(commit: RunCommit, at: number, all: readonly RunCommit[]): boolean {
  return all.findIndex((each) => each.tenant === commit.tenant && each.runId === commit.runId) === at
}

/** Claims each run for a worker that does nothing with it; its lease has expired at once. */
async function takeOver(store: Store, runs: readonly RunAt[]): Promise<void> {
  for (const { tenant, runId } of runs) {
    const only = { tenant, runId }
    const now = Number.MAX_SAFE_INTEGER
    await store.claim({ worker: 'planned fault', now, leaseUntil: 0, limit: 1, signatures: null, only })
  }
}
