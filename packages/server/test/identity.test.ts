import { ENDPOINTS, type EndpointName, type Permission, permissionSchema, problemSchema } from '@signalbox/protocol'
import {
  CredentialKeeper,
  fromEnvironment,
  memoryStore,
  type Principal,
  SignalboxError,
  sha256Hex,
  systemHost,
} from 'signalbox'
import { describe, expect, it } from 'vitest'
import { API_ROLES, permissionsOf, principalOf } from '../src/auth.ts'
import { createApp } from '../src/http/app.ts'
import { keeperOf, proveCredentials } from '../src/identity/credentials.ts'
import { issuedAuthenticator, type PrincipalDef, readDirectory } from '../src/identity/directory.ts'
import { authenticatorOf } from '../src/identity/sign-in.ts'
import type { Project } from '../src/project.ts'
import { readSchedules } from '../src/schedules/definition.ts'
import { scheduleService } from '../src/schedules/service.ts'
import { createServer } from '../src/server.ts'
import { REQUESTS } from './api-requests.ts'
import { fakeRuns } from './fake-runs.ts'
import { credentials, principals } from './guide/access.ts'

const DAY = 86_400_000
const RULES = {
  roles: ['clerk', 'approver'],
  duties: [{ kind: 'roles', id: 'two-hats', reason: 'TWO_HATS', roles: ['requester', 'approver'] }],
} as const

const token = (name: string): string => `token-of-${name}-0123456789`
const key = (name: string, more: object = {}) => ({
  name: 'main',
  sha256: sha256Hex(token(name)),
  tenant: 'acme',
  ...more,
})

const ANA: PrincipalDef = {
  id: 'user:ana',
  roles: { acme: ['requester', 'clerk'], other: ['viewer'] },
  tokens: [key('ana')],
}
const SOON = '2099-01-01'

function codeOf(act: () => unknown): SignalboxError {
  try {
    act()
  } catch (thrown) {
    if (thrown instanceof SignalboxError) return thrown
    throw thrown
  }
  throw new Error('nothing was thrown')
}

const directory = (...principals: PrincipalDef[]) => issuedAuthenticator(readDirectory(principals, RULES), systemHost)

describe('the directory', () => {
  it('ROL-020: a declared person signs in with a token of which only the hash is kept, as of its tenant', async () => {
    const auth = directory(ANA, { ...ANA, id: 'user:bob', tokens: [key('bob', { tenant: 'other', scopes: ['read'] })] })
    expect(await auth.authenticate(token('ana'))).toEqual({
      id: 'user:ana',
      kind: 'user',
      tenant: 'acme',
      roles: ['requester', 'clerk'],
      credential: 'main',
    })
    expect(await auth.authenticate(token('bob'))).toMatchObject({
      tenant: 'other',
      roles: ['viewer'],
      scopes: ['read'],
    })
    expect(await auth.authenticate(token('eve'))).toBeNull()
    expect(await auth.authenticate(sha256Hex(token('ana')))).toBeNull()
  })

  it('ROL-020: the directory that the guide shows is one', () => {
    const rules = { roles: ['payables-clerk'], duties: [] }
    expect(readDirectory(principals, rules).principals).toHaveLength(3)
    expect(Object.keys(credentials)).toHaveLength(3)
  })

  it('ROL-021: an expired token is not accepted', async () => {
    const past = new Date(systemHost.now() - DAY).toISOString()
    const next = new Date(systemHost.now() + DAY).toISOString()
    const auth = directory({
      ...ANA,
      tokens: [key('old', { expires: past }), { ...key('new', { expires: next }), name: 'b' }],
    })
    expect(await auth.authenticate(token('old'))).toBeNull()
    expect(await auth.authenticate(token('new'))).not.toBeNull()
  })

  it('ROL-022: an agent that acts for a user has the roles that both hold and counts as asked by that user', async () => {
    const bot: PrincipalDef = {
      id: 'agent:bot',
      owner: 'user:ana',
      roles: { acme: ['requester', 'operator'] },
      tokens: [key('bot', { onBehalfOf: 'user:ana', scopes: ['read', 'runs.start'], expires: SOON })],
    }
    const who = await directory(ANA, bot).authenticate(token('bot'))
    expect(who).toMatchObject({ id: 'user:ana', kind: 'agent', via: 'agent:bot', roles: ['requester'], tenant: 'acme' })
    expect(who && permissionsOf(who)).toEqual(['read', 'runs.start'])
  })

  it('ROL-023: a directory is refused with every mistake at once', () => {
    const bot: PrincipalDef = {
      id: 'service:bot',
      roles: { acme: ['operator'] },
      tokens: [key('bot', { scopes: ['approvals.decide'] })],
    }
    const { code, message } = codeOf(() =>
      readDirectory(
        [
          { ...ANA, roles: { acme: ['king'] } },
          { ...ANA, tokens: [key('x', { tenant: 'none' })] },
          bot,
          { ...bot, id: 'agent:bot', owner: 'user:ana', tokens: [key('agent', { onBehalfOf: 'user:eve' })] },
          { id: 'user:two', roles: { acme: ['requester', 'approver'] }, tokens: [key('ana')] },
        ],
        RULES,
      ),
    )
    expect(code).toBe('CONFIG_INVALID')
    for (const part of [
      'role `king`, which neither',
      '`user:ana` is declared twice',
      'tenant `none`, where it has no roles',
      '`service:bot` needs an `owner`',
      'needs `expires`',
      'needs `scopes`',
      '`approvals.decide`, which only a person',
      'acts for `user:eve`',
      'duty `two-hats` forbids',
      'one token is declared for two',
    ])
      expect(message).toContain(part)
    expect(codeOf(() => readDirectory([{ ...ANA, id: 'ana' }], RULES)).message).toContain('`id` must be such as')
    expect(
      codeOf(() => readDirectory([{ ...ANA, tokens: [{ ...key('a'), sha256: token('a') }] }], RULES)).message,
    ).toContain('SHA-256')
  })

  it('ROL-011: who holds two roles that no one person may is refused at sign-in, wherever the roles come from', async () => {
    const both: Principal = { id: 'user:two', kind: 'user', tenant: 'acme', roles: ['requester', 'approver'] }
    const auth = { kind: 'issued', authenticate: async () => both } as const
    const refused = await principalOf(`Bearer ${token('two')}`, auth, RULES.duties).catch((thrown: unknown) => thrown)
    expect(refused).toMatchObject({ code: 'DUTIES_CONFLICT', details: { duty: 'two-hats' } })
    expect(await principalOf(`Bearer ${token('two')}`, auth)).toBe(both)
  })
})

const project = (more: Partial<Project>): Project => ({
  kind: 'signalbox.project',
  name: 'p',
  workflows: [],
  bundleDir: '',
  models: () => ({ resolve: () => undefined as never }),
  mode: 'production',
  ...more,
})

describe('production', () => {
  const seeded = [{ person: 'rita', id: 'user:rita', tenant: 'dev', roles: ['requester'], token: token('rita') }]
  const open = (more: Partial<Project>) =>
    authenticatorOf({ project: project(more), bundle: RULES, host: systemHost, env: {}, people: () => seeded })

  it('ROL-024: production takes declared principals or an authenticator, and never a development token', async () => {
    expect(codeOf(() => open({}))).toMatchObject({
      code: 'CONFIG_INVALID',
      message: expect.stringContaining('`principals`'),
    })
    const development = { kind: 'development', authenticate: async () => null } as const
    expect(codeOf(() => open({ authenticator: () => development })).code).toBe('CONFIG_INVALID')
    const auth = open({ principals: [ANA] })
    expect(auth.kind).toBe('issued')
    expect(await auth.authenticate(token('rita'))).toBeNull()
    expect(await auth.authenticate(token('ana'))).not.toBeNull()
    const other = open({ authenticator: () => ({ kind: 'issued', authenticate: async () => null }) })
    expect(await other.authenticate(token('ana'))).toBeNull()
  })

  it('ROL-024: in development the seeded people stand beside those who are declared', async () => {
    const auth = open({ mode: 'development', principals: [ANA] })
    expect(auth.kind).toBe('development')
    expect(await auth.authenticate(token('rita'))).toMatchObject({ id: 'user:rita' })
    expect(await auth.authenticate(token('ana'))).toMatchObject({ id: 'user:ana' })
    expect((await open({ mode: 'development' }).authenticate(token('rita')))?.id).toBe('user:rita')
  })

  it('ROL-024: a production server does not open with development tokens', async () => {
    const fake = fakeRuns()
    const started = createServer({
      ...fake,
      workflows: [],
      models: { resolve: () => undefined as never },
      auth: { kind: 'development', authenticate: async () => null },
      host: systemHost,
      mode: 'production',
      version: '0',
      consoleDir: null,
      log: () => undefined,
      port: 0,
    })
    await expect(started).rejects.toMatchObject({ code: 'CONFIG_INVALID' })
  })
})

describe('credentials at the start', () => {
  const use = { hosts: ['bank.test:443'] }
  const keeper = (env: Record<string, string>) =>
    new CredentialKeeper(
      { 'a.x': fromEnvironment('A', use), 'b.y': fromEnvironment('B', use), 'c.z': fromEnvironment('C', use) },
      { host: systemHost, env },
    )

  it('CRD-030: production names every credential that does not resolve or is shared; development goes on', async () => {
    const env = { A: 'same-value-01', B: 'same-value-01' }
    const lines: string[] = []
    const refused = await proveCredentials(keeper(env), 'production', (line) => lines.push(line)).catch(
      (e: unknown) => e,
    )
    expect(refused).toMatchObject({ code: 'KEY_MISSING', details: { faults: { length: 2 } } })
    expect(String(refused)).toContain('`a.x` and `b.y` share one credential')
    expect(String(refused)).toContain('`c.z` from environment `C`: the variable `C` is not set')
    expect(String(refused)).not.toContain('same-value')
    expect(lines).toEqual([])
    await proveCredentials(keeper(env), 'development', (line) => lines.push(line))
    expect(lines).toHaveLength(2)
    await proveCredentials(keeper({ A: 'value-of-a', B: 'value-of-b', C: 'value-of-c' }), 'production', () => undefined)
  })

  it('CRD-030: a credential of a tool that no workflow has stops the start', () => {
    const declared = project({ credentials: { 'pay.typo': fromEnvironment('A', use) } })
    expect(codeOf(() => keeperOf(declared, { host: systemHost, env: {} }))).toMatchObject({
      code: 'CONFIG_INVALID',
      message: expect.stringContaining('`pay.typo`'),
    })
  })
})

/** What each role gives, written out a second time: the table that the server has must agree with it. */
const GIVES: Readonly<Record<string, readonly Permission[]>> = {
  'policy-author': ['read', 'policy.propose'],
  'policy-approver': ['read', 'policy.propose', 'policy.activate'],
  viewer: ['read'],
  requester: ['read', 'runs.start', 'runs.cancel_own'],
  approver: ['read', 'approvals.decide', 'questions.answer', 'requests.respond'],
  privacy: ['read', 'subjects.erase', 'evidence.export', 'evidence.content'],
  operator: [
    'read',
    'runs.cancel_own',
    'runs.cancel',
    'runs.operate',
    'questions.answer',
    'requests.respond',
    'kill_switches.write',
    'overrides.write',
    'schedules.write',
    'outbox.write',
    'alerts.manage',
    'evidence.export',
  ],
  auditor: ['read', 'exposure.audit', 'evidence.export'],
  'access-owner': ['read', 'roles.sign_off'],
  platform_operator: ['read', 'kill_switches.write', 'kill_switches.global', 'alerts.manage'],
}
const PERSONAL: readonly Permission[] = [
  'approvals.decide',
  'questions.answer',
  'requests.respond',
  'roles.sign_off',
  'policy.propose',
  'policy.activate',
  'alerts.manage',
]

describe('every endpoint, role and scope', () => {
  it('ROL-025: an endpoint answers whose role gives its permission, whose credential has it in scope, persons only where it takes one', async () => {
    const fake = fakeRuns()
    let who: Principal = { id: 'user:x', kind: 'user', tenant: 'dev', roles: [] }
    const schedules = readSchedules([{ name: 'nightly', every: { days: 1 }, do: { job: 'report' } }], [])
    const app = createApp({
      ...fake,
      schedules: scheduleService({ store: memoryStore(), schedules, host: systemHost }),
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
    expect([...API_ROLES].sort()).toEqual(Object.keys(GIVES).sort())
    const headers = { authorization: `Bearer ${token('x')}`, 'content-type': 'application/json' }
    const refusal = async (name: EndpointName): Promise<boolean> => {
      const { path, body } = REQUESTS[name] ?? { path: '' }
      const init = body === undefined ? { headers } : { headers, body: JSON.stringify(body) }
      const answer = await app.request(`/api/v1${path}`, { method: ENDPOINTS[name].method.toUpperCase(), ...init })
      if (answer.status !== 403) return false
      return problemSchema.parse(await answer.json()).details?.permission !== undefined
    }
    const wrong: string[] = []
    let asked = 0
    for (const name of Object.keys(REQUESTS) as EndpointName[]) {
      // Every entry of the requests has a permission: `open` and `any` are not among them.
      const needed = ENDPOINTS[name].permission as Permission
      const others = permissionSchema.options.filter((each) => each !== needed)
      for (const role of [...API_ROLES, 'clerk'])
        for (const scopes of [undefined, [needed], others])
          for (const kind of ['user', 'service', 'agent'] as const) {
            who = { id: 'user:x', kind, tenant: 'dev', roles: [role], ...(scopes ? { scopes } : {}) }
            const given = GIVES[role]?.includes(needed) === true && (scopes?.includes(needed) ?? true)
            const expected = given && (kind === 'user' || !PERSONAL.includes(needed))
            const before = fake.noted.length
            const refused = await refusal(name)
            if (refused === expected) wrong.push(`${name} ${role} ${kind} ${scopes?.length ?? 'all'}`)
            if (!expected && fake.noted.length !== before) wrong.push(`${name} ${role} ${kind}: it was done`)
            asked += 1
          }
    }
    expect(wrong).toEqual([])
    expect(asked).toBe(Object.keys(REQUESTS).length * (API_ROLES.length + 1) * 9)
  }, 60_000)
})
