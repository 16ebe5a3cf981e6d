import type {
  AlertCommit,
  AlertCommitResult,
  AlertFilter,
  AlertProgressRow,
  AlertRow,
  AlertStore,
  StoredAlertEvent,
} from '../contracts/alerts.ts'
import { alertsFollow } from './alert-rules.ts'
import { MemoryMandates } from './memory-mandates.ts'

/** Alerts of the store in memory. */
export abstract class MemoryAlerts extends MemoryMandates implements AlertStore {
  readonly #alerts = new Map<string, AlertRow>()
  readonly #alertEvents: StoredAlertEvent[] = []
  #alertProgress: AlertProgressRow | null = null

  async alerts(filter: AlertFilter): Promise<readonly AlertRow[]> {
    this.check()
    return [...this.#alerts.values()]
      .filter((row) => isIn(row, filter))
      .sort(newestFirst)
      .slice(0, filter.limit)
  }

  async alert(tenant: string, id: string): Promise<AlertRow | null> {
    this.check()
    return this.#alerts.get(placeOf({ tenant, id })) ?? null
  }

  async alertEvents(
    tenant: string,
    filter: Parameters<AlertStore['alertEvents']>[1] = {},
  ): Promise<readonly StoredAlertEvent[]> {
    this.check()
    return this.#alertEvents
      .filter((each) => each.tenant === tenant && (filter.alertId === undefined || each.alertId === filter.alertId))
      .slice(0, filter.limit)
  }

  async alertHead(tenant: string): Promise<StoredAlertEvent | null> {
    this.check()
    return this.#alertEvents.findLast((each) => each.tenant === tenant) ?? null
  }

  async alertProgress(): Promise<AlertProgressRow | null> {
    this.check()
    return this.#alertProgress
  }

  async commitAlerts(commit: AlertCommit): Promise<AlertCommitResult> {
    this.check()
    const { lease, progress, rows, events, notices } = commit
    if (lease && (await this.lease(lease.name)).epoch !== lease.epoch) return 'fenced'
    const follows = alertsFollow(commit, {
      revision: (row) => this.#alerts.get(placeOf(row))?.revision ?? null,
      head: (tenant) => this.#alertEvents.findLast((each) => each.tenant === tenant) ?? null,
    })
    if (!follows) return 'changed'
    if (progress) this.#alertProgress = { ...progress }
    for (const row of rows) this.#alerts.set(placeOf(row), { ...row })
    this.#alertEvents.push(...events)
    this.addNotices(notices)
    return 'committed'
  }
}

function placeOf({ tenant, id }: Pick<AlertRow, 'tenant' | 'id'>): string {
  return JSON.stringify([tenant, id])
}

function isIn(row: AlertRow, filter: AlertFilter): boolean {
  const { tenant, states, kind, severity, workflow, before } = filter
  return (
    (tenant === undefined || row.tenant === tenant) &&
    (states === undefined || states.includes(row.state)) &&
    (kind === undefined || row.kind === kind) &&
    (severity === undefined || row.severity === severity) &&
    (workflow === undefined || row.workflow === workflow) &&
    (before === undefined || newestFirst(before, row) < 0)
  )
}

type Placed = Pick<AlertRow, 'openedAt' | 'id'>

function newestFirst(a: Placed, b: Placed): number {
  return b.openedAt - a.openedAt || (a.id < b.id ? 1 : a.id > b.id ? -1 : 0)
}
