import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { SignalboxError } from './errors.ts'
import { toJsonValue } from './json.ts'

describe('values as JSON', () => {
  it('are what the way over JSON text gives, whatever they are made of', () => {
    const odd = fc.oneof(fc.date(), fc.constant(undefined), fc.double(), fc.constant(-0), fc.string(), fc.boolean())
    const { value } = fc.letrec((tie) => ({
      value: fc.oneof(
        odd,
        fc.array(tie('value')),
        fc.dictionary(fc.string(), tie('value'), { noNullPrototype: false }),
      ),
    }))
    fc.assert(
      fc.property(value, (given) => {
        expect(toJsonValue(given, 'it')).toEqual(JSON.parse(JSON.stringify(given === undefined ? null : given)))
      }),
    )
  })

  it('do not change with the original', () => {
    const original = { list: [{ a: 1 }] }
    const copy = toJsonValue(original, 'it')
    original.list[0] = { a: 2 }
    expect(copy).toEqual({ list: [{ a: 1 }] })
  })

  it('take the own form of an object that has one, and keep a key named __proto__ harmless', () => {
    class Price {
      toJSON(): unknown {
        return { minor: 5 }
      }
    }
    expect(toJsonValue({ price: new Price(), sparse: [undefined, 1] }, 'it')).toEqual({
      price: { minor: 5 },
      sparse: [null, 1],
    })
    const hostile: unknown = JSON.parse('{"__proto__": {"admin": true}}')
    const copy = toJsonValue(hostile, 'it')
    expect(Object.getPrototypeOf(copy)).toBe(Object.prototype)
    expect(JSON.stringify(copy)).toBe('{"__proto__":{"admin":true}}')
  })

  it('are refused where JSON has no form for them', () => {
    expect(() => toJsonValue(() => 1, 'the input')).toThrow(SignalboxError)
  })
})
