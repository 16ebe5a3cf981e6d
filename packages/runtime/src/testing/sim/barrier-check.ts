import type { ContentRef } from '../../contracts/common.ts'
import type { ActivationCompleted, ActivationResult, SuperstepCompleted } from '../../contracts/records.ts'
import { ROOT_SCOPE, scopeOf } from '../../base/scope-id.ts'
import { specInside } from '../../engine/scope.ts'
import { scopeState } from '../../reliability/fold-scopes.ts'
import { mustHold } from './checks.ts'
import type { RunFacts } from './run-facts.ts'

/** Writes come from owners, and a barrier merges them in the order of nodes and deliveries (Invariant 8, ENGINE R9). */
export function checkBarrier(run: RunFacts, record: ActivationCompleted | SuperstepCompleted): void {
  const results = record.type === 'activation.completed' ? [record.result] : record.results
  for (const result of results) checkOwners(run, result)
  if (record.type !== 'superstep.completed') return
  const scope = record.scope ?? ROOT_SCOPE
  const recorded = [...run.fold.activations.values()].flatMap((one) =>
    one.result && one.scope === scope ? [one.result] : [],
  )
  const spec = specInside(run.spec, run.fold, scope)
  const order = [...spec.nodes.keys()]
  const all = [...recorded, ...record.results].sort(
    (a, b) => order.indexOf(a.node) - order.indexOf(b.node) || a.delivery - b.delivery,
  )
  const before = scopeState(run.fold, scope).checkpoint.state
  for (const [name, field] of spec.fields) {
    const writes = all.flatMap((result) => result.writes.filter((write) => write.field === name))
    const now = record.checkpoint.state[name] ?? null
    if (writes.length === 0) {
      const kept = JSON.stringify(now) === JSON.stringify(before[name] ?? null)
      mustHold(kept, 'ownership', () => `field ${name} changed in record ${record.seq}, and nobody wrote it`)
    } else if (field.kind === 'appended') {
      const items = record.appends[name]?.items ?? []
      const same = items.map(place).join() === writes.map((write) => place(write.value)).join()
      mustHold(same, 'ownership', () => `field ${name} is not appended in the order of its writers`)
    } else if (field.kind === 'owned') {
      const last = writes.at(-1)?.value
      const same = last !== undefined && now !== null && 's' in now && place(now) === place(last)
      mustHold(same, 'ownership', () => `field ${name} is not the last write of its owner`)
    }
  }
}

function checkOwners(run: RunFacts, result: ActivationResult): void {
  for (const { field } of result.writes) {
    const spec = specInside(run.spec, run.fold, scopeOf(result.activation)).fields.get(field)
    const owned = spec !== undefined && (spec.owner === null || spec.owner === result.node)
    mustHold(owned, 'ownership', () => `${result.node} wrote ${field}, which is not its own`)
  }
}

function place(ref: ContentRef): string {
  return `${ref.s}.${ref.i}`
}
