import {
  type FiringRow,
  type LeaseRow,
  OPEN_FIRINGS,
  type ScheduleCommit,
  type ScheduleCommitResult,
  type ScheduleRow,
  type ScheduleStore,
} from '../contracts/schedule.ts'
import { MemoryPolicy } from './memory-policy.ts'
import { checkLease, checkScheduleCommit, freeLease } from './rules.ts'

interface MemorySchedule {
  row: ScheduleRow
  readonly firings: Map<string, FiringRow>
}

function newestFirst(a: FiringRow, b: FiringRow): number {
  return b.dueAt - a.dueAt || (a.id < b.id ? 1 : a.id > b.id ? -1 : 0)
}

/** Leases, schedules and firings of the store in memory. */
export abstract class MemorySchedules extends MemoryPolicy implements ScheduleStore {
  readonly #leases = new Map<string, LeaseRow>()
  readonly #schedules = new Map<string, MemorySchedule>()

  async lease(name: string): Promise<LeaseRow> {
    this.check()
    return this.#leases.get(name) ?? freeLease(name)
  }

  async setLease(row: LeaseRow, expect: { readonly epoch: number; readonly beat: number }): Promise<boolean> {
    this.check()
    checkLease(row, expect)
    const now = this.#leases.get(row.name) ?? freeLease(row.name)
    if (now.epoch !== expect.epoch || now.beat !== expect.beat) return false
    this.#leases.set(row.name, { ...row })
    return true
  }

  async schedules(tenant: string): Promise<readonly ScheduleRow[]> {
    this.check()
    return [...this.#schedules.values()]
      .map((each) => each.row)
      .filter((row) => row.tenant === tenant)
      .sort((a, b) => (a.name < b.name ? -1 : 1))
  }

  async firings(filter: Parameters<ScheduleStore['firings']>[0]): Promise<readonly FiringRow[]> {
    this.check()
    const found = [...(this.#find(filter.tenant, filter.schedule)?.firings.values() ?? [])]
    return found
      .filter((each) => filter.open !== true || OPEN_FIRINGS.includes(each.state))
      .sort(newestFirst)
      .slice(0, filter.limit)
  }

  async commitSchedule(commit: ScheduleCommit): Promise<ScheduleCommitResult> {
    this.check()
    const { row, lease, expectRevision } = commit
    const known = this.#find(row.tenant, row.name)
    if (lease && this.#leases.get(lease.name)?.epoch !== lease.epoch) return 'fenced'
    if ((known?.row.revision ?? 0) !== expectRevision) return 'changed'
    checkScheduleCommit(commit, known?.row ?? null)
    const schedule = known ?? { row, firings: new Map<string, FiringRow>() }
    schedule.row = { ...row }
    this.#schedules.set(JSON.stringify([row.tenant, row.name]), schedule)
    for (const firing of commit.firings) schedule.firings.set(firing.id, { ...firing })
    if (commit.keep !== null) forget(schedule.firings, commit.keep)
    return 'committed'
  }

  #find(tenant: string, name: string): MemorySchedule | undefined {
    return this.#schedules.get(JSON.stringify([tenant, name]))
  }
}

function forget(firings: Map<string, FiringRow>, keep: number): void {
  const closed = [...firings.values()].filter((each) => !OPEN_FIRINGS.includes(each.state)).sort(newestFirst)
  for (const { id } of closed.slice(keep)) firings.delete(id)
}
