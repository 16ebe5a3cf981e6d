import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, describe, expect, it } from 'vitest'
import { CONFIG, dataFolder, run } from './harness.ts'

const PAYABLES = fileURLToPath(new URL('../../../signalbox.config.ts', import.meta.url))
const folder = dataFolder()
afterAll(() => folder.remove())

describe('workflow', () => {
  it('GRA-075: check passes the payables desk and refuses a workflow without a contract', async () => {
    const desk = await run(['workflow', 'check', '--config', PAYABLES])
    expect(desk).toMatchObject({ code: 0, stderr: '' })
    expect(desk.stdout).toContain('payables-desk 1.0.0  ready for production')
    expect(desk.stdout).toMatch(/effect +payments\.pay/)
    for (const example of ['sequential', 'concurrent', 'handoff', 'group-chat', 'magentic', 'flow']) {
      const config = fileURLToPath(new URL(`../../../examples/${example}/signalbox.config.ts`, import.meta.url))
      expect((await run(['workflow', 'check', '--config', config])).code, example).toBe(0)
    }
    const sample = await run(['workflow', 'check', '--config', CONFIG, '--json'])
    expect(sample.code).toBe(2)
    const [first] = JSON.parse(sample.stdout).workflows
    expect(first.missing.length).toBeGreaterThan(0)
  })

  it('GRA-075: adr and diagram write files or to the terminal; an unknown workflow names those that are there', async () => {
    const file = join(folder.path, 'adr.md')
    expect(await run(['workflow', 'adr', 'payables-desk', '--config', PAYABLES, '--out', file])).toMatchObject({
      code: 0,
    })
    expect(readFileSync(file, 'utf8')).toContain('# Workflow `payables-desk` 1.0.0')
    expect((await run(['workflow', 'diagram', 'payables-desk', '--config', PAYABLES])).stdout).toMatch(/^flowchart TD/)
    const dot = await run(['workflow', 'diagram', 'payables-desk', '--format', 'dot', '--config', PAYABLES])
    expect(dot.stdout).toMatch(/^digraph "payables-desk"/)
    const wrong = await run(['workflow', 'adr', 'payable', '--config', PAYABLES])
    expect(wrong).toMatchObject({ code: 3, stderr: expect.stringMatching(/WORKFLOW_UNKNOWN.*`payables-desk`/) })
    const nowhere = await run(['workflow', 'adr', 'payables-desk', '--config', PAYABLES, '--out', '/nowhere/adr.md'])
    expect(nowhere).toMatchObject({ code: 2, stderr: expect.stringContaining('--out') })
  })
})
