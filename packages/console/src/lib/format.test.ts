import { describe, expect, it } from 'vitest'
import { age, amount, capital, clock, dollars, duration, money, prettyJson, shortId, timeLeft } from './format.ts'

const NOW = Date.parse('2026-03-02T12:00:00.000Z')
const before = (ms: number) => new Date(NOW - ms).toISOString()

describe('amounts', () => {
  it('CON-080: nano-USD reads as dollars, with four digits below a cent, and never as nothing when it is something', () => {
    expect(
      ['0', '4210000', '10000000', '1250000000', '1234567890000000', '9', '-2500000000'].map((each) => dollars(each)),
    ).toEqual(['$0', '$0.0042', '$0.01', '$1.25', '$1,234,567.89', 'under $0.0001', '-$2.50'])
  })

  it('CON-080: money keeps the minor digits of its currency, also of one that nobody knows', () => {
    expect(money(125_000, 'EUR')).toBe('1,250.00 EUR')
    expect(money(1250, 'JPY')).toBe('1,250 JPY')
    expect(money(5, 'not a currency')).toBe('0.05 not a currency')
  })

  it('CON-080: an amount of a budget carries its unit', () => {
    expect(amount('40000', 'count')).toBe('40,000')
    expect(amount('120000', 'milliseconds')).toBe('2 m')
    expect(amount('250000000', 'nano_usd')).toBe('$0.25')
  })
})

describe('times', () => {
  it('CON-080: a duration has at most two units', () => {
    const texts = [0, 850, 12_400, 59_949, 59_950, 200_000, 3_600_000, 18_120_000, 349_200_000].map(duration)
    expect(texts).toEqual(['0 ms', '850 ms', '12.4 s', '59.9 s', '1 m', '3 m 20 s', '1 h', '5 h 2 m', '4 d 1 h'])
  })

  it('CON-080: an age and the time left count from the given present', () => {
    expect([500, 59_000, 61_000, 7_300_000, 200_000_000].map((ms) => age(before(ms), NOW))).toEqual([
      'just now',
      '59 s ago',
      '1 m ago',
      '2 h ago',
      '2 d ago',
    ])
    expect(timeLeft(before(-61_000), NOW)).toBe('1 m 1 s left')
    expect(timeLeft(before(-9000), NOW)).toBe('9 s left')
    expect(timeLeft(before(0), NOW)).toBe('deadline passed')
    expect(timeLeft(new Date(8_640_000_000_000_000).toISOString(), NOW)).toBe('no deadline')
  })

  it('CON-080: the time of another day carries its date', () => {
    expect(clock(before(0), NOW)).toMatch(/^\d\d:\d\d:\d\d$/)
    expect(clock(before(3 * 86_400_000), NOW)).toMatch(/^27 Feb 2026, /)
  })
})

describe('texts', () => {
  it('CON-080: names at the start of a sentence stay as they are', () => {
    expect(capital('waits for a person')).toBe('Waits for a person')
    expect(capital('user:rita started it')).toBe('user:rita started it')
    expect(capital('payments.pay was sent')).toBe('payments.pay was sent')
  })

  it('CON-080: JSON is indented, other text is left alone, long ids are shortened at the middle', () => {
    expect(prettyJson('{"a":1}')).toBe('{\n  "a": 1\n}')
    expect(prettyJson('{cut off')).toBe('{cut off')
    expect(shortId('run_01kbwaitingapproval000001')).toBe('run_…al000001')
    expect(shortId('run_1')).toBe('run_1')
  })
})
