import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterEach, expect, it } from 'vitest'
import { run } from './lib/run.ts'

const folders: string[] = []
afterEach(() => {
  for (const folder of folders.splice(0)) rmSync(folder, { recursive: true })
})

const root = fileURLToPath(new URL('..', import.meta.url))
const simulate = (...args: string[]) => run(process.execPath, ['tools/simulate.ts', ...args], root)

it('SIM-021: the command line simulates a range of seeds and writes the report', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'simulate-'))
  folders.push(folder)
  const file = join(folder, 'report.json')
  const { code, output } = await simulate('--seeds', '12..13', '--scenario', 'once', '--json', file)
  expect(output).toMatch(/^2 seeds, \d+ faults, 0 failures, /)
  expect(code).toBe(0)
  const report: unknown = JSON.parse(readFileSync(file, 'utf8'))
  const seeds = { from: 12, to: 13 }
  expect(report).toMatchObject({ format: 1, kind: 'simulation', seeds, scenarios: { once: 2 }, failures: [] })
})

it.each([
  ['--seeds', '5..1'],
  ['--seeds', 'all'],
  ['--scenario', 'nobody'],
])('SIM-021: refuses %s %s and says what it takes', async (...args) => {
  const { code, output } = await simulate(...args)
  expect(code).toBe(2)
  expect(output).toContain('--scenario with one of: fan, clerk')
})
