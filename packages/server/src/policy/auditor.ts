import {
  auditPolicyHistory,
  bundleDefinition,
  bundleHash,
  bundlesIn,
  type Host,
  type PolicyLogRow,
  policyEvent,
  type Store,
  type StoredRecord,
} from 'signalbox'
import type { AuditAll } from '@signalbox/protocol'

/** Verifies the policy history beside the runs that it decided. */
export interface PolicyAuditor {
  /** Takes note of what decided a run. */
  readonly read: (stored: readonly StoredRecord[]) => void
  end(): Promise<AuditAll['policy']>
}

/** Starts to verify; a store without a policy history gives null at the end. Runs from before it begins are not compared. */
export async function policyAuditor(
  store: Pick<Store, 'policyLog' | 'definition'>,
  host: Host,
): Promise<PolicyAuditor> {
  const rows = await store.policyLog(0)
  const decided = new Set<string>()
  const since = beginOf(rows)
  return {
    read: (stored) => {
      const [first] = stored
      if (first === undefined || since === null || startOf(first.body) < since) return
      for (const bundle of bundlesIn(stored)) decided.add(bundle)
    },
    end: async () => {
      if (rows.length === 0) return null
      const texts = await contentsOf(store, rows)
      const content = (hash: string): string | null => texts.get(hash) ?? null
      const found = auditPolicyHistory({ rows, content, decided, now: host.now() })
      const findings = found.map(({ kind, seq, detail }) => ({ seq, code: kind, text: detail }))
      return { ok: findings.length === 0, events: rows.length, findings }
    },
  }
}

async function contentsOf(
  store: Pick<Store, 'definition'>,
  rows: readonly PolicyLogRow[],
): Promise<ReadonlyMap<string, string>> {
  const found = new Map<string, string>()
  for (const hash of [...bundlesIn(rows)].map(bundleHash)) {
    const text = await store.definition(bundleDefinition(hash))
    if (text !== null) found.set(hash, text)
  }
  return found
}

/** Milliseconds since 1970 of the first event, or null. */
function beginOf([first]: readonly PolicyLogRow[]): number | null {
  if (!first) return null
  try {
    return Date.parse(policyEvent(first).at)
  } catch {
    return 0
  }
}

/** When a run was started; what cannot be read counts as later, and is told by the audit of its chain. */
function startOf(body: string): number {
  const at = /"at":"([^"]+)"/.exec(body)?.[1]
  return at === undefined ? Number.POSITIVE_INFINITY : Date.parse(at)
}
