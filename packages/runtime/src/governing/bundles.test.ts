import { describe, expect, it } from 'vitest'
import { systemHost } from '../base/host.ts'
import type { Principal } from '../contracts/common.ts'
import type { PolicyRequest } from '../contracts/policy.ts'
import { bundleHash } from '../contracts/policy-history.ts'
import { loadBundle, type PolicyBundle } from '../policy/index.ts'
import { memoryStore } from '../stores/index.ts'
import { type BundleFiles, policyBundles } from './bundles.ts'
import { keepPolicy } from './keeper.ts'
import { livePolicy } from './live-policy.ts'

const person = (id: string, ...roles: string[]): Principal => ({ id, kind: 'user', tenant: 'acme', roles })
const ana = person('user:ana', 'policy-author')
const both = person('user:bob', 'policy-author', 'policy-approver')
const ben = person('user:ben', 'policy-approver')
const because = (by: Principal) => ({ by, reason: 'because' })

const READ = {
  class: 'records.read',
  effect: 'none',
  owner: 'o',
  blast_radius: 'none',
  input: { n: 'Long' },
  facts: {},
}

/** A bundle that permits reads up to a number. */
function files(limit: number, over: Record<string, string> = {}, manifest: object = {}): BundleFiles {
  const bundle = {
    name: 'desk',
    version: '1.0.0',
    owner: 'sec',
    roles: ['clerk', 'chief'],
    reasons: { TOO_MUCH: 'no' },
  }
  const catalogue = { tools: [{ name: 'get.one', ...READ }], models: [], workflows: [] }
  return {
    'bundle.json': JSON.stringify({ ...bundle, ...manifest }),
    'catalogue.json': JSON.stringify(catalogue),
    'core.cedar': `@id("reads") @owner("sec")
      permit (principal, action == Signalbox::Action::"tool:get.one", resource) when { context.input.n <= ${limit} };`,
    ...over,
  }
}

const hashOf = (some: BundleFiles): string => loadBundle(some).hash

function life(checkCode: (bundle: PolicyBundle) => void = () => undefined) {
  const store = memoryStore(systemHost)
  const make = () => policyBundles({ store, host: systemHost, tenant: 'acme', checkCode })
  const bundles = make()
  const inForce = async () => bundleHash((await bundles.history()).inForce?.bundle ?? '')
  const put = async (some: BundleFiles) => {
    await bundles.propose({ files: some }, because(ana))
    await bundles.activate(hashOf(some), because(ben))
  }
  return { store, bundles, inForce, put, make }
}

describe('bundles', () => {
  it('BDL-008: every bundle that was in force, and every draft, can be read by its hash for good', async () => {
    const { bundles, put, store } = life()
    await put(files(1))
    await put(files(2))
    expect(await bundles.files(hashOf(files(1)))).toEqual(files(1))
    expect((await bundles.load(hashOf(files(1)))).hash).toBe(hashOf(files(1)))
    // A later text under the same hash changes nothing.
    await store.putDefinition(`policy-bundle:${hashOf(files(1))}`, '{}')
    expect(await bundles.files(hashOf(files(1)))).toEqual(files(1))
    await expect(bundles.files('f'.repeat(64))).rejects.toMatchObject({ code: 'NOT_FOUND' })
  })

  it('BDL-002, BDL-003: a second person activates; the author, and one without the role, change nothing', async () => {
    const { bundles, inForce, put } = life()
    await put(files(1))
    await bundles.propose({ files: files(2) }, because(both))
    const hash = hashOf(files(2))
    await expect(bundles.activate(hash, because(both))).rejects.toMatchObject({ code: 'POLICY_SELF_REVIEW' })
    await expect(bundles.activate(hash, because(ana))).rejects.toMatchObject({ code: 'FORBIDDEN' })
    await expect(bundles.propose({ files: files(3) }, because(person('user:eve')))).rejects.toMatchObject({
      code: 'FORBIDDEN',
    })
    expect(await inForce()).toBe(hashOf(files(1)))
    await bundles.activate(hash.slice(0, 12), because(ben))
    expect(await inForce()).toBe(hash)
  })

  it('BDL-003: who may is what the bundle in force says, not what the draft says of itself', async () => {
    const { bundles, inForce } = life()
    const strict = files(1, {}, { policy_approvers: ['chief'] })
    await bundles.propose({ files: strict }, because(ana))
    await bundles.activate(hashOf(strict), because(person('user:zoe', 'chief')))
    const loose = files(2, {}, { policy_approvers: ['clerk'] })
    await bundles.propose({ files: loose }, because(ana))
    const clerk = person('user:cleo', 'clerk')
    await expect(bundles.activate(hashOf(loose), because(clerk))).rejects.toMatchObject({ code: 'FORBIDDEN' })
    await bundles.activate(hashOf(loose), because(person('user:zoe', 'chief')))
    expect(await inForce()).toBe(hashOf(loose))
  })

  it('BDL-007, BDL-009: a draft that does not validate or does not fit the code is refused, and nothing is stored', async () => {
    const { bundles, store } = life((bundle) => {
      if (bundle.version === '6.6.6') throw Object.assign(new Error('laxer'), { code: 'CATALOGUE_LAXER' })
    })
    const broken = files(1, { 'core.cedar': 'permit (principal, action, resource);' })
    await expect(bundles.propose({ files: broken }, because(ana))).rejects.toMatchObject({
      code: 'POLICY_BUNDLE_INVALID',
    })
    const laxer = files(1, {}, { version: '6.6.6' })
    await expect(bundles.propose({ files: laxer }, because(ana))).rejects.toMatchObject({ code: 'CATALOGUE_LAXER' })
    expect(await store.policyHead()).toBe(0)
    await expect(bundles.files(hashOf(laxer))).rejects.toMatchObject({ code: 'NOT_FOUND' })
  })

  it('BDL-010: of two changes at the same time the later is judged by what the first made of it', async () => {
    const { bundles, put, make } = life()
    await put(files(1))
    await bundles.propose({ files: files(2) }, because(ana))
    await bundles.propose({ files: files(3) }, because(ana))
    const results = await Promise.allSettled([
      make().activate(hashOf(files(2)), because(ben)),
      make().activate(hashOf(files(3)), because(ben)),
    ])
    expect(results.map((each) => each.status).sort()).toEqual(['fulfilled', 'rejected'])
    const [refused] = results.filter((each) => each.status === 'rejected')
    expect(refused?.reason).toMatchObject({ code: 'POLICY_DRAFT_STALE' })
  })

  it('BDL-011: back to an earlier bundle takes two people, or one in an emergency, which somebody else looks at after', async () => {
    const { bundles, inForce, put } = life()
    await put(files(1))
    await put(files(2))
    await bundles.propose({ hash: hashOf(files(1)) }, because(ana))
    await bundles.activate(hashOf(files(1)), because(ben))
    expect((await bundles.history()).inForce).toMatchObject({ way: 'reviewed', rollback: true })

    await expect(bundles.takeBack(hashOf(files(2)), because(ana))).rejects.toMatchObject({ code: 'FORBIDDEN' })
    await expect(bundles.takeBack(hashOf(files(9)), because(ben))).rejects.toMatchObject({ code: 'NOT_FOUND' })
    await bundles.takeBack(hashOf(files(2)), because(ben))
    expect(await inForce()).toBe(hashOf(files(2)))
    const [open] = (await bundles.history()).unreviewed
    expect(open).toMatchObject({ way: 'emergency', by: { id: 'user:ben' } })
    await expect(bundles.review(open?.seq ?? 0, because(ben))).rejects.toMatchObject({ code: 'POLICY_SELF_REVIEW' })
    await bundles.review(open?.seq ?? 0, because(person('user:cy', 'policy-approver')))
    expect((await bundles.history()).unreviewed).toEqual([])
  })

  it('BDL-012: a draft that is declined cannot be activated', async () => {
    const { bundles, put } = life()
    await put(files(1))
    await bundles.propose({ files: files(2) }, because(ana))
    const eve = person('user:eve', 'policy-author')
    await expect(bundles.decline(hashOf(files(2)), because(eve))).rejects.toMatchObject({ code: 'FORBIDDEN' })
    await bundles.decline(hashOf(files(2)), because(ana))
    await expect(bundles.activate(hashOf(files(2)), because(ben))).rejects.toMatchObject({ code: 'NOT_FOUND' })
  })

  it('BDL-013: the first bundle by configuration names two people and is marked; afterwards there is none', async () => {
    const { bundles } = life()
    const how = { way: 'bootstrap', author: 'user:ana', reviewer: 'user:ben', reason: 'first start' } as const
    const alone = bundles.activateUnproposed(files(1), { ...how, reviewer: 'user:ana' })
    await expect(alone).rejects.toMatchObject({ code: 'CONFIG_INVALID' })
    await bundles.activateUnproposed(files(1), how)
    expect((await bundles.history()).inForce).toMatchObject({
      way: 'bootstrap',
      declared: true,
      by: { id: 'user:ben' },
    })
    await expect(bundles.activateUnproposed(files(2), how)).rejects.toMatchObject({ code: 'CONFLICT' })
  })
})

const question = (n: number, run = `run_${n}`): PolicyRequest => ({
  point: 'pre_tool_call',
  run: { id: run, workflow: 'w', agent: null, mode: 'development' },
  principal: person('user:ana', 'clerk'),
  action: { name: 'get.one', class: 'records.read', effect: 'none', definition_hash: 'h' },
  input: { n },
  facts: {},
  labels: { integrity: 3, marks: [] },
  approval: null,
})

async function kept(of: ReturnType<typeof life>, name: string) {
  const live = livePolicy(await of.bundles.load(await of.inForce()))
  const troubles: string[] = []
  const base = { bundles: of.make(), live, store: of.store, host: systemHost, kind: 'worker' as const, name, pid: 1 }
  const keeper = await keepPolicy({ ...base, onTrouble: ({ code }) => troubles.push(code) })
  return { live, keeper, troubles }
}

describe('processes', () => {
  it('BDL-014: each takes up the bundle that came into force, without a restart, and tells which it holds', async () => {
    const of = life()
    await of.put(files(1))
    const [one, two] = [await kept(of, 'worker-1'), await kept(of, 'worker-2')]
    expect(one.live.decide(question(2)).verdict).toBe('deny')
    await of.put(files(2))
    await Promise.all([one.keeper.look(), two.keeper.look()])
    expect(one.live.decide(question(2))).toMatchObject({ verdict: 'allow', bundle: `desk@${hashOf(files(2))}` })
    const { inForce } = await of.bundles.history()
    expect(await of.store.policyHolders()).toMatchObject([
      { process: 'worker-1/1', bundle: inForce?.bundle, activation: inForce?.seq, refused: null },
      { process: 'worker-2/1', bundle: inForce?.bundle, activation: inForce?.seq, refused: null },
    ])
    await Promise.all([one.keeper.close(), two.keeper.close()])
    expect(await of.store.policyHolders()).toEqual([])
  })

  it('BDL-007: one whose code does not fit stays with the one before, and says so as long as that lasts', async () => {
    const of = life()
    await of.put(files(1))
    const old = await kept(of, 'worker-1')
    await of.put(files(2))
    old.live.swap = () => {
      throw Object.assign(new Error('tool `x` is laxer'), { code: 'CATALOGUE_LAXER' })
    }
    await old.keeper.look()
    await old.keeper.look()
    expect(old.live.bundle).toBe(`desk@${hashOf(files(1))}`)
    expect(old.troubles).toEqual(['POLICY_REFUSED', 'POLICY_REFUSED'])
    const [holder] = await of.store.policyHolders()
    expect(holder).toMatchObject({
      bundle: `desk@${hashOf(files(1))}`,
      refused: { bundle: `desk@${hashOf(files(2))}` },
    })
    await old.keeper.close()
  })

  it('BDL-015: a shadow tells what a draft would have done otherwise, once for each question, and decides nothing', async () => {
    const of = life()
    await of.put(files(5))
    const { live, keeper } = await kept(of, 'worker-1')
    await of.bundles.startShadow({ files: files(2) }, because(ana))
    await keeper.look()
    for (const n of [1, 3, 3, 9]) live.decide(question(n))
    expect(live.decide(question(4)).verdict).toBe('allow')
    await keeper.close()
    const { shadow } = await of.bundles.history()
    const seq = shadow?.seq ?? 0
    expect(await of.store.shadowCounts('acme', seq)).toEqual({ same: 2, would_block: 2 })
    const found = await of.store.shadowFindings('acme', seq, 10)
    expect(found.map(({ outcome, runId }) => [outcome, runId])).toEqual([
      ['would_block', 'run_4'],
      ['would_block', 'run_3'],
    ])
    expect(JSON.stringify(found)).not.toContain('"n"')
  })

  it('BDL-016: a draft that cannot be evaluated touches no run, and its errors are counted', async () => {
    const of = life()
    await of.put(files(5))
    const { live, keeper } = await kept(of, 'worker-1')
    const overflow = files(5, {
      'core.cedar': `@id("reads") @owner("sec")
        permit (principal, action == Signalbox::Action::"tool:get.one", resource)
        when { context.input.n * 9223372036854775807 > 0 };`,
    })
    await of.bundles.startShadow({ files: overflow }, because(ana))
    await keeper.look()
    expect(live.decide(question(3)).verdict).toBe('allow')
    await keeper.close()
    const { shadow } = await of.bundles.history()
    expect(await of.store.shadowCounts('acme', shadow?.seq ?? 0)).toEqual({ error: 1 })
    expect(await of.store.shadowCounts('other', shadow?.seq ?? 0)).toEqual({})
  })
})
