import { afterAll, describe, expect, it } from 'vitest'
import { check, type Evidence, evidenceOf, type Story, storyOf } from './kill-check.ts'
import { type Answers, makeStand, startRun, type Stand, untilAllEnded } from './kill-drive.ts'
import { allKills, carryOut, type Kill } from './kill-stages.ts'

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
  for (const file of files) await startRun(calm.desk, file)
  const worker = await calm.worker('calm')
  worker.go([])
  await untilAllEnded(calm.desk)
  await worker.stop()
  return evidenceOf(calm.desk, calm.bankFolder)
}

/** Every kill, one worker process after the other; what they leave is finished by the last one. */
async function disturbed(): Promise<{ evidence: Evidence; answers: Answers; killed: Kill[] }> {
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
  await untilAllEnded(wild.desk)
  await last.stop()
  const evidence = await evidenceOf(wild.desk, wild.bankFolder)
  return { evidence, answers: wild.answers, killed }
}

async function stories({ runs }: Evidence): Promise<Story[]> {
  const told = await Promise.all(runs.map(storyOf))
  return told.sort((a, b) => (JSON.stringify(a.file) < JSON.stringify(b.file) ? -1 : 1))
}

describe('the payables desk under SIGKILL', () => {
  it('KIL-001, KIL-002, KIL-003, KIL-004: comes to the same end as undisturbed, and pays each invoice once', async () => {
    const calm = await undisturbed()
    expect(check(calm)).toEqual([])
    const { evidence, answers, killed } = await disturbed()
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
    expect(evidence.bookings).toHaveLength(files.length)
    expect(await stories(evidence)).toEqual(await stories(calm))
  })
})
