import { spawnSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { describe, expect, it } from 'vitest'

const DEMO = fileURLToPath(new URL('../src/demo.ts', import.meta.url))

describe('the demo', () => {
  it('DESK-012: plays the story by itself, without colours, and exits 0', () => {
    const played = spawnSync(process.execPath, ['--conditions=signalbox-source', DEMO], { encoding: 'utf8' })
    expect(played.stderr).toBe('')
    expect(played.status).toBe(0)
    expect(played.stdout.includes('\u001b')).toBe(false)
    for (const said of [
      'Worker 1 is killed now, with SIGKILL',
      "as the tool's own look-up settled",
      'Rita tries to approve her own payment: APPROVAL_SELF',
      'V1012:F002926  461.01 EUR',
      'V1001:F009726  1,428.00 EUR',
      'The story is true.',
    ])
      expect(played.stdout).toContain(said)
    expect(played.stdout).not.toMatch(/^ +NO /m)
  })
})
