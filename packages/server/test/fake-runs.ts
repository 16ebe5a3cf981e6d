/** A RunsApi over fixed histories, which notes who asked for what. For tests of the server alone. */
import {
  type ApprovalPacket,
  type CompensationItem,
  type ErrorCode,
  type JsonValue,
  type KillSwitch,
  type LineageCheckStore,
  type MandateRow,
  type MovePlan,
  type PersonRequestRow,
  type Principal,
  type ReviewApi,
  type RunsApi,
  SignalboxError,
  type Store,
  type StreamItem,
} from 'signalbox'
import { RITA, type TestHistory, testHistory } from './history.ts'

/** A store in which nothing changed since the last check. */
const NO_LINEAGE = {
  run: async () => null,
  recordsAt: async () => [],
  export: async () => [],
  cursor: async () => 0,
  setCursor: async () => undefined,
  lineageFindings: async () => [],
  putLineageFindings: async () => undefined,
  putLineageTerms: async () => undefined,
} satisfies Partial<LineageCheckStore>

/** What a change was asked with. */
export interface Noted {
  readonly what: string
  readonly by: Principal
  readonly request: unknown
}

/** The fake and what tests look into. */
export interface FakeRuns {
  readonly runs: RunsApi
  readonly store: Pick<Store, 'definition'> & LineageCheckStore
  readonly noted: Noted[]
  /** Items that readers of streams have pulled so far, by run. */
  readonly pulled: Map<string, number>
  /** Deltas that the stream of `run_w` shows after its records. */
  readonly deltas: StreamItem[]
  /** Streams that are open now. */
  readonly open: Set<string>
  add(runId: string, history: TestHistory): void
  /** Makes the next call of any change throw this code. */
  failNext(code: ErrorCode): void
}

const PACKET: ApprovalPacket = {
  summary: 'Pay invoice 4711',
  target: { type: 'invoice', id: '4711', version: '1' },
  impact: { money: { minor: 150_000, currency: 'EUR' } },
  rollback: 'Ask the bank within 24 h',
  tool: 'payments.pay',
  class: 'payments.write',
  effect: 'irreversible',
  arguments: '{"invoice":"4711"}',
  requested_by: RITA.id,
  why: ['PAYMENT_ABOVE_LIMIT'],
  labels: { integrity: 2, marks: [] },
}

const APPROVAL: PersonRequestRow = {
  tenant: 'dev',
  id: 'apr_1',
  kind: 'approval',
  runId: 'run_w',
  workflow: 'payables',
  seq: 5,
  tool: 'payments.pay',
  class: 'payments.write',
  effect: 'irreversible',
  approvers: [['approver']],
  requester: RITA.id,
  state: 'open',
  decidedBy: null,
  requestedAt: Date.UTC(2026, 0, 1),
  deadline: Date.UTC(2100, 0, 1),
  decidedAt: null,
}

interface State {
  readonly histories: Map<string, TestHistory>
  readonly pulled: Map<string, number>
  readonly deltas: StreamItem[]
  readonly open: Set<string>
  readonly switches: KillSwitch[]
  find(tenant: string, runId: string): TestHistory
  note(what: string, by: Principal, request: unknown): void
}

/** One waiting run `run_w`, one completed `run_c` of tenant dev, and `run_other` of another tenant. */
export function fakeRuns(): FakeRuns {
  const histories = new Map<string, TestHistory>([
    ['run_w', testHistory('run_w', 'dev', false)],
    ['run_c', testHistory('run_c', 'dev', true)],
    ['run_other', testHistory('run_other', 'other', true)],
  ])
  const noted: Noted[] = []
  let failure: ErrorCode | null = null
  const state: State = {
    histories,
    pulled: new Map(),
    deltas: [],
    open: new Set(),
    switches: [],
    find: (tenant, runId) => {
      const found = histories.get(runId)
      if (found?.row.tenant === tenant) return found
      throw new SignalboxError('RUN_NOT_FOUND', `there is no run \`${runId}\``)
    },
    note: (what, by, request) => {
      if (failure !== null) {
        const code = failure
        failure = null
        throw new SignalboxError(code, 'asked to fail', { details: { by: 'user:someone' } })
      }
      noted.push({ what, by, request })
    },
  }
  const rows = (tenant: string) =>
    [...histories.values()].map((each) => each.row).filter((row) => row.tenant === tenant)
  return {
    runs: { ...reads(state), ...changes(state), ...killSwitches(state), ...compensations(state), ...reviews(state) },
    store: {
      ...NO_LINEAGE,
      definition: async () => null,
      records: async (tenant: string, runId: string) => state.find(tenant, runId).stored,
      runs: async (filter: { tenant: string }) => rows(filter.tenant),
    },
    noted,
    pulled: state.pulled,
    deltas: state.deltas,
    open: state.open,
    add: (runId, history) => histories.set(runId, history),
    failNext: (code) => {
      failure = code
    },
  }
}

const MANDATE: MandateRow = {
  tenant: 'dev',
  id: 'sta_1',
  kind: 'standing',
  subject: 'records.tag',
  body: '{"delegate":"user:eva","roles":["approver"],"tool":"records.tag","workflow":"payables","principal":"user:rita","constraints":[],"amount_field":null}',
  reason: 'small ones',
  createdBy: 'user:paul',
  createdAt: 1,
  startsAt: 1,
  expiresAt: 2,
  revokedAt: null,
  revokedBy: null,
  maxUses: 2,
  maxAmount: null,
}

/** Notes what was asked for. */
function reviews({ note }: State): ReviewApi {
  const noted =
    (what: string) =>
    async (request: { by: Principal }): Promise<void> =>
      note(what, request.by, request)
  const made = (what: string) => async (request: { by: Principal }) => {
    note(what, request.by, request)
    return MANDATE
  }
  return {
    claim: noted('claim'),
    unclaim: noted('unclaim'),
    askInformation: noted('askInformation'),
    giveInformation: noted('giveInformation'),
    edit: noted('edit'),
    snooze: noted('snooze'),
    withdraw: noted('withdraw'),
    markSeen: noted('markSeen'),
    liftDecline: noted('liftDecline'),
    delegate: made('delegate'),
    giveStanding: made('giveStanding'),
    revoke: made('revoke'),
    delegations: async () => [],
    standing: async () => [],
    stats: async () => ({
      since: '2026-01-01T00:00:00.000Z',
      quick_seconds: 30,
      open: 0,
      open_by_role: [],
      decided: { approved: 0, rejected: 0, expired: 0, cancelled: 0, void: 0 },
      median_decision_seconds: null,
      escalated: 0,
      cut: false,
      reviewers: [],
    }),
  }
}

type Reads =
  | 'get'
  | 'list'
  | 'records'
  | 'stream'
  | 'contents'
  | 'wait'
  | 'requests'
  | 'packets'
  | 'request'
  | 'restorePoints'
  | 'definition'
  | 'movePlan'

function reads(state: State): Pick<RunsApi, Reads> {
  const { histories, find } = state
  return {
    get: async (tenant, runId) => find(tenant, runId).row,
    list: async (filter) =>
      [...histories.values()]
        .map((each) => each.row)
        .filter((row) => row.tenant === filter.tenant && (filter.status?.includes(row.status) ?? true))
        .slice(0, filter.limit),
    records: async (tenant, runId, filter) =>
      find(tenant, runId)
        .records.filter((record) => record.seq > (filter?.after ?? 0))
        .slice(0, filter?.limit),
    stream: (tenant, runId, options) => items(find(tenant, runId), options?.after ?? 0, options?.signal, state),
    contents: async () => ({
      read: async (ref): Promise<JsonValue> => {
        if (ref.s === 12) throw new SignalboxError('CONTENT_ERASED', 'erased')
        return ref.s === 7 ? 'invoice and order agree' : { content: `${ref.s}.${ref.i}` }
      },
    }),
    wait: () => Promise.reject(new Error('not used')),
    requests: async (filter) =>
      filter.tenant === 'dev' && (filter.kind ?? 'approval') === 'approval' && filter.runId !== 'run_c'
        ? [APPROVAL]
        : [],
    packets: async (rows) => rows.map(() => PACKET),
    request: async (tenant, id) => {
      if (tenant === 'dev' && id === 'apr_1')
        return {
          ...{ row: APPROVAL, packet: PACKET, port: null, packetHash: 'packet-hash', reason: null },
          argumentsSchema: { type: 'object' },
        }
      throw new SignalboxError('APPROVAL_NOT_FOUND', `there is no request \`${id}\``)
    },
    definition: async (tenant, runId) => {
      const { version } = find(tenant, runId).row
      return { version, here: version, standing: 'same', stands: 'barrier', steps: [], changes: [], reason: null }
    },
    restorePoints: async (tenant, runId) => {
      find(tenant, runId)
      const at = '2026-01-01T00:00:00.000Z'
      const laterEffects = [{ tool: 'payments.pay', seq: 10, status: 'succeeded' }] as const
      return [{ seq: 1, kind: 'entry', at, superstep: 0, node: null, position: null, current: true, laterEffects }]
    },
    movePlan: async (tenant, runId, { kind, seq }) => {
      find(tenant, runId)
      return { ...PLAN, kind, runId, seq }
    },
  }
}

const PLAN: MovePlan = {
  kind: 'restore',
  runId: 'run_a',
  seq: 1,
  type: 'run.started',
  at: '2026-01-01T00:00:00.000Z',
  checkpointSeq: 1,
  superstep: 0,
  effects: [
    {
      effectId: 'effect-1',
      tool: 'payments.pay',
      runId: 'run_a',
      seq: 9,
      outcomeSeq: 10,
      state: 'succeeded',
      handling: 'ledger',
    },
  ],
  again: { modelCalls: 1, reads: 2 },
  askedAnew: ['payments.pay'],
  refused: null,
}

type Changes =
  | 'start'
  | 'decide'
  | 'answer'
  | 'respond'
  | 'cancel'
  | 'resume'
  | 'release'
  | 'restore'
  | 'fork'
  | 'feedback'
  | 'correctCost'

function changes({ note }: State): Pick<RunsApi, Changes> {
  return {
    start: async (request) => {
      note('start', request.principal, request)
      return { runId: 'run_new', existed: false }
    },
    decide: async (request) => note('decide', request.by, request),
    answer: async (request) => note('answer', request.by, request),
    respond: async (request) => note('respond', request.by, request),
    cancel: async (request) => note('cancel', request.by, request),
    resume: async (request) => note('resume', request.by, request),
    release: async (request) => note('release', request.by, request),
    restore: async (request) => note('restore', request.by, request),
    fork: async (request) => {
      note('fork', request.by, request)
      return { runId: 'run_fork', existed: false }
    },
    feedback: async (request) => note('feedback', request.by, request),
    correctCost: async (request) => note('correctCost', request.by, request),
  }
}

function compensations({ find, note }: State): Pick<RunsApi, 'compensationPlan' | 'compensate'> {
  return {
    compensationPlan: async (tenant, runId) => {
      find(tenant, runId)
      return { run: runId, refused: null, items: [UNDOABLE] }
    },
    compensate: async (request) => {
      note('compensate', request.by, request)
      return { runId: 'run_undo', existed: false }
    },
  }
}

const UNDOABLE: CompensationItem = {
  seq: 10,
  effectId: 'effect-1',
  tool: 'payments.pay',
  class: 'payments.write',
  effect: 'irreversible',
  node: 'clerk',
  at: '2026-01-01T00:00:00.000Z',
  state: 'undoable',
  why: '`payments.recall` undoes it',
  undo: 'payments.recall',
  until: null,
  undoneBy: null,
  sharedWith: [],
}

function killSwitches({
  switches,
  note,
}: State): Pick<
  RunsApi,
  'killSwitches' | 'engageKillSwitch' | 'liftKillSwitch' | 'outerBudgets' | 'lookUp' | 'reconciliation'
> {
  return {
    reconciliation: async () => null,
    lookUp: async () => ({ found: [], next: null }),
    outerBudgets: async (tenant) => [
      {
        scope: `tenant:${tenant}/2026-01-01`,
        limits: { cost_nano_usd: '5000000000', tokens: 1_000 },
        granted: { cost_nano_usd: '1250000000', tokens: 250, effects: 3, runs: 2 },
        current: true,
      },
    ],
    killSwitches: async (tenant) => switches.filter((each) => each.tenant === tenant),
    engageKillSwitch: async (request) => {
      note('engage', request.by, request)
      const { by, scope, target, mode, reason, expiresAt = null } = request
      const rest = { createdAt: 0, expiresAt, liftedAt: null, liftedBy: null }
      const made: KillSwitch = {
        id: `kill_${switches.length}`,
        tenant: by.tenant,
        by: by.id,
        scope,
        target,
        mode,
        reason,
        ...rest,
      }
      switches.push(made)
      return made
    },
    liftKillSwitch: async (request) => {
      note('lift', request.by, request)
      const row = switches.find(({ id }) => id === request.id)
      if (!row) throw new SignalboxError('NOT_FOUND', 'there is no such kill switch')
      return { row, lifted: true }
    },
  }
}

async function* items(
  history: TestHistory,
  after: number,
  signal: AbortSignal | undefined,
  { pulled, deltas, open }: State,
): AsyncGenerator<StreamItem, void, void> {
  const { runId, status } = history.row
  open.add(runId)
  try {
    for (const record of history.records.slice(after)) {
      if (signal?.aborted) return
      pulled.set(runId, (pulled.get(runId) ?? 0) + 1)
      yield { kind: 'record', runId, record }
    }
    if (status === 'completed') return
    yield* deltas
    await new Promise<void>((resolve) => {
      if (signal?.aborted) resolve()
      signal?.addEventListener('abort', () => resolve(), { once: true })
    })
  } finally {
    open.delete(runId)
  }
}
