import { describe, expect, it } from 'vitest'
import { deskPolicy } from '../desk.ts'
import { deskCredentials, keyEnvironment, makeKeys } from '../tools/index.ts'
import { systemHost } from 'signalbox'
import { KEYS_VARIABLE, keysOf, opens } from './locks.ts'

const keys = makeKeys(systemHost)
const knock = (method: string, path: string, tool: string | null) =>
  opens(keys, { method, path, authorization: tool === null ? undefined : `Bearer ${keys[tool]}` })

describe('keys of the outside world', () => {
  it('PAY-070: a tool writes what it is for with its own key; no other key does, and none is needed to read', () => {
    const doors = [
      ['payments.pay', 'POST', '/v1/payments'],
      ['payments.pay_legacy', 'POST', '/v1/legacy-payments'],
      ['payments.recall', 'POST', '/v1/recalls'],
      ['mail.send', 'POST', '/v1/notifications'],
      ['desk.propose_hold', 'POST', '/holds'],
      ['records.archive', 'DELETE', '/records/r-1'],
    ] as const
    for (const [tool, method, path] of doors) {
      expect(Object.keys(keys).filter((other) => knock(method, path, other))).toEqual([tool])
      expect(knock(method, path, null)).toBe(false)
    }
    expect(knock('POST', '/anything', 'payments.pay')).toBe(false)
    expect(knock('GET', '/vendors', null)).toBe(true)
  })

  it('PAY-070: every tool of the desk has a key of its own', () => {
    const policy = deskPolicy()
    const tools = Object.keys(deskCredentials())
    expect(tools.filter((name) => policy.tool(name) === null)).toEqual([])
    expect(new Set(Object.values(keys)).size).toBe(tools.length)
    expect(Object.keys(keyEnvironment(keys))).toContain('SIGNALBOX_PAYABLES_KEY_PAYMENTS_PAY')
    expect(keysOf({ [KEYS_VARIABLE]: JSON.stringify(keys) })).toEqual(keys)
    expect(keysOf({})).toBeNull()
  })
})
