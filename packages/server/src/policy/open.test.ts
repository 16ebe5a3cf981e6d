import { cpSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { loadBundle, memoryStore, type Store, systemHost } from 'signalbox'
import { afterAll, describe, expect, it } from 'vitest'
import { defineProject } from '../project.ts'
import { readBundleDir } from './folder.ts'
import { openPolicy, type PolicyPart } from './open.ts'
import type { PolicySettings } from './settings.ts'

const SAMPLE = fileURLToPath(new URL('../../test/sample/policy', import.meta.url))
const work = mkdtempSync(join(tmpdir(), 'signalbox-open-'))
afterAll(() => rmSync(work, { recursive: true, force: true }))

/** A folder with a bundle of its own. */
function folder(name: string): string {
  const dir = join(work, name)
  cpSync(SAMPLE, dir, { recursive: true })
  return dir
}

const hashOf = (dir: string): string => loadBundle(readBundleDir(dir)).hash

function open(
  store: Store,
  dir: string,
  part: PolicyPart,
  policy: PolicySettings = {},
  checkCode = (): void => undefined,
) {
  const project = defineProject({
    ...{ name: 'p', workflows: [], bundleDir: dir, mode: 'production', policy },
    models: () => ({ resolve: () => Promise.reject() as never }),
  })
  return openPolicy({ project, part, store, host: systemHost, checkCode })
}

const person = (id: string, role: string) => ({
  by: { id, kind: 'user' as const, tenant: 'dev', roles: [role] },
  reason: 'first start',
})

describe('the policy of production', () => {
  it('BDL-019: without an activation no process starts; two people make the first one without a server', async () => {
    const [store, dir] = [memoryStore(systemHost), folder('none')]
    for (const part of ['server', 'member'] as const)
      await expect(open(store, dir, part)).rejects.toMatchObject({ code: 'POLICY_NOT_ACTIVATED' })
    const { bundles, live } = await open(store, dir, 'offline')
    expect(live.mayStart('transfer', person('user:ana', 'requester').by)).toBe(false)
    await bundles.propose({ files: readBundleDir(dir) }, person('user:ana', 'policy-author'))
    await expect(bundles.activate(hashOf(dir), person('user:ana', 'policy-approver'))).rejects.toMatchObject({
      code: 'POLICY_SELF_REVIEW',
    })
    await bundles.activate(hashOf(dir), person('user:ben', 'policy-approver'))
    expect((await open(store, dir, 'server')).live.current().hash).toBe(hashOf(dir))
    expect((await bundles.history()).inForce?.way).toBe('bootstrap')
  })

  it('BDL-013, BDL-019: the first one by configuration holds for exactly the bundle that it names', async () => {
    const [store, dir] = [memoryStore(systemHost), folder('first')]
    const first = { hash: hashOf(dir), author: 'user:ana', reviewer: 'user:ben', reason: 'reviewed in the change' }
    const other = { ...first, hash: 'f'.repeat(64) }
    await expect(open(store, dir, 'server', { first: other })).rejects.toMatchObject({ code: 'POLICY_NOT_ACTIVATED' })
    await expect(open(store, dir, 'member', { first })).rejects.toMatchObject({ code: 'POLICY_NOT_ACTIVATED' })
    const { bundles } = await open(store, dir, 'server', { first })
    expect((await bundles.history()).inForce).toMatchObject({ way: 'bootstrap', declared: true })
  })

  it('BDL-020: a folder that nobody activated is not used: what was activated last stays in force', async () => {
    const [store, dir] = [memoryStore(systemHost), folder('changed')]
    const before = hashOf(dir)
    const first = { hash: before, author: 'user:ana', reviewer: 'user:ben', reason: 'reviewed in the change' }
    await open(store, dir, 'server', { first })
    writeFileSync(join(dir, 'more.cedar'), '@id("all") @owner("me") permit (principal, action, resource);')
    for (const part of ['server', 'member', 'offline'] as const)
      expect((await open(store, dir, part, { first })).live.current().hash).toBe(before)
    await expect(open(store, dir, 'server', { activation: 'folder' })).rejects.toMatchObject({ code: 'CONFIG_INVALID' })
  })
})
