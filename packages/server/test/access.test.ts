/** Who may do what, as the API tells it: the table of roles and tools with its signature, exemptions, credentials, people. */
import { createClient } from '@signalbox/protocol'
import {
  CredentialKeeper,
  fromEnvironment,
  loadBundle,
  memoryStore,
  type Principal,
  sha256Hex,
  systemHost,
} from 'signalbox'
import { describe, expect, it } from 'vitest'
import { createApp } from '../src/http/app.ts'
import { accessService, requireSignOff, signOffFault } from '../src/identity/access.ts'
import type { PrincipalDef } from '../src/identity/directory.ts'
import { fakeRuns } from './fake-runs.ts'

const SECRET = 'sk-live-0123456789-abcdef'
const TOKEN = 'token-of-owen-0123456789'
const PEOPLE: readonly PrincipalDef[] = [
  { id: 'user:owen', roles: { dev: ['owner'] }, tokens: [{ name: 'laptop', sha256: sha256Hex(TOKEN), tenant: 'dev' }] },
  { id: 'user:sam', roles: { other: ['clerk'] }, tokens: [] },
]

function bundleOf(limit: number) {
  return loadBundle({
    'bundle.json': JSON.stringify({
      name: 'test',
      version: '1.0.0',
      owner: 'o',
      roles: ['clerk', 'chief', 'owner'],
      reasons: { ASK: 'a chief is asked', HATS: 'pay and approve' },
      duties: [{ id: 'hats', reason: 'HATS', roles: ['clerk', 'chief'] }],
      sign_off: { days: 30, role: 'owner' },
    }),
    'catalogue.json': JSON.stringify({
      tools: [
        {
          ...{ name: 'money.pay', class: 'money.write', effect: 'irreversible', owner: 'treasury' },
          ...{ blast_radius: 'one payment', input: { amount: 'Long' }, facts: {} },
        },
      ],
      models: [],
      workflows: [{ name: 'desk', owner: 'o', roles: ['clerk'] }],
    }),
    'exemptions.json': JSON.stringify({
      exemptions: [
        {
          ...{ tool: 'money.pay', condition: 'small ones', owner: 'treasury', reason: 'bounded' },
          ...{ signed_by: 'user:owen', signed_on: '2020-01-01', expires_on: '2020-06-01' },
        },
      ],
    }),
    'core.cedar': `@id("pay") @owner("o") permit (principal, action, resource) when { principal.user in Signalbox::Role::"clerk" };
@id("ask") @owner("o") @reason("ASK") @effect("require_approval") @approvers("role:chief")
forbid (principal, action == Signalbox::Action::"tool:money.pay", resource) when { context.input.amount > ${limit} }
unless { context has approval && context.approval.bound };`,
  })
}

function opened() {
  let bundle = bundleOf(100)
  const store = memoryStore()
  const credentials = new CredentialKeeper(
    { 'money.pay': fromEnvironment('TOKEN', { hosts: ['bank.test:443'] }) },
    { host: systemHost, env: { TOKEN: SECRET } },
  )
  const project = { principals: PEOPLE, workflows: [] }
  const access = accessService({ project, bundle: () => bundle, credentials, store, host: systemHost })
  const as = (...roles: string[]) => {
    const who: Principal = { id: 'user:owen', kind: 'user', tenant: 'dev', roles }
    const app = createApp({
      ...fakeRuns(),
      access,
      workflows: [],
      models: { resolve: () => undefined as never },
      auth: { kind: 'issued', authenticate: async () => who },
      host: systemHost,
      mode: 'production',
      version: '0',
      consoleDir: null,
      log: () => undefined,
      stopping: new AbortController().signal,
    })
    return createClient({
      baseUrl: 'http://local',
      token: TOKEN,
      fetch: async (input, init) => app.request(new Request(input, init)),
    })
  }
  return { access, as, store, change: () => (bundle = bundleOf(100_000)) }
}

describe('the table and its signature', () => {
  it('ROL-033, ROL-034: the owner signs what they saw; a change takes the signature away, and production does not start', async () => {
    const { access, as, store, change } = opened()
    const owner = as('access-owner', 'owner')
    const lines: string[] = []
    const start = (mode: 'production' | 'development') => requireSignOff(access, mode, (line) => lines.push(line))
    await expect(start('production')).rejects.toMatchObject({
      code: 'CONFIG_INVALID',
      message: expect.stringContaining('nobody has signed'),
    })
    await start('development')
    expect(lines).toHaveLength(1)
    expect((await owner.status()).troubles.map((each) => each.code)).toEqual(['ROLES_NOT_SIGNED'])

    const seen = await owner.roleMatrix()
    expect(seen).toMatchObject({
      roles: ['clerk', 'chief', 'owner', '(all roles)'],
      sign_off: { state: 'missing', rule: { days: 30 } },
    })
    expect(seen.rows[0]?.cells.map((cell) => cell.verdict)).toEqual([
      'asks_sometimes',
      'denied',
      'denied',
      'asks_sometimes',
    ])
    expect(seen.rows[0]?.cells[0]?.conditions[0]).toMatchObject({ sentence: 'a chief is asked' })
    expect(seen.duties).toEqual([{ id: 'hats', kind: 'roles', sentence: 'pay and approve', what: ['clerk', 'chief'] }])
    const body = { matrix: seen.hash, reason: 'read with treasury' }
    await expect(as('viewer', 'owner').signRoles({ body })).rejects.toMatchObject({ code: 'FORBIDDEN' })
    await expect(as('access-owner').signRoles({ body })).rejects.toMatchObject({ code: 'FORBIDDEN' })
    await expect(owner.signRoles({ body: { ...body, matrix: 'other' } })).rejects.toMatchObject({ code: 'CONFLICT' })
    expect(await store.policyLog(0)).toEqual([])

    const signed = await owner.signRoles({ body })
    expect(signed).toMatchObject({
      state: 'signed',
      signatures: [{ by: { id: 'user:owen' }, reason: 'read with treasury', matrix: seen.hash }],
    })
    expect(JSON.parse((await store.definition(`role-matrix:${seen.hash}`)) ?? '')).toMatchObject({ roles: seen.roles })
    await start('production')
    expect((await owner.status()).ok).toBe(true)

    change()
    expect((await owner.roleMatrix()).sign_off.state).toBe('changed')
    await expect(owner.signRoles({ body })).rejects.toMatchObject({ code: 'CONFLICT' })
    expect(signOffFault(await access.signOff())).toContain('has changed since it was signed')
    await expect(start('production')).rejects.toMatchObject({ code: 'CONFIG_INVALID' })
  })
})

describe('the lists', () => {
  it('ROL-036: exemptions have their state, credentials no value, people no token and only those of the tenant', async () => {
    const viewer = opened().as('viewer')
    expect((await viewer.exemptions()).exemptions).toMatchObject([
      { tool: 'money.pay', state: 'expired', signed_by: 'user:owen' },
    ])
    expect((await viewer.credentials()).credentials).toMatchObject([
      { tool: 'money.pay', resolves: null, source: 'TOKEN' },
    ])
    const proved = await viewer.credentials({ query: { prove: 'true' } })
    expect(proved).toMatchObject({ credentials: [{ resolves: true, hosts: ['bank.test:443'] }], faults: [] })
    const people = await viewer.principals()
    expect(people.principals).toMatchObject([
      { id: 'user:owen', roles: ['owner'], tokens: [{ name: 'laptop', scopes: null }] },
    ])
    const all = JSON.stringify([proved, people])
    expect([all.includes(SECRET), all.includes(TOKEN), all.includes(sha256Hex(TOKEN))]).toEqual([false, false, false])
  })
})
