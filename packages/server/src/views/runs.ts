import type { BudgetBar, RestorePointView, RunSummary } from '@signalbox/protocol'
import {
  type BudgetLimits,
  ERROR_TABLE,
  isErrorCode,
  type PersonRequestRow,
  parseNano,
  type RestorePoint,
  type RunRow,
} from 'signalbox'

/** Milliseconds since 1970 as ISO 8601. */
export function isoOf(ms: number): string {
  // A date from a stored number is not the present time.
  return new Date(ms).toISOString()
}

/** Milliseconds since 1970 as ISO 8601, or null. */
export function isoOrNull(ms: number | null): string | null {
  return ms === null ? null : isoOf(ms)
}

/** A run's row as the API shows it. */
export function runSummary(row: RunRow): RunSummary {
  return {
    run_id: row.runId,
    workflow: row.workflow,
    version: row.version,
    status: row.status,
    code: row.code,
    principal: row.principal,
    request_id: row.requestId,
    superstep: row.superstep,
    branch: row.branch,
    seq: row.seq,
    cost_nano_usd: row.costNanoUsd,
    created_at: isoOf(row.createdAt),
    updated_at: isoOf(row.updatedAt),
    wake_at: isoOrNull(row.wakeAt),
    worker: row.leaseOwner,
  }
}

/** Cursor that continues a list after this row. */
export function cursorOf(row: RunRow): string {
  return `${row.createdAt}.${row.runId}`
}

/** Reads a cursor; null when it is not one. */
export function parseCursor(text: string): { createdAt: number; runId: string } | null {
  const match = /^(\d{1,16})\.(.+)$/.exec(text)
  return match?.[1] && match[2] ? { createdAt: Number(match[1]), runId: match[2] } : null
}

/** A restore point as the API shows it. */
export function restorePointView(point: RestorePoint): RestorePointView {
  const { seq, kind, at, superstep, node, position, current } = point
  return {
    seq,
    kind,
    at,
    superstep,
    node,
    position,
    current,
    later_effects: point.laterEffects.map((each) => ({ ...each })),
  }
}

/** Amounts spent and held that the bars show. Runtime is in milliseconds of active time. */
export interface BudgetUse {
  readonly turns: readonly [spent: number, held: number]
  readonly toolCalls: readonly [spent: number, held: number]
  readonly tokens: readonly [spent: number, held: number]
  readonly activeMs: number
  readonly costNanoUsd: readonly [spent: string, held: string]
}

/** Budget bars in the order of the limits. */
export function budgetBars(limits: BudgetLimits, use: BudgetUse): BudgetBar[] {
  return [
    bar('turns', 'count', BigInt(limits.max_turns), use.turns.map(BigInt)),
    bar('tool_calls', 'count', BigInt(limits.max_tool_calls), use.toolCalls.map(BigInt)),
    bar('runtime', 'milliseconds', BigInt(Math.round(limits.max_runtime_seconds * 1000)), [
      BigInt(Math.round(use.activeMs)),
    ]),
    bar('tokens', 'count', BigInt(limits.max_tokens), use.tokens.map(BigInt)),
    bar('cost', 'nano_usd', parseNano(limits.max_cost_nano_usd), use.costNanoUsd.map(parseNano)),
  ]
}

function bar(
  name: BudgetBar['name'],
  unit: BudgetBar['unit'],
  limit: bigint,
  [spent = 0n, held = 0n]: readonly bigint[],
): BudgetBar {
  // Per ten thousand in integers, so that large amounts lose nothing before they are divided.
  const fraction = limit === 0n ? (spent + held > 0n ? 1 : 0) : Number(((spent + held) * 10_000n) / limit) / 10_000
  return { name, unit, limit: limit.toString(), spent: spent.toString(), held: held.toString(), fraction }
}

/** One plain sentence on the state of a run: what it does or waits for, or why it ended. `open` are its open requests. */
export function whyOf(row: RunRow, open: readonly PersonRequestRow[]): string {
  switch (row.status) {
    case 'queued':
      return 'Waits for a worker to take it up.'
    case 'running':
      return `${row.leaseOwner === null ? 'Runs' : `Worker ${row.leaseOwner} runs`} superstep ${row.superstep}.`
    case 'waiting':
      return waitingFor(row, open)
    case 'parked':
      if (row.code === 'RUN_QUARANTINED')
        return 'Quarantined: it was claimed again and again and never got anywhere. An operator can find the cause and release it.'
      return `Stands still: ${titleOf(row.code)}. A person can let it go on with a resume, or restore it to an earlier point.`
    case 'stopping':
      return `Stops (${titleOf(row.code)}), but an effect is still open: ${waitingFor(row, open)}`
    case 'completed':
      return 'Completed: it reached its output.'
    case 'stopped':
      return `Stopped before its output: ${titleOf(row.code)}.`
    case 'cancelled':
      return 'Cancelled by a person.'
    case 'terminated':
      return 'Terminated by a person.'
  }
}

function waitingFor(row: RunRow, open: readonly PersonRequestRow[]): string {
  const [first] = open
  const more = open.length > 1 ? ` (and ${open.length - 1} more)` : ''
  if (first?.kind === 'approval') return `Waits for a person to approve \`${first.tool}\`${more}.`
  if (first?.kind === 'question') return `Waits for a person to tell whether \`${first.tool}\` happened${more}.`
  if (first) return `Waits for an answer to a request of \`${first.tool}\`${more}.`
  return row.wakeAt === null ? 'Waits.' : `Goes on by itself at ${isoOf(row.wakeAt)}.`
}

function titleOf(code: string | null): string {
  if (code === null) return 'no reason is on record'
  return isErrorCode(code) ? `${code}, ${ERROR_TABLE[code].title.toLowerCase()}` : code
}
