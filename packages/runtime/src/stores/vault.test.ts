import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { hmacBase64Url } from '../base/hash.ts'
import { systemHost } from '../base/host.ts'
import type { Store } from '../contracts/store.ts'
import type { Vault } from '../contracts/vault.ts'
import { loadMasterKey } from './master-key.ts'
import { memoryStore } from './memory.ts'
import { openSqliteStore } from './sqlite/open.ts'
import { keyVault } from './vault.ts'

const host = systemHost
const masterKey = new Uint8Array(32).fill(7)
const texts = ['approve 50 EUR for Ana', '', '{"a":"ü €\u0000"}']

function code(act: () => unknown): unknown {
  try {
    act()
  } catch (thrown) {
    return thrown instanceof Error && 'code' in thrown ? thrown.code : thrown
  }
  return 'nothing thrown'
}

describe('vault', () => {
  let store: Store
  let vault: Vault
  beforeEach(() => {
    store = memoryStore()
    vault = keyVault({ store, host, masterKey })
  })

  it('STO-060: what was sealed opens to the same texts, also in another process with the same master key', async () => {
    const { bytes } = (await vault.sealer('acme', 'ana')).seal(texts)
    expect((await vault.sealer('acme', 'ana')).open(bytes)).toEqual(texts)
    const other = keyVault({ store, host, masterKey })
    expect((await other.sealer('acme', 'ana')).open(bytes)).toEqual(texts)
    expect(Buffer.from(bytes).includes('Ana')).toBe(false)
  })

  it('STO-061: equal texts have different hashes under different salts, and equal digests within a tenant only', async () => {
    const ana = await vault.sealer('acme', 'ana')
    const [first, second] = [ana.seal(['x']), ana.seal(['x'])]
    expect(first.hashes[0]).not.toBe(second.hashes[0])
    expect(first.hashes[0]).toMatch(/^[\w-]{43}$/)
    const bob = await vault.sealer('acme', 'bob')
    expect(bob.digest('x')).toBe(ana.digest('x'))
    expect((await vault.sealer('other', 'ana')).digest('x')).not.toBe(ana.digest('x'))
    expect(ana.digest('x')).not.toBe(hmacBase64Url(masterKey, 'x'))
  })

  it('STO-062: a changed or foreign sealed content is STORE_CORRUPT, a missing one CONTENT_ERASED', async () => {
    const ana = await vault.sealer('acme', 'ana')
    const { bytes } = ana.seal(texts)
    for (let at = 0; at < bytes.length; at++) {
      const changed = bytes.slice()
      changed[at] = (changed[at] ?? 0) ^ 1
      expect(code(() => ana.open(changed))).toBe('STORE_CORRUPT')
    }
    expect(code(() => ana.open(bytes.slice(0, 20)))).toBe('STORE_CORRUPT')
    expect(code(() => ana.open(null))).toBe('CONTENT_ERASED')
    const bob = await vault.sealer('acme', 'bob')
    expect(code(() => bob.open(bytes))).toBe('STORE_CORRUPT')
    const stranger = await vault.sealer('other', 'ana')
    expect(code(() => stranger.open(bytes))).toBe('STORE_CORRUPT')
  })

  it('STO-063: destroying a subject erases its contents for sealers held and new; digests stay as they were', async () => {
    const held = await vault.sealer('acme', 'ana')
    const { bytes } = held.seal(texts)
    const digest = held.digest('x')
    const bob = await vault.sealer('acme', 'bob')
    const kept = bob.seal(['kept'])
    await vault.destroySubject('acme', 'ana')
    for (const sealer of [
      held,
      await vault.sealer('acme', 'ana'),
      await keyVault({ store, host, masterKey }).sealer('acme', 'ana'),
    ]) {
      expect(code(() => sealer.open(bytes))).toBe('CONTENT_ERASED')
      expect(code(() => sealer.seal(['new']))).toBe('CONTENT_ERASED')
      expect(sealer.digest('x')).toBe(digest)
    }
    expect(bob.open(kept.bytes)).toEqual(['kept'])
    await expect(vault.destroySubject('acme', '$tenant')).rejects.toMatchObject({ code: 'INPUT_INVALID' })
  })

  it('STO-064: another master key opens nothing and makes no new key', async () => {
    const { bytes } = (await vault.sealer('acme', 'ana')).seal(texts)
    const wrong = keyVault({ store, host, masterKey: new Uint8Array(32).fill(8) })
    await expect(wrong.sealer('acme', 'ana')).rejects.toMatchObject({ code: 'KEY_MISSING' })
    await expect(wrong.sealer('acme', 'new')).rejects.toMatchObject({ code: 'KEY_MISSING' })
    expect((await vault.sealer('acme', 'ana')).open(bytes)).toEqual(texts)
    expect(code(() => keyVault({ store, host, masterKey: new Uint8Array(16) }))).toBe('KEY_MISSING')
  })

  it('STO-060: two vaults that make the same key at the same time end with one', async () => {
    const two = keyVault({ store, host, masterKey })
    const [a, b] = await Promise.all([vault.sealer('acme', 'ana'), two.sealer('acme', 'ana')])
    expect(b.open(a.seal(texts).bytes)).toEqual(texts)
    expect(a.digest('x')).toBe(b.digest('x'))
  })

  it('STO-060: more subjects than are kept in memory still open', async () => {
    const small = keyVault({ store, host, masterKey, cachedKeys: 2 })
    const sealed = []
    for (let i = 0; i < 6; i++) sealed.push((await small.sealer('acme', `s${i}`)).seal([`text ${i}`]).bytes)
    for (let i = 0; i < 6; i++)
      expect((await small.sealer('acme', `s${i}`)).open(sealed[i] ?? null)).toEqual([`text ${i}`])
  })

  it('STO-065: wrapped keys are bound to tenant and subject: one copied to another subject does not open', async () => {
    await vault.sealer('acme', 'ana')
    const wrapped = (await store.key('acme', 'ana'))?.wrapped
    await store.putKey('acme', 'eve', wrapped ?? new Uint8Array())
    await expect(keyVault({ store, host, masterKey }).sealer('acme', 'eve')).rejects.toMatchObject({
      code: 'KEY_MISSING',
    })
  })
})

describe('keys on disk', () => {
  let dir: string
  beforeEach(() => {
    dir = mkdtempSync(join(tmpdir(), 'signalbox-keys-'))
  })
  afterEach(() => rmSync(dir, { recursive: true, force: true }))

  it('STO-066: the wrapped key of a destroyed subject is in no file of the data folder', async () => {
    const store = await openSqliteStore({ path: join(dir, 'a.db'), host })
    const files = ['a.db', 'a.db-wal']
    // Any eight bytes in a row count: a freed cell is overwritten in part by what takes its place.
    const inFiles = (bytes: Uint8Array): boolean =>
      files.some((name) => {
        const file = readFileSync(join(dir, name))
        return bytes.some((_, at) => at + 8 <= bytes.length && file.includes(Buffer.from(bytes.subarray(at, at + 8))))
      })
    const wrapped = host.randomBytes(61)
    for (let i = 0; i < 300; i++) await store.putKey('acme', `filler ${(i * 7919) % 300}`, host.randomBytes(61))
    await store.putKey('acme', 'filler 100x', wrapped)
    for (let i = 300; i < 600; i++) await store.putKey('acme', `filler ${(i * 7919) % 300} ${i}`, host.randomBytes(61))
    expect(inFiles(wrapped)).toBe(true)
    await store.destroyKey('acme', 'filler 100x', 1)
    expect(inFiles(wrapped)).toBe(false)
    await store.close()
  })

  it('STO-067: in development the key file is made once, readable by its owner only, and used again', () => {
    const data = join(dir, 'data')
    const first = loadMasterKey({ dir: data, env: {}, mode: 'development', host })
    expect(first).toHaveLength(32)
    expect(loadMasterKey({ dir: data, env: {}, mode: 'development', host })).toEqual(first)
    expect(statSync(join(data, 'master.key')).mode & 0o777).toBe(0o600)
  })

  it('STO-068: the environment goes first; production takes nothing else; other forms are KEY_MISSING', () => {
    const text = Buffer.from(masterKey).toString('base64')
    loadMasterKey({ dir, env: {}, mode: 'development', host })
    const env = { SIGNALBOX_MASTER_KEY: text }
    expect(loadMasterKey({ dir, env, mode: 'development', host })).toEqual(masterKey)
    expect(loadMasterKey({ dir, env, mode: 'production', host })).toEqual(masterKey)
    expect(code(() => loadMasterKey({ dir, env: {}, mode: 'production', host }))).toBe('KEY_MISSING')
    for (const bad of ['short', `${text}!`, text.slice(4)]) {
      const wrong = { SIGNALBOX_MASTER_KEY: bad }
      expect(code(() => loadMasterKey({ dir, env: wrong, mode: 'development', host }))).toBe('KEY_MISSING')
    }
    writeFileSync(join(dir, 'file'), '')
    expect(code(() => loadMasterKey({ dir: join(dir, 'file'), env: {}, mode: 'development', host }))).toBe(
      'STORE_READ_ONLY',
    )
  })
})
