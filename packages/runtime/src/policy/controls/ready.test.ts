import { describe, expect, it } from 'vitest'
import type { JsonValue } from '../../base/json.ts'
import type { Control } from '../../contracts/control.ts'
import { maxLength } from './max-length.ts'
import { redact } from './redact.ts'

/** What a control makes of a value; the value itself where it lets it pass. */
async function through(control: Control, value: JsonValue): Promise<JsonValue> {
  const answer = await control.decide(
    {
      point: 'output',
      run: { id: 'run_1', workflow: 'w', agent: null, mode: 'production' },
      principal: { id: 'user:ana', kind: 'user', tenant: 'acme', roles: [] },
      action: { name: 'w', class: 'point.output', effect: 'none' },
      value,
      labels: { integrity: 0, marks: [] },
    },
    { signal: new AbortController().signal },
  )
  if (answer.verdict === 'transform') return answer.value
  return answer.verdict === 'allow' ? value : answer.verdict
}

const all = redact({ owner: 'security' })

describe('redact', () => {
  it.each([
    ['pay with 4111 1111 1111 1111 now', 'pay with [redacted card] now'],
    ['card 4111-1111-1111-1111 123, thanks', 'card [redacted card] 123, thanks'],
    ['to DE89 3704 0044 0532 0130 00 today', 'to [redacted iban] today'],
    ['AT611904300234573201 then AT61 1904 3002 3457 3201 this', '[redacted iban] then [redacted iban] this'],
    ['write ana.b+c@mail.example.org!', 'write [redacted email]!'],
    [`key sk-${'a'.repeat(24)} and AKIAABCDEFGHIJKLMNOP`, 'key [redacted secret] and [redacted secret]'],
    ['a -----BEGIN RSA PRIVATE KEY-----\nMIIE\n-----END RSA PRIVATE KEY----- b', 'a [redacted secret] b'],
  ])('CHN-030: takes out of `%s` what is one', async (text, left) => {
    expect(await through(all, text)).toBe(left)
    expect(await through(all, { deep: [{ text }], n: 1 })).toEqual({ deep: [{ text: left }], n: 1 })
  })

  it.each([
    'order 4111 1111 1111 1112 is no card',
    'DE89 3704 0044 0532 0130 01 is no iban',
    'at 12:30 @ana said so',
    'version 1.2.3',
    '0000 0000 0000 0000',
  ])('CHN-030: leaves `%s` alone', async (text) => {
    expect(await through(all, text)).toBe(text)
  })

  it('CHN-030: takes out only what it is told to, and long texts do not hold it up', async () => {
    const mails = redact({ owner: 'security', patterns: ['email'] })
    expect(await through(mails, 'a@b.cd 4111111111111111')).toBe('[redacted email] 4111111111111111')
    const long = `${'1a '.repeat(50_000)}${'a'.repeat(50_000)}@${'-----BEGIN '.repeat(5_000)}`
    expect(await through(all, long)).toBe(long)
  })
})

describe('maxLength', () => {
  it('CHN-031: denies or cuts a text that is too long, wherever it is in the value', async () => {
    const points = ['output'] as const
    const value = { a: ['short', 'x'.repeat(40)] }
    expect(await through(maxLength({ characters: 20, points, owner: 'o' }), value)).toBe('deny')
    const cut = await through(maxLength({ characters: 20, points, owner: 'o', onExcess: 'cut' }), value)
    expect(cut).toEqual({ a: ['short', `${'x'.repeat(13)}… [cut]`] })
    expect(await through(maxLength({ characters: 40, points, owner: 'o' }), value)).toEqual(value)
    expect(() => maxLength({ characters: 3, points, owner: 'o' })).toThrow(
      expect.objectContaining({ code: 'CONFIG_INVALID' }),
    )
  })
})
