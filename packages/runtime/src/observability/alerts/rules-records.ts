/** Kinds of alert that are found in what the records tell. */
import type { AlertIncident, AlertFacts, AlertFinding } from './facts.ts'
import { DENIAL_WINDOW_MS, viewOf } from './denials.ts'
import { byWorkflow, found, type LimitsFor, refsOf, rule, secondsBetween } from './rule.ts'

/** An effect whose outcome nobody knows (Invariant 5). */
export const unknownEffects = rule({
  about: 'effects whose outcome has been unknown for longer than their look-up takes',
  severity: 'page',
  runbook: 'docs/runbooks/unknown-effects.md',
  labels: ['workflow', 'tool'],
  limits: { olderThanSeconds: 300 },
  resolves: { afterSeconds: 60 },
  look: (facts, limits) => {
    const all = Object.values(facts.progress.unknown).map((each) => ({
      ...each,
      place: `${each.workflow}/${each.tool}`,
    }))
    const groups = Map.groupBy(all, ({ tenant, place }) => JSON.stringify([tenant, place]))
    return [...groups.values()].flatMap((group) => {
      const [first] = group.toSorted((a, b) => a.at - b.at)
      const own = first && limits(first.tenant, first.workflow)
      if (!first || !own) return []
      const old = group.filter(({ at }) => secondsBetween(at, facts.now) >= own.olderThanSeconds)
      if (old.length === 0) return []
      const { tenant, workflow, tool, place } = first
      const values = { unknown: old.length, oldest_seconds: secondsBetween(first.at, facts.now) }
      return [found({ tenant, key: place, workflow, labels: { tool }, values, refs: refsOf(old), limits: own })]
    })
  },
  title: ({ values, labels, workflow }) =>
    `outcome of ${values.unknown} effects of ${labels.tool} in ${workflow} is unknown`,
})

/** Denials rose against what is usual for the workflow. */
export const denialSpike = rule({
  about: 'denials of the last hour against what is usual for the workflow, and denials within one run',
  severity: 'page',
  runbook: 'docs/runbooks/compromised-tool.md',
  labels: ['workflow'],
  limits: { atLeast: 5, chanceBelow: 0.00001, risePoints: 10, inOneRun: 12 },
  resolves: { afterSeconds: 1_800 },
  look: ({ progress }, limits) =>
    Object.values(progress.denials).flatMap((stream) => {
      const { tenant, workflow } = stream
      const own = limits(tenant, workflow)
      if (!own) return []
      const view = viewOf(stream)
      const rose =
        view.denied >= own.atLeast &&
        view.chance <= own.chanceBelow &&
        view.percent - view.usualPercent >= own.risePoints
      if (!rose && (view.worst?.denied ?? 0) < own.inOneRun) return []
      const values = {
        denied: view.denied,
        asks: view.asks,
        percent: round(view.percent),
        usual_percent: round(view.usualPercent),
        chance: Number(view.chance.toPrecision(3)),
        most_in_one_run: view.worst?.denied ?? 0,
      }
      const refs = Object.entries(stream.runs)
        .sort(([, a], [, b]) => a.at - b.at)
        .map(([run, { seq }]) => ({ run, seq }))
      return [
        found({ tenant, key: workflow, workflow, values, windowSeconds: DENIAL_WINDOW_MS / 1_000, refs, limits: own }),
      ]
    }),
  title: ({ values, workflow }) =>
    `${values.denied} of ${values.asks} calls of ${workflow} were denied within an hour, usually ${values.usual_percent} %`,
})

function round(percent: number): number {
  return Math.round(percent * 10) / 10
}

/** A limit was passed, or ended a run. */
export const budgetViolation = rule({
  about: 'runs that a budget ended, and calls that cost more than was reserved for them',
  severity: 'ticket',
  runbook: 'docs/runbooks/cost-runaway.md',
  labels: ['workflow'],
  limits: { atLeast: 1, withinSeconds: 3_600 },
  resolves: { afterSeconds: 3_600 },
  look: (facts, limits) => marksOf('budget.violation', facts, limits),
  title: ({ values, workflow }) => `${values.count} runs of ${workflow} met a limit, the last one ${values.last}`,
})

/** Limits were nearly used up. */
export const budgetNearMiss = rule({
  about: 'runs that used nine tenths of a limit or more',
  severity: 'info',
  runbook: 'docs/runbooks/cost-runaway.md',
  labels: ['workflow'],
  limits: { atLeast: 3, withinSeconds: 86_400 },
  resolves: { afterSeconds: 3_600 },
  look: (facts, limits) => marksOf('budget.near_miss', facts, limits),
  title: ({ values, workflow }) =>
    `${values.count} runs of ${workflow} came close to a limit, the last one ${values.last}`,
})

function marksOf(
  kind: 'budget.violation' | 'budget.near_miss',
  { now, progress }: AlertFacts,
  limits: LimitsFor<{ readonly atLeast: number; readonly withinSeconds: number }>,
): readonly AlertFinding[] {
  return byWorkflow(progress.marks.filter((each) => each.kind === kind)).flatMap(({ tenant, workflow, all }) => {
    const own = limits(tenant, workflow)
    if (!own) return []
    const recent = all.filter(({ at }) => secondsBetween(at, now) < own.withinSeconds)
    const last = recent.at(-1)
    if (!last || recent.length < own.atLeast) return []
    const values = { count: recent.length, last: last.what }
    const windowSeconds = own.withinSeconds
    return [found({ tenant, key: workflow, workflow, values, windowSeconds, refs: refsOf(recent), limits: own })]
  })
}

/** A run was set aside because it never got anywhere. */
export const quarantined = rule({
  about: 'runs that were claimed again and again and set aside',
  severity: 'page',
  runbook: 'docs/runbooks/quarantined-run.md',
  labels: ['workflow'],
  limits: { atLeast: 1 },
  resolves: { afterSeconds: 60 },
  look: (facts, limits) => parkedOf(facts, limits, (code) => code === 'RUN_QUARANTINED'),
  title: ({ values, workflow }) => `${values.runs} runs of ${workflow} are quarantined`,
})

/** Many runs stand still. */
export const parkedRuns = rule({
  about: 'runs that stand still until a person acts, of one workflow',
  severity: 'ticket',
  runbook: 'docs/runbooks/stuck-run.md',
  labels: ['workflow'],
  limits: { atLeast: 5 },
  resolves: { afterSeconds: 300 },
  look: (facts, limits) => parkedOf(facts, limits, () => true),
  title: ({ values, workflow }) => `${values.runs} runs of ${workflow} stand still, most often ${values.code}`,
})

function parkedOf(
  { progress, now }: AlertFacts,
  limits: LimitsFor<{ readonly atLeast: number }>,
  which: (code: string) => boolean,
): readonly AlertFinding[] {
  return byWorkflow(Object.values(progress.parked).filter(({ code }) => which(code))).flatMap((group) => {
    const { tenant, workflow, all } = group
    const own = limits(tenant, workflow)
    if (!own || all.length < own.atLeast) return []
    const oldest = Math.min(...all.map(({ at }) => at))
    const counted = [...Map.groupBy(all, ({ code }) => code)].sort(([, a], [, b]) => b.length - a.length)
    const values = { runs: all.length, code: counted[0]?.[0] ?? '', oldest_seconds: secondsBetween(oldest, now) }
    return [found({ tenant, key: workflow, workflow, values, refs: refsOf(all), limits: own })]
  })
}

/** A provider's models fail and nothing of it has succeeded since. */
export const providerDown = rule({
  about: 'models whose calls have failed by trouble of their provider, or an open circuit, without one success',
  severity: 'ticket',
  runbook: 'docs/runbooks/stuck-run.md',
  labels: ['model', 'trouble'],
  limits: { forSeconds: 300, failures: 5 },
  resolves: { afterSeconds: 120 },
  look: ({ progress, now }, limits) =>
    Object.values(progress.failing).flatMap(({ tenant, model, trouble, since, failures, newest }) => {
      const own = limits(tenant, null)
      const seconds = secondsBetween(since, now)
      if (!own || failures < own.failures || seconds < own.forSeconds) return []
      const values = { failures, seconds }
      return [found({ tenant, key: model, labels: { model, trouble }, values, refs: [newest], limits: own })]
    }),
  title: ({ values, labels }) => `model ${labels.model} has not answered for ${values.seconds} s (${labels.trouble})`,
})

/** A history that does not tell where an effect came from (Invariant 15). */
export const lineageGap = rule({
  about: 'histories of ended runs that do not tell where an effect came from, and what the check of all runs found',
  severity: 'page',
  runbook: 'docs/runbooks/audit-gap.md',
  labels: ['workflow'],
  limits: { atLeast: 1 },
  resolves: 'person',
  look: (facts, limits) => {
    const standing = facts.gauges.lineage.map(({ tenant, run, workflow, gaps }): AlertIncident => {
      const what = [...new Set(gaps.map(({ kind }) => kind))].join(', ')
      const refs = gaps.map(({ seq }) => ({ run, seq }))
      return { kind: 'lineage.gap', tenant, workflow, refs, values: { what, findings: gaps.length } }
    })
    return incidentsOf('lineage.gap', { ...facts, incidents: [...facts.incidents, ...standing] }, limits)
  },
  title: ({ values, workflow }) => `lineage of ${values.runs} runs of ${workflow} has gaps (${values.what})`,
})

/** A comparison of the ledger with an outside system found a difference, or could not read one side whole. */
export const outsideDiffers = rule({
  about: 'comparisons of the ledger with outside systems that found differences, or could not read a list to its end',
  severity: 'page',
  runbook: 'docs/runbooks/outside-differs.md',
  labels: ['workflow'],
  limits: { atLeast: 1 },
  resolves: 'person',
  look: (facts, limits) => incidentsOf('outside.differs', facts, limits),
  title: ({ values }) =>
    values.runs === 1
      ? 'a comparison with an outside system found differences'
      : `${values.runs} comparisons with outside systems found differences`,
})

/** A history, or the store against its signed heads, does not verify (Invariant 9). */
export const auditFailed = rule({
  about: 'histories of ended runs that do not verify, and the last check of the signed tree heads',
  severity: 'page',
  runbook: 'docs/runbooks/audit-gap.md',
  labels: ['workflow', 'schedule'],
  limits: { atLeast: 1 },
  resolves: 'person',
  look: (facts, limits) => {
    const { home, gauges, now } = facts
    const own = limits(home, null)
    const heads = gauges.failedJobs.filter(({ job }) => job === 'audit.heads')
    const failed = !own
      ? []
      : heads.map(({ schedule, firing, at, code }) =>
          found({
            tenant: home,
            key: `schedule ${schedule}`,
            labels: { schedule },
            values: { what: code ?? 'failed', firing, ago_seconds: secondsBetween(at, now) },
            limits: own,
          }),
        )
    return [...incidentsOf('audit.failed', facts, limits), ...failed]
  },
  title: ({ values, workflow, labels }) =>
    workflow === null
      ? `the check of schedule ${labels.schedule} failed: ${values.what}`
      : `${values.runs} histories of ${workflow} do not verify (${values.what})`,
})

/** Something went out beside the door (Invariant 1). */
export const unmediatedCall = rule({
  about: 'calls that went out beside the door',
  severity: 'page',
  runbook: 'docs/runbooks/compromised-tool.md',
  labels: ['workflow'],
  limits: { atLeast: 1 },
  resolves: 'person',
  look: (facts, limits) => incidentsOf('call.unmediated', facts, limits),
  title: ({ values, workflow }) => `${values.runs} runs of ${workflow} called ${values.host} beside the door`,
})

function incidentsOf(
  kind: AlertIncident['kind'],
  { incidents }: AlertFacts,
  limits: LimitsFor<{ readonly atLeast: number }>,
): readonly AlertFinding[] {
  return byWorkflow(incidents.filter((each) => each.kind === kind)).flatMap(({ tenant, workflow, all }) => {
    const own = limits(tenant, workflow)
    const last = all.at(-1)
    const refs = all.flatMap((each) => each.refs)
    const runs = new Set(refs.map(({ run }) => run)).size
    if (!own || !last || runs < own.atLeast) return []
    return [found({ tenant, key: workflow, workflow, values: { ...last.values, runs }, refs, limits: own })]
  })
}
