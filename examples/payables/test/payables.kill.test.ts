import { afterAll, describe, expect, it } from 'vitest'
import { type Evidence, type Stand, startTelemetry } from '@signalbox/server'
import { openSqliteStore, systemHost, traceIdOf } from 'signalbox'
import { Collector, type ReceivedSpan, traceFaults } from 'signalbox/testing'
import { allKills, carryOut, type Kill } from './kill-stages.ts'
import { bookingsOf, check, makeStand, startRun, stories, untilAllEnded, workOn } from './kill-stand.ts'

const kills = allKills()
const files = [...new Set(kills.map((kill) => kill.file))]
const stands: Stand[] = []
afterAll(async () => {
  await Promise.all(stands.map((stand) => stand.close().catch(() => undefined)))
})

async function stand(): Promise<Stand> {
  const made = await makeStand()
  stands.push(made)
  return made
}

/** The same invoices, with one worker that nobody disturbs. */
async function undisturbed(): Promise<Evidence> {
  const calm = await stand()
  for (const file of files) await startRun(calm, file)
  const worker = await workOn(calm, 'calm')
  await untilAllEnded(calm)
  await worker.stop()
  return calm.evidence()
}

/** Every kill, one worker process after the other; what they leave is finished by the last one. */
async function disturbed(): Promise<{ evidence: Evidence; wild: Stand; killed: Kill[] }> {
  const wild = await stand()
  const killed: Kill[] = []
  let next = wild.worker('worker 1')
  for (const kill of kills) {
    const worker = await next
    // The next process starts while this one works, as it would under a supervisor.
    next = wild.worker(`worker ${killed.length + 2}`)
    await carryOut(wild, worker, kill)
    killed.push(kill)
  }
  const last = await next
  last.go([])
  await untilAllEnded(wild)
  await last.stop()
  return { evidence: await wild.evidence(), wild, killed }
}

/** What a collector on loopback gets of a stand's store. */
async function spansOf({ database }: Stand, isEnough: (spans: readonly ReceivedSpan[]) => boolean) {
  const collector = new Collector()
  const env = { OTEL_EXPORTER_OTLP_ENDPOINT: `http://127.0.0.1:${await collector.listen()}` }
  const store = await openSqliteStore({ path: database, host: systemHost })
  const sending = startTelemetry({ store, host: systemHost, env, version: '0.1.0', log: console.log })
  try {
    await collector.until(() => isEnough(collector.received().spans))
    return collector.received().spans
  } finally {
    await sending?.stop()
    await store.close()
    await collector.close()
  }
}

/** Each run is one trace at the collector, however often its worker was killed. */
async function expectOneTraceEach(wild: Stand, { runs }: Evidence): Promise<void> {
  const ends = (spans: readonly ReceivedSpan[]) =>
    spans.filter(({ attributes }) => /completed|stopped/.test(String(attributes['signalbox.run.status']))).length
  const spans = await spansOf(wild, (all) => ends(all) === runs.length)
  expect(runs.flatMap(({ row, records }) => traceFaults(row.runId, records, spans))).toEqual([])
  for (const { traceId, attributes } of spans) expect(traceId).toBe(traceIdOf(String(attributes['signalbox.run.id'])))
  const cut = runs.map(({ row }) =>
    spans.filter(
      ({ attributes }) =>
        attributes['signalbox.run.id'] === row.runId && attributes['signalbox.run.status'] === 'taken_over',
    ),
  )
  // The run that was killed twice before it was sent, and once after.
  expect(Math.max(...cut.map((each) => each.length))).toBeGreaterThanOrEqual(2)
}

describe('the payables desk under SIGKILL', () => {
  it('KIL-001, KIL-002, KIL-003, KIL-004, TEL-010: comes to the same end as undisturbed, and pays each invoice once', async () => {
    const calm = await undisturbed()
    expect(check(calm)).toEqual([])
    const { evidence, wild, killed } = await disturbed()
    const { answers } = wild
    const stages = [...new Set(killed.map((kill) => kill.stage))]
    const counted = stages.map((stage) => [stage, killed.filter((kill) => kill.stage === stage).length] as const)
    console.log(
      [
        'SIGKILL by stage of the door:',
        ...counted.map(([stage, times]) => `  ${stage.padEnd(28)}${times}`),
        `a person was asked: ${answers.approvals} approvals; what became of an effect: ${answers.happened} times it had happened, ${answers.did_not} times not`,
        // A person who could not read the bank's file for a moment tries again; it is told, and no fault of a run.
        ...answers.troubles,
      ].join('\n'),
    )
    expect(stages).toHaveLength(7)
    for (const [, times] of counted) expect(times).toBeGreaterThanOrEqual(3)
    expect(check(evidence)).toEqual([])
    expect(bookingsOf(wild)).toHaveLength(files.length)
    expect(await stories(evidence)).toEqual(await stories(calm))
    await expectOneTraceEach(wild, evidence)
  })
})
