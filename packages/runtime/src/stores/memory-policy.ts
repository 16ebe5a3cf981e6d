import {
  type PolicyHolder,
  type PolicyLogRow,
  type PolicyStore,
  SHADOW_FINDINGS_KEPT,
  type ShadowBatch,
  type ShadowFinding,
  type ShadowOutcome,
} from '../contracts/policy-history.ts'
import { MemorySwitches } from './memory-switches.ts'
import { checkPolicyRow } from './rules.ts'

/** Policy history, holders and shadow findings of the store in memory. */
export abstract class MemoryPolicy extends MemorySwitches implements PolicyStore {
  readonly #log: PolicyLogRow[] = []
  readonly #holders = new Map<string, PolicyHolder>()
  readonly #counts = new Map<string, number>()
  readonly #findings = new Map<number, ShadowFinding[]>()

  async policyHead(): Promise<number> {
    this.check()
    return this.#log.length
  }

  async policyLog(after: number): Promise<readonly PolicyLogRow[]> {
    this.check()
    return this.#log.slice(after)
  }

  async appendPolicyLog(row: PolicyLogRow): Promise<boolean> {
    this.check()
    checkPolicyRow(row)
    if (row.seq !== this.#log.length + 1) return false
    this.#log.push({ ...row })
    return true
  }

  async policyHolders(): Promise<readonly PolicyHolder[]> {
    this.check()
    return [...this.#holders.values()].sort((a, b) => (a.process < b.process ? -1 : 1))
  }

  async putPolicyHolder(row: PolicyHolder): Promise<void> {
    this.check()
    this.#holders.set(row.process, { ...row })
  }

  async dropPolicyHolder(process: string): Promise<void> {
    this.check()
    this.#holders.delete(process)
  }

  async addShadow({ shadow, counts, findings }: ShadowBatch): Promise<void> {
    this.check()
    for (const { tenant, outcome, count } of counts) {
      const place = JSON.stringify([tenant, shadow, outcome])
      this.#counts.set(place, (this.#counts.get(place) ?? 0) + count)
    }
    const kept = this.#findings.get(shadow) ?? []
    this.#findings.set(shadow, kept)
    kept.push(...findings.slice(0, SHADOW_FINDINGS_KEPT - kept.length))
  }

  async shadowCounts(tenant: string, shadow: number): Promise<Readonly<Partial<Record<ShadowOutcome, number>>>> {
    this.check()
    const all = ['same', 'would_block', 'would_allow', 'would_ask', 'error', 'dropped'] as const
    const found = all.map((outcome) => [outcome, this.#counts.get(JSON.stringify([tenant, shadow, outcome]))] as const)
    return Object.fromEntries(found.filter(([, count]) => count !== undefined))
  }

  async shadowFindings(tenant: string, shadow: number, limit: number): Promise<readonly ShadowFinding[]> {
    this.check()
    const own = (this.#findings.get(shadow) ?? []).filter((each) => each.tenant === tenant)
    return own.reverse().slice(0, limit)
  }
}
