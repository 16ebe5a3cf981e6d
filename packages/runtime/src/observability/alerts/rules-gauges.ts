/** Kinds of alert that are found in what is so now. */
import { found, rule, secondsBetween } from './rule.ts'

/** Somebody is waited for. */
export const oldestApproval = rule({
  about: 'the oldest approval that waits for a person',
  severity: 'ticket',
  runbook: 'docs/runbooks/stuck-approval.md',
  labels: ['workflow', 'tool'],
  limits: { olderThanSeconds: 14_400 },
  resolves: { afterSeconds: 60 },
  look: ({ gauges, now }, limits) =>
    gauges.approvals.flatMap(({ tenant, id, run, workflow, tool, requestedAt }) => {
      const own = limits(tenant, workflow)
      const seconds = secondsBetween(requestedAt, now)
      if (!own || seconds < own.olderThanSeconds) return []
      const values = { approval: id, run, seconds }
      return [found({ tenant, key: 'oldest', workflow, labels: { tool }, values, limits: own })]
    }),
  title: ({ values, labels, workflow }) =>
    `an approval of ${labels.tool} in ${workflow} has waited for ${hours(Number(values.seconds))}`,
})

function hours(seconds: number): string {
  return seconds < 7_200 ? `${Math.floor(seconds / 60)} minutes` : `${Math.floor(seconds / 3_600)} hours`
}

/** A kill switch stands. */
export const switchEngaged = rule({
  about: 'kill switches in force',
  severity: 'ticket',
  runbook: 'docs/runbooks/compromised-tool.md',
  labels: ['scope', 'target', 'mode'],
  limits: { forSeconds: 0 },
  resolves: { afterSeconds: 0 },
  look: ({ gauges, now, home }, limits) =>
    gauges.switches.flatMap(({ tenant, id, scope, target, mode, createdAt }) => {
      // One against every tenant belongs to whoever runs the server.
      const owner = tenant === '*' ? home : tenant
      const workflow = scope === 'workflow' ? target : null
      const own = limits(owner, workflow)
      const seconds = secondsBetween(createdAt, now)
      if (!own || seconds < own.forSeconds) return []
      return [
        found({ tenant: owner, key: id, workflow, labels: { scope, target, mode }, values: { seconds }, limits: own }),
      ]
    }),
  title: ({ labels }) => `kill switch ${labels.mode} stands for ${labels.scope} ${labels.target}`,
})

/** Telemetry is not delivered. */
export const telemetryIncomplete = rule({
  about: 'records whose telemetry the collector has not acknowledged, and the part that was delivered',
  severity: 'ticket',
  runbook: 'docs/runbooks/telemetry-gap.md',
  labels: [],
  limits: { behindSeconds: 600, ratioBelow: 0.999 },
  resolves: { afterSeconds: 300 },
  look: ({ gauges, now, home }, limits) => {
    const own = limits(home, null)
    if (!own || !gauges.telemetry) return []
    const { oldestUnsentAt, ratio } = gauges.telemetry
    const behind = oldestUnsentAt === null ? 0 : secondsBetween(oldestUnsentAt, now)
    const late = oldestUnsentAt !== null && behind >= own.behindSeconds
    if (!late && (ratio === null || ratio >= own.ratioBelow)) return []
    return [found({ tenant: home, key: 'telemetry', values: { behind_seconds: behind, ratio }, limits: own })]
  },
  title: ({ values }) => `telemetry is ${values.behind_seconds} s behind the records`,
})

/** Messages were given up. */
export const deadMessages = rule({
  about: 'messages to people outside that were given up',
  severity: 'ticket',
  runbook: 'docs/runbooks/dead-messages.md',
  labels: ['channel'],
  limits: { atLeast: 1 },
  resolves: { afterSeconds: 60 },
  look: ({ gauges }, limits) =>
    gauges.deadMessages.flatMap(({ tenant, channel, count }) => {
      const own = limits(tenant, null)
      if (!own || count < own.atLeast) return []
      return [found({ tenant, key: channel, labels: { channel }, values: { dead: count }, limits: own })]
    }),
  title: ({ values, labels }) => `${values.dead} messages to channel ${labels.channel} were given up`,
})

/** A due time that nobody decided: the leader is lost or stands still. */
export const scheduleMissed = rule({
  about: 'due times of schedules that no leader has decided',
  severity: 'ticket',
  runbook: 'docs/runbooks/leader.md',
  labels: ['schedule'],
  limits: { lateSeconds: 300 },
  resolves: { afterSeconds: 60 },
  look: ({ gauges, now, home }, limits) => {
    const own = limits(home, null)
    if (!own) return []
    return gauges.missed
      .filter(({ dueAt }) => dueAt <= now && secondsBetween(dueAt, now) >= own.lateSeconds)
      .map(({ schedule, dueAt }) =>
        found({
          tenant: home,
          key: schedule,
          labels: { schedule },
          values: { late_seconds: secondsBetween(dueAt, now) },
          limits: own,
        }),
      )
  },
  title: ({ values, labels }) => `schedule ${labels.schedule} is ${values.late_seconds} s late`,
})

/** A drill failed. */
export const drillFailed = rule({
  about: 'schedules of drills whose last firing failed',
  severity: 'ticket',
  runbook: 'docs/runbooks/failed-drill.md',
  labels: ['schedule', 'job'],
  limits: { atLeast: 1 },
  resolves: { afterSeconds: 0 },
  look: ({ gauges, now, home }, limits) => {
    const own = limits(home, null)
    if (!own) return []
    return gauges.failedJobs
      .filter(({ job }) => job.startsWith('drill.'))
      .map(({ schedule, job, firing, code, at }) =>
        found({
          tenant: home,
          key: schedule,
          labels: { schedule, job },
          values: { firing, code: code ?? 'failed', ago_seconds: secondsBetween(at, now) },
          limits: own,
        }),
      )
  },
  title: ({ values, labels }) => `${labels.job} of schedule ${labels.schedule} failed: ${values.code}`,
})

/** Secrets or content were found where none may be (Invariant 14). */
export const exposureFinding = rule({
  about: 'findings of the last exposure audit',
  severity: 'page',
  runbook: 'docs/runbooks/exposure.md',
  labels: [],
  limits: { atLeast: 1 },
  resolves: 'person',
  look: ({ gauges, home, now }, limits) => {
    const own = limits(home, null)
    if (!own || !gauges.exposure || gauges.exposure.findings < own.atLeast) return []
    const { findings, at, report } = gauges.exposure
    return [
      found({
        tenant: home,
        key: 'exposure',
        values: { findings, report, ago_seconds: secondsBetween(at, now) },
        limits: own,
      }),
    ]
  },
  title: ({ values }) =>
    values.report === 'signed'
      ? `the exposure audit has ${values.findings} findings`
      : `the report of the last exposure audit is ${values.report}`,
})

/** The clock was set back. */
export const clockTrouble = rule({
  about: 'a clock that was set back',
  severity: 'ticket',
  runbook: 'docs/runbooks/clock.md',
  labels: ['code'],
  limits: { forSeconds: 0 },
  resolves: { afterSeconds: 60 },
  look: ({ gauges, now, home }, limits) => {
    const own = limits(home, null)
    if (!own) return []
    return gauges.troubles
      .filter(({ code, since }) => code === 'CLOCK_SET_BACK' && secondsBetween(since, now) >= own.forSeconds)
      .map(({ code }) => found({ tenant: home, key: code, labels: { code }, values: { code }, limits: own }))
  },
  title: () => 'the clock of the server was set back',
})

/** The disk is full, slow or cannot be written, or nearly full. */
export const diskTrouble = rule({
  about: 'free space of the data folder, and writes that fail or take long',
  severity: 'page',
  runbook: 'docs/runbooks/disk-full.md',
  labels: ['code'],
  limits: { freeBelowPercent: 5, forSeconds: 30 },
  resolves: { afterSeconds: 120 },
  look: ({ gauges, now, home }, limits) => {
    const own = limits(home, null)
    if (!own) return []
    const told = gauges.troubles
      .filter(({ code, since }) => code.startsWith('STORE_') && secondsBetween(since, now) >= own.forSeconds)
      .map(({ code }) => found({ tenant: home, key: code, labels: { code }, values: { code }, limits: own }))
    const { disk } = gauges
    const percent = disk && disk.totalBytes > 0 ? Math.round((1_000 * disk.freeBytes) / disk.totalBytes) / 10 : 100
    if (percent >= own.freeBelowPercent) return told
    const [code, free_bytes] = ['DISK_NEARLY_FULL', disk?.freeBytes ?? 0]
    const values = { code, free_percent: percent, free_bytes }
    return [...told, found({ tenant: home, key: code, labels: { code }, values, limits: own })]
  },
  title: ({ values }) =>
    values.free_percent === undefined
      ? `the store of the data folder is in trouble: ${values.code}`
      : `${values.free_percent} % of the data folder's disk is free`,
})
