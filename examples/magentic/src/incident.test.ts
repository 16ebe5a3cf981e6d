import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { type Fleet, FLEET_URL, startFleet } from './fleet.ts'
import { openIncident, work } from './main.ts'

let fleet: Fleet
let signalbox: ReturnType<typeof openIncident>

beforeEach(async () => {
  fleet = await startFleet()
  process.env[FLEET_URL] = fleet.url
  signalbox = openIncident()
})
afterEach(async () => {
  await signalbox.close()
  await fleet.stop()
})

const approve = () => ({ decision: 'approve' })

describe('the incident team', () => {
  it('PAT-133: finds the cause, rolls the release back once the lead has approved, and sees that it helped', async () => {
    const { output } = await work(signalbox, { plan: approve, call: 'approved' })
    expect(output).toMatchObject({
      status: 'completed',
      rounds: 4,
      resets: 0,
      output: { cause: 'release 2.4.1: TypeError: total.toFixed is not a function' },
    })
    expect(fleet.done.map(({ now }) => now)).toEqual([{ service: 'orders', release: '2.4.0', healthy: true }])
  })

  it('PAT-133: a rollback that the lead rejects does not happen; the work stalls, is planned anew once, and stops', async () => {
    const plans: unknown[] = []
    const plan = (asked: unknown) => {
      plans.push(asked)
      return { decision: 'approve' }
    }
    const { output } = await work(signalbox, { plan, call: 'rejected' })
    expect(output).toMatchObject({ status: 'stopped', by: 'max_resets', resets: 1, partial: 'not rolled back' })
    expect(output).toMatchObject({ leftUndone: expect.arrayContaining([expect.stringContaining('operator:')]) })
    expect(plans).toMatchObject([{ cause: 'first' }, { cause: 'stalled' }])
    expect(fleet.done).toEqual([])
  })

  it('PAT-133: a plan that the lead stops is followed by nobody', async () => {
    const stop = { decision: 'stop', reason: 'I do it by hand' }
    const { output } = await work(signalbox, { plan: () => stop, call: 'approved' })
    expect(output).toMatchObject({ status: 'stopped', by: 'reviewer', reason: 'I do it by hand', rounds: 0 })
    expect(fleet.done).toEqual([])
  })
})
