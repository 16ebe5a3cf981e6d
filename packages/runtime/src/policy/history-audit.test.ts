import { describe, expect, it } from 'vitest'
import { sha256Hex } from '../base/hash.ts'
import type { Principal } from '../contracts/common.ts'
import type { BundleActivated, PolicyLogRow } from '../contracts/policy-history.ts'
import { foldPolicyHistory, NO_POLICY_HISTORY, type PolicyEventBody, type PolicyHistory, policyRow } from './history.ts'
import { auditPolicyHistory, type PolicyAudit } from './history-audit.ts'

const person = (id: string): Principal => ({ id, kind: 'user', tenant: 'acme', roles: [] })
const [ana, ben] = [person('user:ana'), person('user:ben')]
const TEXTS = new Map(['{"a":"1"}', '{"a":"2"}'].map((text) => [sha256Hex(text), text]))
const [first, second] = [...TEXTS.keys()].map((hash) => `p@${hash}`)
const AT = '2026-01-01T00:00:00.000Z'

function activated(bundle: string | undefined, over: Partial<BundleActivated> = {}): PolicyEventBody {
  const base = {
    bundle: bundle ?? '',
    version: '1.0.0',
    from: null,
    proposal: null,
    rollback: false,
    reason: 'because',
  }
  return { type: 'bundle.activated', ...base, way: 'reviewed', author: ana, by: ben, ...over }
}

function rowsOf(...events: readonly PolicyEventBody[]): PolicyLogRow[] {
  const rows: PolicyLogRow[] = []
  let history: PolicyHistory = NO_POLICY_HISTORY
  for (const event of events) {
    const row = policyRow(history, AT, event)
    history = foldPolicyHistory(history, [row])
    rows.push(row)
  }
  return rows
}

const kinds = (rows: readonly PolicyLogRow[], over: Partial<PolicyAudit> = {}): string[] =>
  auditPolicyHistory({
    rows,
    content: (hash) => TEXTS.get(hash) ?? null,
    decided: new Set(),
    now: Date.parse(AT) + 1_000,
    ...over,
  }).map((each) => each.kind)

const sound = rowsOf(activated(first), activated(second))

describe('audit of the policy history', () => {
  it('BDL-021: a sound one has no finding', () => {
    expect(kinds(sound, { decided: new Set([first ?? '', second ?? '']) })).toEqual([])
    expect(kinds([])).toEqual([])
  })

  it('BDL-021: a changed, missing or moved event is found', () => {
    const [one, two] = sound
    if (!one || !two) throw new Error('two events')
    const changed = { ...one, body: one.body.replace('user:ben', 'user:bob') }
    expect(kinds([changed, two])).toEqual(['hash', 'chain'])
    expect(kinds([two])).toEqual(['sequence', 'chain'])
    expect(kinds([{ ...one, body: 'x' }, two])).toContain('unreadable')
  })

  it('BDL-021: an activation by one person, or by nobody, is found, also where the chain is whole', () => {
    expect(kinds(rowsOf(activated(first, { by: ana })))).toEqual(['one_person'])
    expect(kinds(rowsOf(activated(first, { by: null })))).toEqual(['one_person'])
    expect(kinds(rowsOf(activated(first, { author: null })))).toEqual(['one_person'])
    expect(kinds(rowsOf(activated(first, { way: 'development', by: null, author: null })))).toEqual([])
  })

  it('BDL-021: a stored bundle that is gone or changed, and a decision by one that was never in force, are found', () => {
    expect(kinds(sound, { content: () => null })).toEqual(['content', 'content'])
    expect(kinds(sound, { content: () => '{}' })).toEqual(['content', 'content'])
    const other = `p@${'f'.repeat(64)}`
    expect(kinds(sound, { decided: new Set([other]) })).toEqual(['not_activated'])
    const imported: PolicyEventBody = { type: 'bundles.imported', bundles: [other], by: null, reason: 'import' }
    expect(kinds(rowsOf(activated(first), imported), { decided: new Set([other]) })).toEqual([])
  })

  it('BDL-021: an emergency that nobody looked at in three days is found', () => {
    const rows = rowsOf(activated(first, { way: 'emergency', author: null }))
    const later = Date.parse(AT) + 4 * 86_400_000
    expect(kinds(rows)).toEqual([])
    expect(kinds(rows, { now: later })).toEqual(['not_reviewed'])
    const looked: PolicyEventBody = { type: 'activation.reviewed', activation: 1, by: ana, reason: 'fine' }
    expect(kinds(rowsOf(activated(first, { way: 'emergency', author: null }), looked), { now: later })).toEqual([])
  })
})
