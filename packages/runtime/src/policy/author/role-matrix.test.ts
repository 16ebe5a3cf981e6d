import { describe, expect, it } from 'vitest'
import type { RolesSigned } from '../../contracts/policy-history.ts'
import type { PolicyRequest } from '../../contracts/policy.ts'
import { loadBundle } from '../bundle.ts'
import { ALL_ROLES, roleMatrix, signOffState } from './role-matrix.ts'

const tool = (name: string, effect: string) => ({
  name,
  class: effect === 'none' ? 'money.read' : 'money.write',
  effect,
  owner: 'treasury',
  blast_radius: 'a little',
  input: { amount: 'Long' },
  facts: {},
})

const role = (name: string) => `Signalbox::Role::"${name}"`
const LOOK = `@id("look") @owner("o")
permit (principal, action in Signalbox::Action::"class:money.read", resource)
when { principal.tenant == resource.tenant && (principal.user in ${role('clerk')} || principal.user in [${role('viewer')}]) };
`
const PAY = `@id("pay") @owner("o")
permit (principal, action == Signalbox::Action::"tool:money.pay", resource) when { principal.user in ${role('clerk')} };
`
const BOTH = `@id("both") @owner("o")
permit (principal, action == Signalbox::Action::"tool:money.burn", resource)
when { principal.user in ${role('clerk')} && principal.user in ${role('chief')} };
`
const ASK = (
  limit: number,
) => `@id("ask") @owner("o") @reason("ASK") @effect("require_approval") @approvers("role:chief")
forbid (principal, action == Signalbox::Action::"tool:money.pay", resource)
when { context.input.amount > ${limit} } unless { context has approval && context.approval.bound };
`
const BURN = `@id("ask.burn") @owner("o") @reason("ASK") @effect("require_approval") @approvers("role:chief")
forbid (principal, action == Signalbox::Action::"tool:money.burn", resource)
unless { context has approval && context.approval.bound };
`
const NIGHT = `@id("no.night") @owner("o") @reason("NIGHT")
forbid (principal, action, resource) when { principal.workflow == "night" && action in Signalbox::Action::"effect:irreversible" };
@id("no.viewer") @owner("o") @reason("VIEWER")
forbid (principal, action in Signalbox::Action::"class:money.read", resource) when { principal.user in ${role('viewer')} };
`

function bundleOf(cedar: string, more: { version?: string } = {}) {
  return loadBundle({
    'bundle.json': JSON.stringify({
      name: 'test',
      version: more.version ?? '1.0.0',
      owner: 'o',
      roles: ['clerk', 'chief', 'viewer'],
      reasons: { ASK: 'a chief is asked', NIGHT: 'nothing at night', VIEWER: 'not for viewers' },
    }),
    'catalogue.json': JSON.stringify({
      tools: [tool('money.look', 'none'), tool('money.pay', 'irreversible'), tool('money.burn', 'irreversible')],
      models: [],
      workflows: [{ name: 'desk', owner: 'o', roles: ['clerk'] }],
    }),
    'core.cedar': cedar,
  })
}

const bundle = bundleOf(LOOK + PAY + BOTH + ASK(100) + BURN + NIGHT)
const told = (matrix = roleMatrix(bundle)) =>
  Object.fromEntries(matrix.rows.map((row) => [row.tool, row.cells.map((cell) => cell.verdict).join(' ')]))

describe('the table of roles and tools', () => {
  it('ROL-030: tells what each role may do, alone and all together', () => {
    const matrix = roleMatrix(bundle)
    expect(matrix.roles).toEqual(['clerk', 'chief', 'viewer', ALL_ROLES])
    expect(told(matrix)).toEqual({
      'money.look': 'allowed denied denied denied',
      'money.pay': 'asks_sometimes denied denied asks_sometimes',
      'money.burn': 'denied denied denied asks',
    })
    const [look, pay] = matrix.rows
    expect(look?.cells.map((cell) => cell.reason)).toEqual([null, 'NO_PERMIT', 'VIEWER', 'VIEWER'])
    expect(pay?.cells[0]).toMatchObject({ approvers: ['chief'] })
    expect(pay?.cells[0]?.conditions.map(({ policy, kind, when }) => [policy, kind, when])).toEqual([
      ['no.night', 'forbid', ['principal.workflow == "night"']],
      ['ask', 'require_approval', ['context.input.amount > 100']],
    ])
  })

  it('ROL-031: the hash follows what anybody may do, a threshold too, and nothing else', () => {
    const parts = [LOOK, PAY, BOTH, BURN, NIGHT]
    const hash = (cedar: string, more = {}) => roleMatrix(bundleOf(cedar, more)).hash
    const before = hash(parts.join('') + ASK(100))
    expect(hash(parts.join('') + ASK(100), { version: '1.0.1' })).toBe(before)
    expect(hash(`// a remark\n${parts.join('')}${ASK(100)}`)).toBe(before)
    expect(hash(parts.join('') + ASK(100_000))).not.toBe(before)
    expect(hash(parts.slice(1).join('') + ASK(100))).not.toBe(before)
  })

  it('ROL-032: no decision permits what it denies, nor lets pass alone what it calls asks', () => {
    const matrix = roleMatrix(bundle)
    const holders = [...bundle.roles.map((each) => [each]), [...bundle.roles]]
    let seen = 0
    for (const row of matrix.rows)
      for (const [at, roles] of holders.entries())
        for (const workflow of ['desk', 'night'])
          for (const amount of [1, 100, 101, 1_000_000]) {
            const request: PolicyRequest = {
              point: 'pre_tool_call',
              run: { id: 'run_1', workflow, agent: null, mode: 'production' },
              principal: { id: 'user:ana', kind: 'user', tenant: 'acme', roles },
              action: { name: row.tool, class: row.class, effect: row.effect, definition_hash: 'h' },
              input: { amount },
              facts: {},
              labels: { integrity: 2, marks: [] },
              approval: null,
            }
            const { verdict } = bundle.decide(request)
            const cell = row.cells[at]?.verdict
            if (cell === 'denied') expect([row.tool, roles, verdict]).toEqual([row.tool, roles, 'deny'])
            if (cell === 'asks') expect([row.tool, roles, verdict]).not.toContain('allow')
            seen += 1
          }
    expect(seen).toBe(3 * 4 * 2 * 4)
  })
})

describe('its signature', () => {
  const at = Date.parse('2026-01-01T00:00:00Z')
  const signed = (matrix: string): RolesSigned => ({
    v: 1,
    seq: 1,
    at: '2026-01-01T00:00:00.000Z',
    prev: '',
    by: null,
    reason: 'seen',
    type: 'roles.signed',
    bundle: 'b@1',
    matrix,
    expires_at: '2026-04-01T00:00:00.000Z',
  })
  const DAY = 86_400_000

  it('ROL-034: counts while nobody may do more or less, and for the days that the bundle in force asks for', () => {
    const rule = { days: 90, role: 'chief' }
    const state = (hash: string, days: number, more: Partial<typeof rule> | null = {}) =>
      signOffState([signed('old'), signed('h')], { hash }, more === null ? null : { ...rule, ...more }, at + days * DAY)
    expect(state('h', 1)).toBe('signed')
    expect(state('h', 90)).toBe('expired')
    expect(state('h', 31, { days: 30 })).toBe('expired')
    expect(state('h', 91, { days: 300 })).toBe('expired')
    expect(state('old', 1)).toBe('changed')
    expect(state('old', 1, null)).toBe('not_asked')
    expect(signOffState([], { hash: 'h' }, rule, at)).toBe('missing')
    expect(signOffState([], { hash: 'h' }, null, at)).toBe('not_asked')
  })
})
