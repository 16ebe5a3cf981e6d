import { canonicalJson } from '../../base/json.ts'
import type { ActDuty } from '../../contracts/duty.ts'
import type { Ask, Ended } from './ask.ts'

/**
 * Separation of duties: denies a call on a subject when the one on whose behalf it is asked, or the one who approved it,
 * did what bars them from it. Asked after the decision, and again right before the intent: an approval may have been given
 * meanwhile, or the other act done.
 */
export async function keepDuties(ask: Ask): Promise<Ended | null> {
  const { run } = ask
  const barred = duties(ask).filter(({ barred: act }) => act.tool === ask.name)
  if (barred.length === 0 || ask.decision === null) return null
  // What this run did itself is stored before it is looked up.
  await run.flush()
  for (const duty of barred) {
    const subject = subjectOf(ask, duty.barred.field)
    const acted = subject === null ? null : await run.env.store.acted(run.tenant, duty.done.tool, subject)
    const who = [run.principal.id, ...(ask.approval ? [ask.approval.by.id] : [])]
    // A subject that cannot be told bars everybody.
    if (acted !== null && !who.some((id) => acted.includes(id))) continue
    const policies = [`signalbox.duty.${duty.id}`]
    ask.decision = { ...ask.decision, verdict: 'deny', reason_code: duty.reason, policies, asks: [] }
    const result = `one person may not do both: ${duty.done.tool} and ${duty.barred.tool} on the same ${duty.barred.field}`
    return { status: 'denied', code: duty.reason, result }
  }
  return null
}

/** What an effect was about, for those duties that begin with it: keyed digests, to be recorded with how it ended. */
export function dutySubjects(ask: Ask): readonly string[] {
  const begun = duties(ask).filter(({ done }) => done.tool === ask.name)
  const found = begun.flatMap(({ done }) => subjectOf(ask, done.field) ?? [])
  return [...new Set(found)]
}

function duties(ask: Ask): readonly ActDuty[] {
  if (ask.spec.kind !== 'tool' || ask.effect === 'none') return []
  return ask.run.env.policy.actDuties?.() ?? []
}

/** The same for every tool and field that name the subject by the same text or number. */
function subjectOf(ask: Ask, field: string): string | null {
  const { args } = ask
  if (typeof args !== 'object' || args === null || Array.isArray(args) || !Object.hasOwn(args, field)) return null
  const value = (args as Readonly<Record<string, unknown>>)[field]
  if (typeof value !== 'string' && typeof value !== 'number') return null
  return ask.run.sealer.digest(canonicalJson(['duty subject', ask.run.tenant, String(value)]))
}
