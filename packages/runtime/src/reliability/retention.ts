/** Which histories may be pruned, and by which rule: pure, from rows and counts. */
import { z } from 'zod'
import { SignalboxError } from '../base/errors.ts'
import { sha256Hex } from '../base/hash.ts'
import { canonicalJson } from '../base/json.ts'
import { timeOf } from '../base/time.ts'
import type { HistoryPruned, Kept } from '../contracts/pruning.ts'
import type { RunStatus } from '../contracts/records.ts'
import type { RunRow } from '../contracts/store.ts'
import { isEnded } from './run-machine.ts'

const DAY_MS = 86_400_000
const ENDS = ['completed', 'stopped', 'cancelled', 'terminated'] as const

const SELECTOR = {
  /** Name of a workflow; without it all. */
  workflow: z.string().min(1).optional(),
  /** Ends that it is about; without them all. */
  status: z.array(z.enum(ENDS)).min(1).optional(),
}

const PRUNE_RULE = z.strictObject({
  ...SELECTOR,
  /** Whole days since the run ended. */
  olderThanDays: z.int().min(1).max(36_500),
  keep: z.enum(['metadata', 'nothing']),
  legalHold: z.literal(false).optional(),
})

const HOLD_RULE = z.strictObject({
  ...SELECTOR,
  /** Single runs; without them all that the rule selects. */
  runs: z.array(z.string().min(1)).min(1).optional(),
  legalHold: z.literal(true),
})

/**
 * A rule of retention: after `olderThanDays` days since its end a run's history keeps `metadata` or `nothing`. A rule with
 * `legalHold` keeps everything of what it selects, whatever other rules say.
 */
export type RetentionRule = z.input<typeof PRUNE_RULE> | z.input<typeof HOLD_RULE>

/** A policy of retention as it is put on record. */
export interface RetentionPolicy {
  readonly rules: readonly RetentionRule[]
  /** Canonical JSON of the rules. */
  readonly text: string
  /** SHA-256 over the text, in hex. */
  readonly digest: string
}

/** Name under which a policy's text is kept among the store's definitions. */
export function retentionDefinition(digest: string): string {
  return `retention:${digest}`
}

/** Reads a policy of retention. Throws CONFIG_INVALID with every fault of every rule. */
export function readRetention(value: unknown): RetentionPolicy {
  if (!Array.isArray(value)) throw new SignalboxError('CONFIG_INVALID', '`retention` must be a list of rules')
  const faults: string[] = []
  const rules = value.flatMap((each: unknown, index): RetentionRule[] => {
    const hold = typeof each === 'object' && each !== null && 'legalHold' in each && each.legalHold === true
    const read = hold ? HOLD_RULE.safeParse(each) : PRUNE_RULE.safeParse(each)
    if (read.success) return [read.data]
    for (const { path, message } of read.error.issues)
      faults.push(`\`${['retention', index, ...path].join('.')}\`: ${message}`)
    return []
  })
  if (faults.length > 0)
    throw new SignalboxError('CONFIG_INVALID', `the rules of retention are not usable: ${faults.join('; ')}`, {
      details: { faults },
    })
  const text = canonicalJson(rules)
  return { rules, text, digest: sha256Hex(text) }
}

/** The rule that asks for a run's history to be pruned now. */
export interface DueRule {
  readonly index: number
  readonly keep: Kept
}

function selects(rule: RetentionRule, row: Pick<RunRow, 'workflow' | 'status' | 'runId'>): boolean {
  // Narrowed by the list of ends: a run that has not ended is in none.
  const ends: readonly RunStatus[] | undefined = rule.status
  if ('runs' in rule && rule.runs && !rule.runs.includes(row.runId)) return false
  return (rule.workflow === undefined || rule.workflow === row.workflow) && (!ends || ends.includes(row.status))
}

/**
 * The strongest rule that is due for a run, null when none is, or it has done its work already; `legal_hold` when one
 * would be but for a hold. A run counts from the last change of its row.
 */
export function dueRule(policy: RetentionPolicy, row: RunRow, nowMs: number): DueRule | 'legal_hold' | null {
  if (!isEnded(row.status) || row.kept === 'nothing') return null
  let due: DueRule | null = null
  let held = false
  for (const [index, rule] of policy.rules.entries()) {
    if (!selects(rule, row)) continue
    if (rule.legalHold === true) held = true
    else if (nowMs - row.updatedAt >= rule.olderThanDays * DAY_MS && stronger(rule.keep, due?.keep ?? row.kept))
      due = { index, keep: rule.keep }
  }
  return due && held ? 'legal_hold' : due
}

function stronger(keep: Kept, than: Kept | undefined): boolean {
  return than === undefined || (keep === 'nothing' && than === 'metadata')
}

/** Why a run whose rule is due keeps its history for now. */
export type KeepReason =
  /** A rule of legal hold selects it. */
  | 'legal_hold'
  /** What became of one of its effects is not known. */
  | 'open_effect'
  /** A person has not answered yet. */
  | 'open_question'
  /** Somebody told it something that it has not read, such as a restore. */
  | 'unread'
  /** A fork of it holds contents that lie with it. */
  | 'fork_needs_it'
  /** A worker or another command has it. */
  | 'in_use'

/** What stands against pruning a run, from what is open. */
export function keepReason(facts: {
  readonly openEffects: number
  readonly openRequests: number
  readonly unread: number
  readonly needingForks: number
}): KeepReason | null {
  if (facts.openEffects > 0) return 'open_effect'
  if (facts.openRequests > 0) return 'open_question'
  if (facts.unread > 0) return 'unread'
  return facts.needingForks > 0 ? 'fork_needs_it' : null
}

/**
 * What is wrong with a marker of retention beside the policy that it names, or null when that policy asked for exactly
 * this. `text` is the policy on record, or null when there is none.
 */
export function unexplainedPruning(
  marker: HistoryPruned,
  row: Pick<RunRow, 'workflow' | 'status' | 'runId'>,
  text: string | null,
): string | null {
  if (text === null) return 'the policy that it names is not on record'
  if (sha256Hex(text) !== marker.rule.policy) return 'the policy on record is not the one that it names'
  const rule = ruleAt(text, marker.rule.index)
  if (!rule || rule.legalHold === true) return 'the rule that it names prunes nothing'
  if (rule.keep !== marker.keep) return 'the rule that it names keeps something else'
  if (!selects(rule, row)) return 'the rule that it names is not about this run'
  const early = timeOf(marker.at) - timeOf(marker.ended_at) < rule.olderThanDays * DAY_MS
  return early ? 'the rule that it names was not due yet' : null
}

function ruleAt(text: string, index: number): RetentionRule | undefined {
  try {
    return readRetention(JSON.parse(text)).rules[index]
  } catch {
    return undefined
  }
}
