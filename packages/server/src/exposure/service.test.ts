/** The audit over a project: by the job, by the API's service, and its signed report. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { loadAuditKey, signingKey, systemHost, verifierKeyOf, verifierKeyText } from 'signalbox'
import { afterAll, describe, expect, it } from 'vitest'
import { compose } from '../dev/compose.ts'
import { loadProject } from '../project.ts'
import { doJob } from '../schedules/built-in.ts'
import { lastExposureReport } from './report.ts'
import { exposureService } from './service.ts'

const configPath = fileURLToPath(new URL('../../test/sample/signalbox.config.ts', import.meta.url))
const dataDir = mkdtempSync(join(tmpdir(), 'exposure-job-'))
const secrets = join(dataDir, 'known.txt')
const host = systemHost
afterAll(() => rmSync(dataDir, { recursive: true, force: true }))

const key = () =>
  verifierKeyOf(signingKey(loadAuditKey({ dir: dataDir, env: {}, mode: 'development', host })).publicKey)

describe('audits of exposure', () => {
  it('EXS-028, EXS-029: the job writes a signed report, fails on what nothing explains, and a changed report is told', async () => {
    const start = { job: 'exposure-audit', dataDir, configPath, dueAt: 0 } as const
    expect(await doJob(start, {})).toEqual({
      ok: true,
      code: null,
      detail: '0 findings, 0 of them explained by no setting',
    })
    const first = lastExposureReport(dataDir, key())
    expect(first).toMatchObject({ status: 'signed', report: { result: 'passed', project: 'sample', capture: 'none' } })
    // The file of known values lies in the folder that is searched.
    writeFileSync(secrets, 'misplaced-value-1')
    const failed = await doJob(start, { SIGNALBOX_EXPOSURE_SECRETS: secrets })
    expect(failed).toMatchObject({ ok: false, code: 'AUDIT_FAILED' })
    const last = lastExposureReport(dataDir, key())
    expect(last).toMatchObject({ status: 'signed', report: { result: 'failed', unexplained: 1 } })
    const path = join(dataDir, 'reports', last?.file ?? '')
    writeFileSync(path, readFileSync(path, 'utf8').replace('"failed"', '"passed"'))
    expect(lastExposureReport(dataDir, key())).toMatchObject({ status: 'changed', report: null })
    await expect(doJob(start, { SIGNALBOX_EXPOSURE_SECRETS: join(dataDir, 'none') })).rejects.toMatchObject({
      code: 'INPUT_INVALID',
    })
  })

  it('EXS-028, EXS-030: the server makes one at a time and gives the last report; one that broke off is told', async () => {
    const project = await loadProject(configPath)
    const composed = await compose(project, dataDir, host, {}, { part: 'offline' })
    try {
      writeFileSync(join(dataDir, 'audit.pub'), `${verifierKeyText(key())}\n`)
      const service = exposureService({ project, composed, dataDir, env: {}, host })
      service.start()
      expect(service.view().running).toBe(true)
      expect(() => service.start()).toThrow(/under way/)
      await service.idle()
      expect(service.view()).toMatchObject({
        running: false,
        failed: null,
        file: { status: 'signed' },
        report: { result: 'passed' },
      })
      const blind = exposureService({ project, composed, dataDir, env: { SIGNALBOX_EXPOSURE_LOGS: '/nowhere' }, host })
      blind.start()
      await blind.idle()
      expect(blind.view()).toMatchObject({ running: false, failed: 'INPUT_INVALID' })
    } finally {
      await composed.close()
    }
  })
})
