import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, expect, it } from 'vitest'
import { systemHost } from '../../base/host.ts'
import { openSqliteStore } from '../../stores/index.ts'
import { SIM_SCENARIOS } from './scenarios/index.ts'
import { failureText, simulate } from './simulate.ts'

const folder = mkdtempSync(join(tmpdir(), 'simulated-'))
afterAll(() => rmSync(folder, { recursive: true }))

/** SQLite needs no time of its own here: it works at once, and nothing of it may wait for the real event loop. */
const atOnce = { ...systemHost, macrotask: () => Promise.resolve(), after: () => () => undefined }

it('SIM-042: keeps every promise over SQLite files too', { timeout: 240_000 }, async () => {
  let files = 0
  const store = () => openSqliteStore({ path: join(folder, `${files++}.db`), host: atOnce })
  const report = await simulate({ scenarios: SIM_SCENARIOS, seeds: { from: 0, to: 11 }, store })
  expect(report.failures.map(failureText)).toEqual([])
  expect(files).toBeGreaterThan(12)
})
