/** Kill switches over real worker processes, judged by the outside system's own record. */
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { systemHost } from 'signalbox'
import { afterAll, describe, expect, it } from 'vitest'
import type { SwitchFault } from '../src/drill/orders.ts'
import { auditKey } from '../src/drill/project-drill.ts'
import { killOnProject } from '../src/drill/project-exercises.ts'
import { openReport } from '../src/drill/report.ts'
import { verifierKeyOf } from 'signalbox'

const folder = mkdtempSync(join(tmpdir(), 'signalbox-kill-drill-'))
afterAll(() => rmSync(folder, { recursive: true }))
const configPath = join(folder, 'signalbox.config.ts')
const sample = fileURLToPath(new URL('./sample/drilled.config.ts', import.meta.url))
writeFileSync(configPath, `export { default } from ${JSON.stringify(sample)}\n`)
const place = { configPath, dataDir: join(folder, 'data'), env: {}, host: systemHost }
mkdirSync(place.dataDir)

const drill = (planted: SwitchFault | null = null) =>
  killOnProject({
    ...place,
    workflow: 'twice',
    rounds: [{ scope: 'tool', mode: 'pause' }],
    leaseSeconds: 0.5,
    runs: 10,
    planted,
    log: () => undefined,
  })

describe('a drill of the kill switches', () => {
  it.each(['switch_ignored', 'clock_stands_still'] as const)(
    'KSW-051, KSW-053: a planted fault is found by the outside record, and no report is written: %s',
    async (fault) => {
      const { passed, path, drills, findings } = await drill(fault)
      expect([passed, path, existsSync(join(folder, 'reports'))]).toEqual([false, null, false])
      expect(drills[0]?.late).toBeGreaterThan(0)
      expect(findings.some(({ kind }) => kind === 'late')).toBe(true)
    },
  )

  it('KSW-050, KSW-052, KSW-053: no effect starts later than the lease after a throw, whoever stood still, could not read or died; lifted, all go on once', async () => {
    const { passed, path, drills, findings } = await drill()
    expect([passed, findings]).toEqual([true, []])
    expect(drills).toMatchObject([{ late: 0, rounds: [{ scope: 'tool', mode: 'pause', late: 0 }] }])
    expect(drills[0]?.rounds[0]?.heldUp).toBeGreaterThan(0)
    expect(drills[0]?.rounds[0]?.acknowledgedMs).toBeGreaterThan(0)
    const opened = openReport(readFileSync(path ?? '', 'utf8'), verifierKeyOf(auditKey(place).publicKey))
    expect(opened).toMatchObject({ status: 'signed', report: { kind: 'kill-drill', result: 'passed' } })
  })
})
