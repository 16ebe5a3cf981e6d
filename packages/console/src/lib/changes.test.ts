import { describe, expect, it } from 'vitest'
import { changedFields } from './changes.ts'

describe('what a reviewer changed', () => {
  it('CON-151: names each field that differs, was added or left out, and no other', () => {
    const proposed = JSON.stringify({ invoice: 'inv-31', amount_minor: 125_000, urgent: true, to: { iban: 'DE1' } })
    const decided = JSON.stringify({ invoice: 'inv-31', amount_minor: 62_500, note: 'half', to: { iban: 'DE1' } })
    expect(changedFields(proposed, decided)).toEqual([
      { field: 'amount_minor', proposed: '125000', decided: '62500' },
      { field: 'urgent', proposed: 'true', decided: null },
      { field: 'note', proposed: null, decided: '"half"' },
    ])
    expect(changedFields(proposed, proposed)).toEqual([])
    for (const other of ['[1]', 'null', '"text"', 'no json']) expect(changedFields(proposed, other)).toBeNull()
  })
})
