import { sha256Hex } from '../../base/hash.ts'
import type {
  EffectRow,
  InboxItem,
  NewRun,
  PersonRequestRow,
  RunCommit,
  RunRow,
  StoredRecord,
} from '../../contracts/store.ts'

/** Name of the workflow signature that sample runs carry. */
export const SIGNATURE = 'sig-1'

/** A record with a body that says its sequence, and its hash. */
export function sampleRecord(
  seq: number,
  over: Partial<Pick<StoredRecord, 'type' | 'body' | 'sealed'>> = {},
): StoredRecord {
  const body = over.body ?? JSON.stringify({ seq, text: 'sample, ü' })
  return { seq, type: over.type ?? 'message.dropped', body, hash: sha256Hex(body), sealed: over.sealed ?? null }
}

/** A new run of tenant `acme`; its request id follows its run id unless given. */
export function sampleRun(runId: string, over: Partial<NewRun> = {}): NewRun {
  return {
    tenant: 'acme',
    runId,
    workflow: 'desk',
    version: '1.0.0',
    signature: SIGNATURE,
    requestId: `request of ${runId}`,
    principal: 'user:ana',
    subject: 'ana',
    createdAt: 1_000,
    genesis: sampleRecord(1, { type: 'run.started', body: '{"genesis":true}', sealed: Uint8Array.of(1, 2, 3) }),
    ...over,
  }
}

/** What a sample commit may choose; the rest follows the row that it starts from. */
export interface SampleCommit
  extends Partial<
    Pick<
      RunCommit,
      | 'release'
      | 'consumed'
      | 'left'
      | 'definition'
      | 'effects'
      | 'requests'
      | 'closed'
      | 'epoch'
      | 'expectSeq'
      | 'slices'
      | 'notices'
      | 'uses'
      | 'acts'
      | 'terms'
    >
  > {
  /** How many records. Default 1. */
  readonly count?: number
  readonly row?: Partial<RunCommit['row']>
  readonly sealed?: Uint8Array
}

/** A commit that continues a run from the given row. */
export function sampleCommit(from: RunRow, over: SampleCommit = {}): RunCommit {
  const { count = 1, row, sealed = null, expectSeq = from.seq, ...rest } = over
  const records = Array.from({ length: count }, (_, i) => sampleRecord(expectSeq + 1 + i, { sealed }))
  return {
    tenant: from.tenant,
    runId: from.runId,
    epoch: from.epoch,
    expectSeq,
    records,
    seq: expectSeq + count,
    head: records.at(-1)?.hash ?? from.head,
    row: {
      status: 'running',
      code: null,
      branch: 0,
      checkpointSeq: from.checkpointSeq,
      superstep: from.superstep,
      wakeAt: null,
      costNanoUsd: '0',
      updatedAt: 2_000,
      ...row,
    },
    release: false,
    consumed: [],
    effects: [],
    requests: [],
    closed: [],
    ...rest,
  }
}

/** An inbox item for a run. */
export function sampleItem(
  run: { tenant: string; runId: string },
  id: string,
  over: Partial<InboxItem> = {},
): InboxItem {
  return {
    id,
    tenant: run.tenant,
    runId: run.runId,
    kind: 'decide',
    slot: null,
    by: { id: 'user:ben', kind: 'user', tenant: run.tenant, roles: ['approver', 'ünder'] },
    body: JSON.stringify({ id }),
    sealed: Uint8Array.of(9),
    createdAt: 3_000,
    ...over,
  }
}

/** An open effect of a run. */
export function sampleEffect(run: { tenant: string; runId: string }, over: Partial<EffectRow> = {}): EffectRow {
  return {
    tenant: run.tenant,
    tool: 'payments.refund',
    scope: 'tenant',
    identity: 'order 7',
    effectId: `effect of ${run.runId}`,
    runId: run.runId,
    rootRunId: run.runId,
    askKey: 'a/0/0',
    idempotencyKey: `key of ${run.runId}`,
    argsDigest: 'digest',
    state: 'open',
    intentSeq: 2,
    outcomeSeq: null,
    ...over,
  }
}

/** An open approval of a run. */
export function sampleRequest(
  run: { tenant: string; runId: string },
  id: string,
  over: Partial<PersonRequestRow> = {},
): PersonRequestRow {
  return {
    tenant: run.tenant,
    id,
    kind: 'approval',
    runId: run.runId,
    workflow: 'desk',
    seq: 2,
    tool: 'payments.refund',
    class: 'payments.write',
    effect: 'irreversible',
    approvers: [['approver'], ['finance', 'lead']],
    requester: 'user:ana',
    state: 'open',
    decidedBy: null,
    requestedAt: 4_000,
    deadline: 9_000,
    decidedAt: null,
    ...over,
  }
}
