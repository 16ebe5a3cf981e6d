import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { openReminders, remind } from './main.ts'
import { type Office, OFFICE_URL, startOffice } from './office.ts'

let office: Office
let signalbox: ReturnType<typeof openReminders>

beforeEach(async () => {
  office = await startOffice()
  process.env[OFFICE_URL] = office.url
  signalbox = openReminders()
})
afterEach(async () => {
  await signalbox.close()
  await office.stop()
})

describe('the reminders', () => {
  it('FLW-040: charge a small fee by rule, put a large one to a person, and send one letter a month', async () => {
    const small = await remind(signalbox, 'ada', null)
    expect(small.output).toEqual({ fee: 39, decidedBy: 'rule', letter: 'ada/2026-11', stillOwed: 12_000 })
    const large = await remind(signalbox, 'bob', { waive: false, why: 'it is long overdue' })
    expect(large.output).toEqual({ fee: 2_378, decidedBy: 'person', letter: 'bob/2026-11', stillOwed: 94_000 })
    expect((await remind(signalbox, 'ada', null)).output).toMatchObject({ letter: 'ada/2026-11' })
    expect(office.sent.map(({ letter }) => [letter.customer, letter.fee])).toEqual([
      ['ada', 39],
      ['bob', 2_378],
    ])
  })

  it('FLW-040: a fee that is waived is not charged', async () => {
    const { output } = await remind(signalbox, 'bob', { waive: true, why: 'a good customer' })
    expect(output).toMatchObject({ fee: 0, decidedBy: 'person' })
    expect(office.sent.map(({ letter }) => letter.fee)).toEqual([0])
  })
})
