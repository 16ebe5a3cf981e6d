import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { systemHost } from 'signalbox'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { createServer } from '../src/server.ts'
import { type Harness, startHarness } from './harness.ts'

let h: Harness
beforeEach(async () => {
  h = await startHarness()
})
afterEach(async () => {
  await h.server.close()
})

describe('serving', () => {
  const dir = mkdtempSync(join(tmpdir(), 'signalbox-console-'))
  beforeAll(() => {
    mkdirSync(join(dir, 'dist', 'assets'), { recursive: true })
    writeFileSync(join(dir, 'dist', 'index.html'), '<!doctype html><title>console</title>')
    writeFileSync(join(dir, 'dist', 'assets', 'app-1.js'), 'export {}')
    writeFileSync(join(dir, 'secret.txt'), 'secret')
  })
  afterAll(() => rmSync(dir, { recursive: true }))

  it('API-018: serves the console with its page for unknown paths, files by type, nothing outside its folder', async () => {
    const own = await startHarness({ consoleDir: join(dir, 'dist') })
    try {
      for (const path of ['/', '/runs/run_w', '/approvals']) {
        const response = await own.raw(path)
        expect([path, response.status, response.headers.get('content-type')]).toEqual([
          path,
          200,
          'text/html; charset=utf-8',
        ])
      }
      const asset = await own.raw('/assets/app-1.js')
      expect(asset.headers.get('content-type')).toBe('text/javascript; charset=utf-8')
      expect(asset.headers.get('cache-control')).toContain('immutable')
      for (const path of [
        '/%2e%2e/secret.txt',
        '/..%2fsecret.txt',
        '/assets/..%2f..%2fsecret.txt',
        '/gone.js',
        '/%00.txt',
        '/%',
      ])
        expect([path, await (await own.raw(path)).text()]).not.toEqual([path, 'secret'])
      expect((await own.raw('/api/v1/nothing')).status).toBe(404)
    } finally {
      await own.server.close()
    }
  })

  it('API-018: without a built console, the first page says how to build it', async () => {
    const response = await h.raw('/')
    expect(await response.text()).toContain('npm run build')
  })

  it('API-019: every answer has security headers, and pages may load from this server only', async () => {
    for (const path of ['/', '/api/v1/health', '/api/v1/none']) {
      const { headers } = await h.raw(path)
      expect(headers.get('content-security-policy')).toContain("default-src 'self'; script-src 'self'")
      expect(headers.get('x-content-type-options')).toBe('nosniff')
      expect(headers.get('x-frame-options')).toBe('DENY')
      expect(headers.get('access-control-allow-origin')).toBeNull()
    }
  })

  it('API-021: a port in use is PORT_IN_USE with the fix; development tokens stay on loopback', async () => {
    const parts = {
      ...h.fake,
      workflows: [],
      models: { resolve: () => undefined as never },
      auth: { kind: 'development', authenticate: async () => null } as const,
    }
    const options = {
      ...parts,
      host: systemHost,
      mode: 'development',
      version: '0',
      consoleDir: null,
      log: () => undefined,
    } as const
    await expect(createServer({ ...options, port: h.server.port })).rejects.toMatchObject({
      code: 'PORT_IN_USE',
      message: expect.stringContaining('--port'),
    })
    await expect(createServer({ ...options, port: 0, bind: '0.0.0.0' })).rejects.toMatchObject({
      code: 'CONFIG_INVALID',
    })
  })
})
