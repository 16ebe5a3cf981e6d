import { cpSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, describe, expect, it } from 'vitest'
import { run } from '../test/harness.ts'

const POLICY = fileURLToPath(new URL('../../../examples/payables/policy', import.meta.url))
const work = mkdtempSync(join(tmpdir(), 'signalbox-policy-'))
afterAll(() => rmSync(work, { recursive: true, force: true }))

describe('policy show', () => {
  it('BDL-001: checks a folder and shows its hash and rules', async () => {
    const shown = await run(['policy', 'show', POLICY])
    expect(shown).toMatchObject({ code: 0, stderr: '' })
    expect(shown.stdout).toMatch(/^payables 1\.0\.0/)
    expect(shown.stdout).toMatch(/require_approval .*PAYMENT_ABOVE_LIMIT {2}asks approver/)
    const { hash, rules } = JSON.parse((await run(['policy', 'show', POLICY, '--json'])).stdout)
    expect(hash).toMatch(/^[0-9a-f]{64}$/)
    expect(rules.length).toBeGreaterThan(5)
  })

  it('BDL-001: a bundle with errors names each of them', async () => {
    const folder = join(work, 'broken')
    cpSync(POLICY, folder, { recursive: true })
    writeFileSync(join(folder, 'more.cedar'), 'permit (principal, action, resource);\n')
    const shown = await run(['policy', 'show', folder])
    expect(shown.code).toBe(2)
    expect(shown.stderr).toMatch(/error POLICY_BUNDLE_INVALID: .*\s+.*more\.cedar:1: .*@id/)
  })
})
