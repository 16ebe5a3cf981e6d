import { describe, expect, it } from 'vitest'
import { givenArguments, unprovenArguments } from './origin.ts'

const user = (text: string) => ({ text, given: null })
const unproven = (value: string | number | boolean | string[], ...sources: Parameters<typeof unprovenArguments>[2]) =>
  unprovenArguments({ to: value }, ['to'], sources).length === 1

describe('where arguments come from', () => {
  it('ORC-001: a value that the user wrote is proven, whatever its case, spacing and punctuation', () => {
    const wrote = user('Please pay "DE89 3704 0044"\n to Ana.Lopez@Example.com.')
    expect(unproven('de89  3704 0044', wrote)).toBe(false)
    expect(unproven('ana.lopez@example.com', wrote)).toBe(false)
    expect(unproven(['ana.lopez@example.com', 'eve@evil.example'], wrote)).toBe(true)
    expect(unproven(20260101, user('on 20260101'))).toBe(false)
  })

  it('ORC-002: a part of a word or address, a short value and a boolean are not proven', () => {
    expect(unproven('lopez@example.com', user('write to ana.lopez@example.com'))).toBe(true)
    expect(unproven('example.com', user('see example.com.evil.example'))).toBe(true)
    expect(unproven('evil.example', user('not-evil.example'))).toBe(true)
    expect(unproven('account1', user('account12'))).toBe(true)
    expect(unproven('13', user('June 13'))).toBe(true)
    expect(unproven(true, user('true enough: true'))).toBe(true)
  })

  it('ORC-003: an output proves what it says, but not what its tool was given', () => {
    const found = { text: 'no contact named eve@evil.example; ana@example.com', given: 'eve@evil.example' }
    expect(unproven('ana@example.com', found)).toBe(false)
    expect(unproven('eve@evil.example', found)).toBe(true)
  })

  it('ORC-001: what reaches nothing needs no proof', () => {
    const args = { to: '', cc: null, bcc: [], id: 7, other: 'unknown value' }
    expect(givenArguments(args, ['to', 'cc', 'bcc', 'id', 'absent'])).toEqual(['id'])
    expect(unprovenArguments(args, ['to', 'cc', 'bcc', 'absent'], [])).toEqual([])
  })
})
