import { describe, expect, it } from 'vitest'
import { SignalboxError } from '../base/errors.ts'
import type { CatalogueTool } from '../contracts/policy.ts'
import { assertToolsCovered, type DeclaredTool, toolDifferences } from './diff.ts'

const ROWS: Record<string, Pick<CatalogueTool, 'class' | 'effect'>> = {
  'money.pay': { class: 'payments.write', effect: 'irreversible' },
  'money.look': { class: 'payments.read', effect: 'none' },
}

function row(name: string): CatalogueTool | null {
  const found = ROWS[name]
  return found ? { name, ...found, owner: 'o', blast_radius: 'little', input: {}, facts: {} } : null
}

function errorOf(...tools: DeclaredTool[]): SignalboxError {
  try {
    assertToolsCovered(tools, row)
  } catch (thrown) {
    if (thrown instanceof SignalboxError) return thrown
    throw thrown
  }
  throw new Error('nothing was thrown')
}

describe('catalogue against code', () => {
  it('POL-030: names everything that is laxer in code or missing', () => {
    const error = errorOf(
      { name: 'money.pay', class: 'payments.read', effect: 'reversible' },
      { name: 'money.look', class: 'payments.read', effect: 'none' },
      { name: 'money.burn', class: 'payments.write', effect: 'irreversible' },
    )
    expect(error.code).toBe('CATALOGUE_LAXER')
    expect(error.details.differences).toEqual([
      'tool `money.pay` has class `payments.read` in code and `payments.write` in the catalogue',
      'tool `money.pay` has effect `reversible` in code and `irreversible` in the catalogue',
      'tool `money.burn` is not in the catalogue: add it',
    ])
    const other = { name: 'money.look', class: 'payments.write', effect: 'none' } as const
    expect(toolDifferences([other], row).map((each) => each.kind)).toEqual(['class'])
    expect(errorOf(other).code).toBe('CATALOGUE_LAXER')
  })

  it('POL-031: refuses a catalogue that understates the code', () => {
    expect(errorOf({ name: 'money.look', class: 'payments.read', effect: 'reversible' }).code).toBe(
      'POLICY_BUNDLE_INVALID',
    )
    expect(() =>
      assertToolsCovered([{ name: 'money.look', class: 'payments.read', effect: 'none' }], row),
    ).not.toThrow()
  })
})
