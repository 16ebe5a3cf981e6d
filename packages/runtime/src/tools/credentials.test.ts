import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { skewedHost } from '../testing/skewed-host.ts'
import { fromCommand, fromEnvironment, fromFile, fromProvider, type IssuedCredential } from './credential-sources.ts'
import { CredentialKeeper } from './credentials.ts'
import { spellings } from '../base/secret-spellings.ts'
import { REDACTED, redacted } from './redact.ts'

const SECRET = 'sk-live-0123456789-abcdef'
const USE = { hosts: ['bank.test:443'] }

let folder: string
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'signalbox-credentials-'))
})
afterAll(() => rmSync(folder, { recursive: true, force: true }))

function file(name: string, text: string): string {
  const path = join(folder, name)
  writeFileSync(path, text)
  return path
}

function script(name: string, body: string): string {
  const path = file(name, `#!/bin/sh\n${body}\n`)
  chmodSync(path, 0o700)
  return path
}

const keeper = (defs: ConstructorParameters<typeof CredentialKeeper>[0], env: Record<string, string> = {}) => {
  const host = skewedHost()
  return { host, one: new CredentialKeeper(defs, { host, env }) }
}

describe('sources', () => {
  it('CRD-001: environment, file and program give the bare value or JSON with an expiry', async () => {
    const printing = script('print', `echo '{"value":"${SECRET}","expires_in":900}'`)
    const { one, host } = keeper(
      {
        'a.env': fromEnvironment('TOKEN', USE),
        'b.file': fromFile(file('token', `${SECRET}-b\n`), USE),
        'c.command': fromCommand([printing], { ...USE, header: 'x-api-key' }),
        'd.provider': fromProvider('idp', async () => ({ value: `${SECRET}-d` }), USE),
      },
      { TOKEN: `${SECRET}-a` },
    )
    expect(one.status().map((each) => each.resolves)).toEqual([null, null, null, null])
    const found = await one.prove()
    expect(found.map(({ tool, kind, resolves, sharedWith }) => [tool, kind, resolves, sharedWith])).toEqual([
      ['a.env', 'environment', true, null],
      ['b.file', 'file', true, null],
      ['c.command', 'command', true, null],
      ['d.provider', 'provider', true, null],
    ])
    expect(Math.abs((found[2]?.expiresAt ?? 0) - host.now() - 900_000)).toBeLessThan(60_000)
    expect(JSON.stringify(found)).not.toContain(SECRET)
    expect(await one.of('b.file').value()).toBe(`${SECRET}-b`)
    expect(await one.of('a.env').header()).toBe(`Bearer ${SECRET}-a`)
    expect(one.variables()).toEqual(['TOKEN'])
  })

  it('CRD-001: what cannot be had is told without the value or what a program printed', async () => {
    const { one } = keeper({
      'a.none': fromEnvironment('NO_SUCH', USE),
      'b.gone': fromFile(join(folder, 'none'), USE),
      'c.fails': fromCommand([script('fail', `echo ${SECRET}; echo ${SECRET} >&2; exit 3`)], USE),
      'd.short': fromFile(file('short', 'abc'), USE),
      'e.page': fromFile(file('page', `<html> ${SECRET} </html>`), USE),
      'f.json': fromFile(file('json', `{"value": "${SECRET}", `), USE),
      'g.none': fromCommand([join(folder, 'no-program')], USE),
    })
    const found = await one.prove()
    expect(found.map((each) => each.resolves)).toEqual(found.map(() => false))
    expect(found.map((each) => each.problem)).toEqual([
      'the variable `NO_SUCH` is not set',
      expect.stringContaining('cannot be read'),
      expect.stringContaining('failed (3)'),
      expect.stringContaining('characters long'),
      expect.stringContaining('with spaces'),
      expect.stringContaining('JSON that cannot be read'),
      expect.stringContaining('ENOENT'),
    ])
    expect(JSON.stringify(found)).not.toContain(SECRET)
    await expect(one.of('c.fails').value()).rejects.toMatchObject({ code: 'KEY_MISSING', details: { not_sent: true } })
  })

  it('CRD-001: two tools with one value are told', async () => {
    const { one } = keeper(
      { 'a.x': fromEnvironment('T', USE), 'b.y': fromEnvironment('T', USE), 'c.z': fromEnvironment('U', USE) },
      { T: SECRET, U: `${SECRET}-u` },
    )
    expect((await one.prove()).map((each) => each.sharedWith)).toEqual(['b.y', 'a.x', null])
  })
})

describe('renewal', () => {
  it('CRD-002: a credential is got again before its expiry, once for all who wait', async () => {
    let asked = 0
    const { one, host } = keeper({
      'a.x': fromProvider('idp', async () => ({ value: `${SECRET}-${++asked}`, expiresInSeconds: 600 }), USE),
    })
    const both = await Promise.all([one.of('a.x').value(), one.of('a.x').value()])
    expect([both, asked]).toEqual([[`${SECRET}-1`, `${SECRET}-1`], 1])
    await host.advance(500_000)
    expect(await one.of('a.x').value()).toBe(`${SECRET}-1`)
    await host.advance(41_000)
    expect(await one.of('a.x').value()).toBe(`${SECRET}-2`)
    // The former one is still taken out of what is stored.
    expect(one.redact(`was ${SECRET}-1`)).toEqual({ value: `was ${REDACTED}`, leaked: ['a.x'] })
  })

  it('CRD-002: while the source fails the old one is used until its end, and no longer', async () => {
    let answer: () => IssuedCredential = () => ({ value: SECRET, expiresInSeconds: 600 })
    const { one, host } = keeper({ 'a.x': fromProvider('idp', async () => answer(), USE) })
    expect(await one.of('a.x').value()).toBe(SECRET)
    answer = () => {
      throw new Error(`down, and ${SECRET} was it`)
    }
    await host.advance(560_000)
    expect(await one.of('a.x').value()).toBe(SECRET)
    await host.advance(41_000)
    const refused = await one
      .of('a.x')
      .value()
      .catch((thrown: unknown) => String(thrown))
    expect(refused).toContain('its source failed')
    expect(refused).not.toContain(SECRET)
  })
})

describe('taking it out', () => {
  const out = spellings(SECRET).map((text) => ({ tool: 'a.x', text }))

  it('CRD-020: the value is found in strings, field names and the usual encodings, and nothing else is changed', () => {
    const basic = Buffer.from(`user:${SECRET}`).toString('base64')
    for (const text of [
      SECRET,
      `Bearer ${SECRET}!`,
      Buffer.from(SECRET).toString('base64'),
      Buffer.from(SECRET).toString('base64url'),
      Buffer.from(`x${SECRET}`).toString('base64'),
      basic,
      Buffer.from(SECRET).toString('hex'),
    ]) {
      const { value, leaked } = redacted({ a: [text, 1, null], [text]: true }, out)
      expect([text, leaked]).toEqual([text, ['a.x']])
      expect(JSON.stringify(value)).not.toContain(text)
    }
    const plain = { a: ['nothing', { b: 2 }] }
    expect(redacted(plain, out).value).toBe(plain)
    expect(
      redacted(
        'a b+c',
        spellings('a+b/c=d&e').map((text) => ({ tool: 't', text })),
      ).leaked,
    ).toEqual([])
    expect(
      redacted(
        encodeURIComponent('a+b/c=d&e'),
        spellings('a+b/c=d&e').map((text) => ({ tool: 't', text })),
      ).leaked,
    ).toEqual(['t'])
  })
})
