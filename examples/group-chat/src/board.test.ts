import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { CALENDAR_URL, type Calendar, startCalendar } from './calendar.ts'
import { meet, openBoard } from './main.ts'

let calendar: Calendar
let signalbox: ReturnType<typeof openBoard>

beforeEach(async () => {
  calendar = await startCalendar()
  process.env[CALENDAR_URL] = calendar.url
  signalbox = openBoard()
})
afterEach(async () => {
  await signalbox.close()
  await calendar.stop()
})

describe('the change board', () => {
  it('PAT-113: schedules what all approve, after the change manager has, once', async () => {
    const seen: string[] = []
    const { output } = await meet(signalbox, 'CHG-7', (packet) => {
      seen.push(packet)
      return 'approved'
    })
    expect(output).toMatchObject({
      status: 'completed',
      by: 'select',
      rounds: 5,
      output: { decision: 'scheduled' },
    })
    expect(seen).toEqual([expect.stringContaining('Schedule CHG-7 for Tuesday 06:00 to 07:00')])
    expect(calendar.booked.map(({ slot }) => slot.change)).toEqual(['CHG-7'])
  })

  it('PAT-113: schedules nothing that its manager rejects, and nothing to which a judge objects', async () => {
    const rejected = await meet(signalbox, 'CHG-7', () => 'rejected')
    expect(rejected.output).toMatchObject({ output: { decision: 'declined' } })
    const objected = await meet(signalbox, 'CHG-8', () => 'approved')
    expect(objected.output).toMatchObject({
      status: 'completed',
      by: 'until',
      output: { decision: 'declined', why: 'nobody is there after that window' },
    })
    expect(calendar.booked).toEqual([])
  })
})
