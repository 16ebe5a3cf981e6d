import { describe, expect, it } from 'vitest'
import { fieldsOf, readForm } from './edit-form.ts'
import { constraintText, linesLike, readConstraints } from './standing-form.ts'

const SCHEMA = {
  type: 'object',
  properties: {
    to: { type: 'string', description: 'Who gets it.' },
    amount: { type: 'integer' },
    rate: { type: 'number' },
    now: { type: 'boolean' },
    way: { enum: ['fast', 'slow'] },
    tags: { type: 'array' },
    note: { type: 'string' },
  },
  required: ['to', 'amount'],
}
const PROPOSED = { to: 'anna', amount: 5, rate: 0.5, now: true, way: 'fast', tags: ['a'] }
const fields = () => fieldsOf(SCHEMA, PROPOSED) ?? []

describe('the form of an edit', () => {
  it('CON-106: each argument has a field of its own form; untouched it gives back what was proposed', () => {
    expect(fields().map((field) => field.kind)).toEqual([
      'text',
      'whole',
      'number',
      'boolean',
      'choice',
      'json',
      'text',
    ])
    expect(fields()[0]).toMatchObject({ about: 'Who gets it.', required: true, proposed: 'anna' })
    expect(readForm(fields(), {})).toEqual({ value: PROPOSED })
    expect(fieldsOf(SCHEMA, ['not', 'an', 'object'])).toBeNull()
  })

  it('CON-106: without a schema the form follows from what was proposed', () => {
    const bare = fieldsOf(null, { to: 'anna', amount: 5, more: { deep: 1 }, none: null }) ?? []
    expect(bare.map((field) => field.kind)).toEqual(['text', 'number', 'json', 'json'])
    expect(readForm(bare, { amount: '6' })).toEqual({ value: { to: 'anna', amount: 6, more: { deep: 1 }, none: null } })
  })

  it.each([
    ['amount', '5.5'],
    ['amount', ''],
    ['rate', 'much'],
    ['now', 'maybe'],
    ['way', 'sideways'],
    ['tags', '[1,'],
  ])('CON-106: %s as `%s` is not sent', (name, text) => {
    expect(readForm(fields(), { [name]: text })).toEqual({ problem: expect.stringContaining(`\`${name}\``) })
  })

  it('CON-106: numbers that are typed are numbers, and a field that was left out stays out until it is filled in', () => {
    expect(readForm(fields(), { amount: '7', note: 'hello' })).toEqual({
      value: { ...PROPOSED, amount: 7, note: 'hello' },
    })
  })
})

describe('the form of a standing approval', () => {
  it('CON-110: it starts from the arguments that were asked, and gives them back as exact constraints', () => {
    const lines = linesLike('{"vendor":"V-014","count":3,"urgent":false,"code":"42","rows":[1]}')
    expect(readConstraints(lines)).toEqual([
      { field: 'vendor', equals: 'V-014' },
      { field: 'count', equals: 3 },
      { field: 'urgent', equals: false },
      { field: 'code', equals: '42' },
    ])
  })

  it('CON-110: limits and choices are read; what has no form, and no constraint at all, is refused', () => {
    const line = { field: 'amount', text: '5000', is: 'at_most' } as const
    expect(readConstraints([line])).toEqual([{ field: 'amount', at_most: 5000 }])
    expect(readConstraints([{ field: 'way', is: 'one_of', text: 'fast, slow' }])).toEqual([
      { field: 'way', one_of: ['fast', 'slow'] },
    ])
    for (const wrong of [[], [{ ...line, text: 'much' }], [{ ...line, is: 'one_of' as const, text: ',' }]])
      expect(readConstraints(wrong)).toHaveProperty('problem')
    expect(constraintText({ field: 'amount', at_most: 5000 })).toBe('amount is at most 5000')
  })
})
