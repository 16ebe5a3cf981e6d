import { SignalboxError } from '../base/errors.ts'
import { canonicalJson } from '../base/json.ts'
import type { FoundEffect, FoundEffects, LineageTermRow, LookUpRequest } from '../contracts/lineage.ts'
import type { RunRecord } from '../contracts/records.ts'
import { isEmptied } from '../contracts/pruning.ts'
import { happened } from '../observability/index.ts'
import { decodeRecord } from '../reliability/chain.ts'
import type { Env } from './env.ts'

/** Most names of objects that one effect is found by. */
const MOST_OBJECTS = 50

/**
 * What an object is stored and asked for as: a keyed digest of its name, and one of the part behind the colon alone
 * (Invariant 14). Throws INPUT_INVALID for a name without text, and for more names than an effect may have.
 */
export function objectDigests(
  digest: (text: string) => string,
  tenant: string,
  names: readonly string[],
): readonly string[] {
  if (names.length > MOST_OBJECTS || names.some((name) => typeof name !== 'string' || name.trim() === ''))
    throw new SignalboxError('INPUT_INVALID', `an effect touches up to ${MOST_OBJECTS} objects, each with a name`)
  const forms = names.flatMap((name) => {
    const colon = name.indexOf(':')
    return colon < 0 || colon === name.length - 1 ? [name] : [name, name.slice(colon + 1)]
  })
  return [...new Set(forms)].map((form) => digest(canonicalJson(['object', tenant, form])))
}

/** Effects and answers that a term leads to, newest first (Invariant 15). Reads the index and the records that it names. */
export async function lookUp(env: Env, request: LookUpRequest): Promise<FoundEffects> {
  const { tenant, term, limit, before } = request
  const value = term === 'object' ? await digestOf(env, tenant, request.value) : request.value
  const place = before === undefined ? {} : { before }
  const rows = await env.store.lineageTerms({ tenant, term, value, limit: limit + 1, ...place })
  const page = rows.slice(0, limit)
  const found = await Promise.all(page.map((row) => foundAt(env, row)))
  const last = page.at(-1)
  const next = rows.length > limit && last ? { at: last.at, runId: last.runId, seq: last.seq } : null
  return { found, next }
}

async function digestOf(env: Env, tenant: string, name: string): Promise<string> {
  const digester = await env.vault.digester(tenant)
  // Of the forms of a name the first is the name as it was given.
  const [digest = ''] = objectDigests(digester, tenant, [name.trim()])
  return digest
}

async function foundAt({ store }: Env, { tenant, runId, seq, at }: LineageTermRow): Promise<FoundEffect> {
  const [row, [stored]] = await Promise.all([store.run(tenant, runId), store.recordsAt(tenant, runId, [seq])])
  const record = stored && !isEmptied(stored) ? decodeRecord(stored) : null
  const call = record ? callOf(record) : null
  const approval = call?.approvalId ? await store.request(tenant, call.approvalId) : null
  return {
    runId,
    seq,
    at,
    workflow: row?.workflow ?? '',
    runStatus: row?.status ?? null,
    principal: row?.principal ?? '',
    type: record?.type ?? null,
    tool: call?.tool ?? null,
    status: call?.status ?? null,
    code: call?.code ?? null,
    happened: call?.happened ?? null,
    approvalId: call?.approvalId ?? null,
    // A person who said no approved nothing; the answer itself is found by whoever gave it.
    approvedBy: call?.isAnswer || approval?.state === 'approved' ? (approval?.decidedBy ?? null) : null,
  }
}

interface Call extends Pick<FoundEffect, 'tool' | 'status' | 'code' | 'happened' | 'approvalId'> {
  readonly isAnswer: boolean
}

function callOf(record: RunRecord): Call | null {
  const open = { tool: null, status: null, code: null, happened: null, isAnswer: false }
  switch (record.type) {
    case 'activity.outcome': {
      const { name: tool, status, code, effect, ledger, approval_id: approvalId } = record
      const changed = effect === 'none' ? null : happened(status, code, ledger !== null)
      return { ...open, tool, status, code, happened: changed, approvalId }
    }
    case 'activity.intent':
      return { ...open, tool: record.proposal.name, approvalId: record.approval_id }
    case 'approval.decided':
      return { ...open, approvalId: record.approval_id, isAnswer: true }
    default:
      return null
  }
}
