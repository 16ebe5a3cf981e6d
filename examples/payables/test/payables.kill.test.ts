import { afterAll, describe, expect, it } from 'vitest'
import type { Evidence, Stand } from '@signalbox/server'
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

describe('the payables desk under SIGKILL', () => {
  it('KIL-001, KIL-002, KIL-003, KIL-004: comes to the same end as undisturbed, and pays each invoice once', async () => {
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
  })
})
