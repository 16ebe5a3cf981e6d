import { SignalboxError } from '../../base/errors.ts'
import { sha256Hex } from '../../base/hash.ts'
import { parseJson } from '../../base/json.ts'
import { isoTime } from '../../base/time.ts'
import { killSwitchNotice } from '../../contracts/notices.ts'
import type {
  KillSwitch,
  StoredSwitchEvent,
  SwitchEvent,
  SwitchEventKind,
  SwitchOverride,
} from '../../contracts/switches.ts'
import type { Env } from '../env.ts'

/** What is to be recorded, with the rows that it changes. */
export interface SwitchDraft {
  readonly kind: SwitchEventKind
  /** The switch that it is about; stored where the event changes it. */
  readonly row: KillSwitch
  readonly changesRow?: boolean
  readonly override?: SwitchOverride
  readonly by: string
  readonly reason: string
}

/** Hash before the first event. */
const START = '0'.repeat(64)
const MOST_TRIES = 20

/**
 * Appends to the history of a tenant's switches. What is to be done is asked anew each time somebody else was first, so
 * that of two who do the same one finds it done. Null: nothing was to be done. Throws CONFLICT when others are always first.
 */
export async function recordSwitch(
  env: Pick<Env, 'store' | 'host'>,
  tenant: string,
  draft: (events: readonly SwitchEvent[]) => SwitchDraft | null | Promise<SwitchDraft | null>,
): Promise<{ readonly draft: SwitchDraft; readonly position: number } | null> {
  for (let tries = 0; tries < MOST_TRIES; tries++) {
    const stored = await env.store.switchEvents(tenant)
    const wanted = await draft(stored.map(eventOf))
    if (wanted === null) return null
    const last = stored.at(-1)
    const event = eventFor(env, tenant, wanted, { seq: (last?.seq ?? 0) + 1, prev: last?.hash ?? START })
    const body = JSON.stringify(event)
    const position = await env.store.commitSwitch({
      event: { tenant, seq: event.seq, body, hash: sha256Hex(body) },
      ...(wanted.changesRow ? { row: wanted.row, notices: [killSwitchNotice(wanted.row)] } : {}),
      ...(wanted.override ? { override: wanted.override } : {}),
    })
    if (position !== null) return { draft: wanted, position }
  }
  throw new SignalboxError('CONFLICT', 'others change the kill switches at this moment; try again')
}

function eventFor(
  env: Pick<Env, 'host'>,
  tenant: string,
  { kind, row, override, by, reason }: SwitchDraft,
  place: Pick<SwitchEvent, 'seq' | 'prev'>,
): SwitchEvent {
  return {
    v: 1,
    tenant,
    ...place,
    at: isoTime(env.host.now()),
    kind,
    switch_id: row.id,
    override_id: override?.id ?? null,
    by,
    reason,
    scope: row.scope,
    target: row.target,
    mode: row.mode,
    expires_at: row.expiresAt === null ? null : isoTime(row.expiresAt),
    channel: row.channel ?? 'api',
  }
}

/** The event behind its stored text. */
export function eventOf({ body, tenant, seq }: StoredSwitchEvent): SwitchEvent {
  // Only this file writes these texts, of exactly this type.
  return parseJson(body, `event ${seq} of the switches of tenant \`${tenant}\``) as unknown as SwitchEvent
}

/** What is wrong with a history of switches, or with the rows beside it: sentences, none when all is well. */
export function switchFindings(stored: readonly StoredSwitchEvent[], rows: readonly KillSwitch[]): readonly string[] {
  const findings: string[] = []
  let prev = START
  let seq = 0
  const lifted = new Map<string, boolean>()
  for (const each of stored) {
    seq += 1
    if (each.seq !== seq) findings.push(`event ${seq} is missing`)
    seq = each.seq
    if (sha256Hex(each.body) !== each.hash) findings.push(`event ${seq} is not as it was stored`)
    const event = eventOf(each)
    if (event.prev !== prev) findings.push(`event ${seq} does not follow the one before it`)
    prev = each.hash
    if (event.kind === 'thrown') lifted.set(event.switch_id, false)
    if (event.kind === 'lifted') lifted.set(event.switch_id, true)
  }
  for (const row of rows) {
    const told = lifted.get(row.id)
    const isLifted = row.liftedAt !== null
    // Switches of before histories were kept have none: only what the history tells can be held against them.
    if (told !== undefined && told !== isLifted)
      findings.push(`switch ${row.id} is ${isLifted ? 'lifted' : 'engaged'}, and its history says otherwise`)
  }
  for (const id of lifted.keys())
    if (!rows.some((row) => row.id === id)) findings.push(`switch ${id} is in the history and not in the store`)
  return findings
}
