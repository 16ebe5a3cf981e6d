import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { ALERT_RULES, loadAuditKey, signingKey, systemHost, verifierKeyOf, verifierKeyText } from 'signalbox'
import { afterEach, expect, it } from 'vitest'
import { type ExposureReport, writeExposureReport } from '../exposure/report.ts'
import { publicKeyPath } from '../heads/files.ts'
import { exposureOf } from './exposure.ts'

const dataDir = mkdtempSync(join(tmpdir(), 'signalbox-exposed-'))
afterEach(() => rmSync(dataDir, { recursive: true, force: true }))

function report(made_at: string, unexplained: number): ExposureReport {
  return {
    ...{ kind: 'exposure-audit', v: 1, made_at, project: 'p', result: unexplained === 0 ? 'passed' : 'failed' },
    ...{ capture: 'none', identity: false, known_secrets: 0, forms: [], places: [], findings: [] },
    ...{ findings_total: unexplained, unexplained },
  }
}

it('ALR-047: the last exposure audit is what its signed report says; one that was changed is a finding', () => {
  expect(exposureOf(dataDir)).toBeNull()
  const key = signingKey(loadAuditKey({ dir: dataDir, env: {}, mode: 'development', host: systemHost }))
  mkdirSync(dirname(publicKeyPath(dataDir)), { recursive: true })
  writeFileSync(publicKeyPath(dataDir), verifierKeyText(verifierKeyOf(key.publicKey)))
  writeExposureReport(dataDir, report('2026-05-01T00:00:00.000Z', 4), key)
  expect(exposureOf(dataDir)).toEqual({ at: Date.parse('2026-05-01T00:00:00Z'), findings: 4, report: 'signed' })
  const path = writeExposureReport(dataDir, report('2026-05-02T00:00:00.000Z', 0), key)
  expect(exposureOf(dataDir)).toMatchObject({ findings: 0, report: 'signed' })
  writeFileSync(path, readFileSync(path, 'utf8').replace('2026-05-02', '2026-05-03'))
  const changed = exposureOf(dataDir)
  expect([changed?.findings, changed?.report === 'signed']).toEqual([1, false])
  const { title } = ALERT_RULES['exposure.finding']
  expect(title({ values: { ...changed }, labels: {}, workflow: null })).toContain(
    'the report of the last exposure audit is',
  )
})
