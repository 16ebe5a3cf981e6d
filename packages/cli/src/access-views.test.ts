import type { RoleMatrixView } from '@signalbox/protocol'
import { describe, expect, it } from 'vitest'
import { matrixCsv, matrixMarkdown, matrixNotes, signatureText } from './access-views.ts'

const condition = (kind: 'forbid' | 'require_approval', policy: string) => ({
  ...{ policy, kind, reason: 'R', sentence: 'above the limit' },
  when: ['context.input.amount > 100'],
})
const cell = (
  verdict: RoleMatrixView['rows'][number]['cells'][number]['verdict'],
  ...kinds: ('forbid' | 'require_approval')[]
) => ({
  verdict,
  reason: verdict === 'denied' ? 'NO_PERMIT' : null,
  approvers: kinds.includes('require_approval') ? ['chief'] : [],
  conditions: kinds.map((kind) => condition(kind, `p.${kind}`)),
})

const MATRIX: RoleMatrixView = {
  bundle: 'b@1',
  hash: 'abcdef0123456789',
  roles: ['clerk', 'chief', '(all roles)'],
  rows: [
    {
      ...{ tool: 'money.pay', class: 'money.write', effect: 'irreversible', owner: '=cmd|x' },
      cells: [cell('asks_sometimes', 'forbid', 'require_approval'), cell('denied'), cell('allowed')],
    },
  ],
  duties: [{ id: 'hats', kind: 'roles', sentence: 'two hats', what: ['clerk', 'chief'] }],
  sign_off: { state: 'missing', rule: { days: 90, role: 'owner' }, signatures: [] },
}

describe('the table in the terminal', () => {
  it('ROL-035: Markdown shows every cell, the conditions, the duties and the signature', () => {
    const text = matrixMarkdown(MATRIX)
    expect(text).toContain('| money.pay | irreversible | =cmd\\|x | yes/asks, if | - | yes |')
    expect(matrixNotes(MATRIX).join('\n')).toContain('asked: above the limit  (p.require_approval): money.pay')
    expect(text).toContain('one person not both clerk and chief')
    expect(signatureText(MATRIX)).toEqual(['table abcdef012345: NOT SIGNED, every 90 days by role owner'])
  })

  it('ROL-035: CSV has a line for each tool and role, and no cell that begins a formula', () => {
    const lines = matrixCsv(MATRIX).split('\n')
    expect(lines).toHaveLength(4)
    expect(lines[1]).toContain("'=cmd|x,clerk,asks_sometimes,,chief,")
    expect(lines[2]).toContain('chief,denied,NO_PERMIT')
    for (const line of lines) expect(line).not.toMatch(/(^|,)"?[=+\-@]/)
  })
})
