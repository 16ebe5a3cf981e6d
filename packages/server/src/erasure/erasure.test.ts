import { appendFileSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { keyVault, loadAuditKey, openSqliteStore, type Principal, signingKey, systemHost } from 'signalbox'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { DATABASE } from '../dev/compose.ts'
import { headsDirOf, publicKeyPath } from '../heads/files.ts'
import { checkTreeHeads } from '../heads/verify.ts'
import { startTreeHeads } from '../heads/writer.ts'
import { erasureLogPath } from './log.ts'
import { erasureService } from './service.ts'

const host = systemHost
const OLGA: Principal = { id: 'user:olga', kind: 'user', tenant: 'dev', roles: ['privacy'] }
let dir: string
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'signalbox-erasures-'))
})
afterEach(() => rmSync(dir, { recursive: true, force: true }))

const auditKey = () => signingKey(loadAuditKey({ dir, env: {}, mode: 'development', host }))

/** A data folder with a person's key and a signed head; gives the key as the store held it. */
async function folder() {
  const store = await openSqliteStore({ path: join(dir, DATABASE), host })
  const vault = keyVault({ store, host, masterKey: new Uint8Array(32) })
  await vault.sealer('dev', 'ana')
  const wrapped = (await store.key('dev', 'ana'))?.wrapped
  const heads = { store, host, key: auditKey(), dir: headsDirOf(dir, {}), publicKeyPath: publicKeyPath(dir) }
  await startTreeHeads({ ...heads, log: () => undefined }).stop()
  const service = erasureService({ store, vault, host, dataDir: dir, env: {}, mode: 'development' })
  return { store, service, wrapped: wrapped ?? new Uint8Array() }
}

const kinds = async () => (await checkTreeHeads({ dataDir: dir, env: {} }))?.findings.map((each) => each.kind)

describe('the log of erased persons', () => {
  it('ERA-010, NAR-047: a key that came back, and a changed line, are findings of the audit; nobody is erased over such a log', async () => {
    const { store, service, wrapped } = await folder()
    await service.erase({ subject: 'ana', reason: 'asked for it', by: OLGA })
    const path = erasureLogPath(dir, {})
    expect(statSync(path).mode & 0o777).toBe(0o600)
    expect(await kinds()).toEqual([])
    // A store that never heard of the erasure.
    await store.close()
    rmSync(join(dir, DATABASE))
    const older = await openSqliteStore({ path: join(dir, DATABASE), host })
    await older.putKey('dev', 'ana', wrapped)
    expect(await kinds()).toContain('erasure_undone')
    const text = readFileSync(path, 'utf8')
    writeFileSync(path, text.replace('asked for it', 'never asked'))
    expect(await kinds()).toContain('forged_erasure')
    expect(await kinds()).not.toContain('forged_disclosure')
    writeFileSync(join(dir, 'disclosures.ndjson'), `${JSON.stringify({ number: 1, by: 'user:olga' })}\n`)
    expect(await kinds()).toContain('forged_disclosure')
    const vault = keyVault({ store: older, host, masterKey: new Uint8Array(32) })
    await older.putKey('dev', 'ben', wrapped)
    const again = erasureService({ store: older, vault, host, dataDir: dir, env: {}, mode: 'development' })
    const order = { subject: 'ben', reason: 'asked for it', by: OLGA }
    await expect(again.erase(order)).rejects.toThrow(/does not open|not as it was signed/)
    expect((await older.key('dev', 'ben'))?.wrapped).not.toBeNull()
    await older.close()
  })

  it('ERA-007: a line that a stopped process left half written is replaced by the next erasure', async () => {
    const { store, service } = await folder()
    appendFileSync(erasureLogPath(dir, {}), '{"number":1,"at":"20')
    await service.erase({ subject: 'ana', reason: 'asked for it', by: OLGA })
    expect(readFileSync(erasureLogPath(dir, {}), 'utf8').split('\n')).toHaveLength(2)
    expect(await kinds()).toEqual([])
    expect(await service.reapply()).toBe(0)
    await store.close()
  })

  it('ERA-011: the log is where SIGNALBOX_ERASURE_LOG says, else in the data folder', () => {
    expect(erasureLogPath('/data', {})).toBe('/data/erasures.ndjson')
    expect(erasureLogPath('/data', { SIGNALBOX_ERASURE_LOG: '/elsewhere/log' })).toBe('/elsewhere/log')
  })
})
