import type { EffectLogRow, EventRow } from '@signalbox/protocol'
import { type FactCursor, type FactFilter, type FactRow, isoTime, RECORD_TYPES, SignalboxError } from 'signalbox'
import type { FactFinder } from '../facts/finder.ts'
import type { ApiDeps, Handlers } from './handlers.ts'

/** Endpoints about what happened over all runs. The tenant is the caller's (Invariant 16). */
export function factHandlers(deps: ApiDeps): Pick<Handlers, 'eventsOverRuns' | 'effectsOverRuns'> {
  return {
    eventsOverRuns: async ({ query }, who) => {
      await requireRun(deps, who.tenant, query.run_id)
      const { type, node, actor, principal, tool, code } = query
      const found = await finderOf(deps).find({
        ...spanOf(query, who.tenant),
        ...(type === undefined ? {} : { type: recordTypeOf(type) }),
        ...given({ node, actor, principal, name: tool, code }),
      })
      return { events: found.rows.map(eventRow), next: nextOf(found.rows, query.limit), complete: found.complete }
    },
    effectsOverRuns: async ({ query }, who) => {
      await requireRun(deps, who.tenant, query.run_id)
      const { tool, class: of, phase, approver } = query
      const filter = { ...spanOf(query, who.tenant), only: 'effect' as const }
      const found = await finderOf(deps).find({
        ...filter,
        ...given({ name: tool, class: of, approver }),
        ...(phase === undefined ? {} : { phase }),
      })
      const next = nextOf(found.rows, query.limit)
      return { effects: found.rows.flatMap(effectRow), next, complete: found.complete }
    },
  }
}

/** The index of this server. Throws CONFIG_INVALID where it has none. */
export function finderOf({ facts }: Pick<ApiDeps, 'facts'>): Pick<FactFinder, 'find' | 'costs'> {
  if (facts) return facts
  throw new SignalboxError(
    'CONFIG_INVALID',
    'this server was started without an index of what happened: give it `facts`',
  )
}

/** Throws RUN_NOT_FOUND for a run that this tenant does not have. */
export async function requireRun({ runs }: Pick<ApiDeps, 'runs'>, tenant: string, runId?: string): Promise<void> {
  if (runId !== undefined) await runs.get(tenant, runId)
}

interface Span {
  readonly since?: string | undefined
  readonly until?: string | undefined
  readonly run_id?: string | undefined
  readonly workflow?: string | undefined
  readonly before?: string | undefined
  readonly limit: number
}

/** The part of a filter that every list over runs has. Throws INPUT_INVALID for a page that there is not. */
export function spanOf(query: Span, tenant: string): FactFilter {
  const { since, until, run_id: runId, workflow, before, limit } = query
  return {
    ...{ tenant, limit },
    ...(since === undefined ? {} : { since: Date.parse(since) }),
    ...(until === undefined ? {} : { until: Date.parse(until) }),
    ...given({ runId, workflow }),
    ...(before === undefined ? {} : { before: cursorOf(before) }),
  }
}

/** Where the next page begins; null when this one was not full. */
export function nextOf(rows: readonly FactCursor[], limit: number): string | null {
  const last = rows.at(-1)
  return last && rows.length >= limit ? `${last.at}~${last.run_id}~${last.seq}` : null
}

function cursorOf(text: string): FactCursor {
  const [, at, runId, seq] = /^(\d{1,16})~(.+)~(\d{1,16})$/.exec(text) ?? []
  if (at !== undefined && runId !== undefined && seq !== undefined)
    return { at: Number(at), run_id: runId, seq: Number(seq) }
  throw new SignalboxError('INPUT_INVALID', '`before` must be `next` of the page before')
}

function recordTypeOf(text: string): (typeof RECORD_TYPES)[number] {
  const type = RECORD_TYPES.find((one) => one === text)
  if (type) return type
  throw new SignalboxError('INPUT_INVALID', `\`type\` is \`${text}\`: use one of ${RECORD_TYPES.join(', ')}`)
}

/** What is given of a set of values. */
export function given<T extends Readonly<Record<string, string | undefined>>>(
  values: T,
): { readonly [K in keyof T]?: string } {
  const there = Object.entries(values).filter(([, value]) => value !== undefined)
  // Exactly the entries that have a value.
  return Object.fromEntries(there) as { readonly [K in keyof T]?: string }
}

function eventRow({ run_id, seq, at, type, workflow, node, actor, principal, name, code }: FactRow): EventRow {
  return { run_id, seq, at: isoTime(at), type, workflow, node, actor, principal, name, code }
}

function effectRow(row: FactRow): EffectLogRow[] {
  const { run_id, seq, at, workflow, node, principal, name, code, effect } = row
  if (!effect) return []
  const { key: _key, ...rest } = effect
  return [{ run_id, seq, at: isoTime(at), workflow, node, principal, tool: name ?? '', code, ...rest }]
}
