import {
  ALERT_SERVICE,
  type AlertRow,
  alertChanged,
  alertTitle,
  chainAlertEvents,
  type Host,
  type KillSwitch,
  type Principal,
  type RunsApi,
  type Store,
  SWITCH_MODES,
} from 'signalbox'
import type { AlertSettings, AlertSwitchRule } from './settings.ts'

/** What throwing works with. */
export interface EngageOptions {
  readonly store: Pick<Store, 'alerts' | 'alertHead' | 'commitAlerts' | 'switchBook'>
  readonly host: Host
  readonly settings: AlertSettings
  readonly runs: Pick<RunsApi, 'engageKillSwitch'>
  readonly log: (line: string) => void
}

const MOST_UNRESOLVED = 5_000

/**
 * Throws the kill switches that rules want: at most one for each opening of an alert, under an id made from it, so that a
 * process which died between the two is followed by one that throws the same (Invariant 4). A rule stops only what it
 * names; while a switch at least as strict stands against that, no other is thrown, so that a storm of alerts cannot
 * stop more than the project declared.
 */
export class AlertSwitches {
  readonly #options: EngageOptions

  constructor(options: EngageOptions) {
    this.#options = options
  }

  /** Throws what is wanted, and puts on record that it is. */
  async carryOut(epoch: number): Promise<void> {
    const { store, settings } = this.#options
    if (settings.onAlert.length === 0) return
    const rows = await store.alerts({ states: ['open', 'acknowledged', 'silenced'], limit: MOST_UNRESOLVED })
    for (const row of rows) if (row.engaged?.state === 'wanted') await this.#one(epoch, row, row.engaged)
  }

  async #one(epoch: number, row: AlertRow, wanted: NonNullable<AlertRow['engaged']>): Promise<void> {
    const { store, host, settings, runs, log } = this.#options
    const rule = settings.onAlert.find(({ name }) => name === wanted.rule)
    const held = rule ? await this.#heldBack(row, rule, wanted.switch_id) : 'the project declares no such rule any more'
    const now = host.now()
    if (rule && held === null) {
      const { scope, target, mode, expiresInMinutes } = rule.engage
      const reason = `alert ${row.id} (${row.kind}), rule ${rule.name}: ${alertTitle(row)}`
      const expiresAt = now + expiresInMinutes * 60_000
      await runs.engageKillSwitch({
        id: wanted.switch_id,
        by: actor(row.tenant),
        scope,
        target,
        mode,
        reason,
        expiresAt,
      })
      log(`alerts: rule ${rule.name} threw ${wanted.switch_id}: ${mode} for ${scope} ${target}`)
    }
    const state = held === null ? 'thrown' : 'held_back'
    const next: AlertRow = { ...row, engaged: { ...wanted, state }, revision: row.revision + 1 }
    const { events } = alertChanged(next, {
      kind: held === null ? 'switch_thrown' : 'switch_held_back',
      by: ALERT_SERVICE,
      reason: held ?? `by rule ${wanted.rule}`,
      now,
      switchId: wanted.switch_id,
    })
    const heads = new Map([[row.tenant, await store.alertHead(row.tenant)]])
    // Refused when somebody was first: the next look finds it wanted still, and throws nothing twice.
    await store.commitAlerts({
      lease: { name: 'alerts', epoch },
      progress: null,
      rows: [next],
      events: chainAlertEvents(events, heads),
      notices: [],
    })
  }

  async #heldBack({ tenant }: AlertRow, { engage }: AlertSwitchRule, id: string): Promise<string | null> {
    const { store, host } = this.#options
    const { switches } = await store.switchBook()
    const standing = switches.find((each) => each.id !== id && covers(each, engage, tenant, host.now()))
    return standing ? `switch ${standing.id} stands against the same already` : null
  }
}

function covers(row: KillSwitch, wanted: AlertSwitchRule['engage'], tenant: string, now: number): boolean {
  return (
    row.tenant === tenant &&
    row.scope === wanted.scope &&
    row.target === wanted.target &&
    (row.expiresAt === null || row.expiresAt > now) &&
    SWITCH_MODES.indexOf(row.mode) >= SWITCH_MODES.indexOf(wanted.mode)
  )
}

function actor(tenant: string): Principal {
  return { id: ALERT_SERVICE, kind: 'service', tenant, roles: [] }
}
