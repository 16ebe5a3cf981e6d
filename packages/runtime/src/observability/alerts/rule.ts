import type { AlertRef, AlertSeverity, AlertValue } from '../../contracts/alerts.ts'
import type { AlertFacts, AlertFinding } from './facts.ts'

/** The limits in force for a tenant and workflow; null where the kind is switched off for them. */
export type LimitsFor<L> = (tenant: string, workflow: string | null) => L | null

/** One kind of alert: what is looked at, when it is found, and what then. */
export interface AlertRule {
  /** What is looked at, for people. */
  readonly about: string
  readonly severity: AlertSeverity
  /** Path of the page that says what to do. */
  readonly runbook: string
  /** Names of the labels of its alerts. */
  readonly labels: readonly string[]
  /** Defaults of its limits, units in the names. */
  readonly limits: Readonly<Record<string, number>>
  /** Resolved by itself once the condition was gone for so long; `person`: somebody must have looked. */
  readonly resolves: { readonly afterSeconds: number } | 'person'
  /** What holds now. Pure. */
  readonly look: (facts: AlertFacts, limits: LimitsFor<Readonly<Record<string, number>>>) => readonly AlertFinding[]
  /** What is wrong, in a sentence of ours. */
  readonly title: (finding: Pick<AlertFinding, 'values' | 'labels' | 'workflow'>) => string
}

/** A rule whose limits have the names of its defaults. */
export function rule<const L extends Readonly<Record<string, number>>>(
  def: Omit<AlertRule, 'look' | 'limits'> & {
    readonly limits: L
    readonly look: (
      facts: AlertFacts,
      limits: LimitsFor<{ readonly [K in keyof L]: number }>,
    ) => readonly AlertFinding[]
  },
): AlertRule {
  // Limits that are handed in are its defaults with other numbers in the place of some: the names are the same.
  return def as unknown as AlertRule
}

/** What a finding is made of; what is absent is empty. */
export interface Found {
  readonly tenant: string
  readonly key: string
  readonly workflow?: string | null
  readonly labels?: Readonly<Record<string, string>>
  readonly values: Readonly<Record<string, AlertValue>>
  readonly windowSeconds?: number
  readonly refs?: readonly AlertRef[]
  readonly limits: Readonly<Record<string, number>>
}

/** A finding with what is absent filled in. */
export function found({ workflow = null, labels = {}, windowSeconds, refs = [], ...rest }: Found): AlertFinding {
  return { ...rest, workflow, labels, refs, windowSeconds: windowSeconds ?? null }
}

/** Things of one tenant and workflow together. */
export function byWorkflow<T extends { readonly tenant: string; readonly workflow: string }>(
  all: readonly T[],
): readonly { readonly tenant: string; readonly workflow: string; readonly all: readonly T[] }[] {
  const groups = Map.groupBy(all, ({ tenant, workflow }) => JSON.stringify([tenant, workflow]))
  return [...groups.values()].flatMap((group) => {
    const [first] = group
    return first ? [{ tenant: first.tenant, workflow: first.workflow, all: group }] : []
  })
}

/** The records behind some things. */
export function refsOf(all: readonly AlertRef[]): readonly AlertRef[] {
  return all.map(({ run, seq }) => ({ run, seq }))
}

/** Whole seconds between two times in milliseconds. */
export function secondsBetween(from: number, to: number): number {
  return Math.max(0, Math.floor((to - from) / 1_000))
}
