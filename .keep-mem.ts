import { mkdtempSync, rmSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { tmpdir } from 'node:os'
const src = '/work/wt-keep/packages/runtime/src/'
const { openSqliteStore, memoryStore, keyVault } = await import(src + 'stores/index.ts')
const { systemHost } = await import(src + 'base/host.ts')
const { exportRuns } = await import(src + 'keeping/export.ts')
const { importRuns } = await import(src + 'keeping/import.ts')
const { sha256Hex } = await import(src + 'base/hash.ts')
const { createSignalbox } = await import(src + 'runtime.ts')
const { oneNode } = await import(src + 'testing/engine-kit.ts')
const { scriptedPolicy } = await import(src + 'testing/scripted-policy.ts')
const dir = mkdtempSync(join(tmpdir(), 'keep-mem-'))
const store = await openSqliteStore({ path: join(dir, 'a.db'), host: systemHost })
const vault = keyVault({ store, host: systemHost, masterKey: new Uint8Array(32) })
const sb = createSignalbox({ store, host: systemHost, vault, policy: scriptedPolicy({ tools: {} }), models: { resolve: () => { throw new Error() } }, workflows: [oneNode((x: unknown) => x as never)] })
const ANA = { id: 'user:ana', kind: 'user', tenant: 'acme', roles: ['requester'] }
const worker = sb.work({ pollMs: 5, concurrency: 64 })
const first = await sb.run({ workflow: 'one', input: 'x'.repeat(500), principal: ANA })
await worker.stop()
const row = await store.run('acme', first.runId)
const records = await store.records('acme', first.runId)
const N = Number(process.argv[2])
for (let i = 0; i < N; i++) {
  const id = `run_c${i}`
  let prev = '0'.repeat(64)
  const copies = records.map((r: any) => { const b = JSON.parse(r.body.replaceAll(first.runId, id)); b.prev = prev; const body = JSON.stringify(b); const hash = sha256Hex(body); prev = hash; return { ...r, body, hash } })
  await store.adopt({ row: { ...row, runId: id, requestId: id, subject: `run:${id}`, head: prev }, records: copies, effects: [], requests: [], inbox: [] })
}
let peak = 0
const t = setInterval(() => { peak = Math.max(peak, process.memoryUsage().heapUsed) }, 5)
;(globalThis as any).gc?.()
const base = process.memoryUsage().heapUsed
const s0 = performance.now()
const made = await exportRuns({ store, host: systemHost, target: join(dir, 'x.ndjson'), tenant: 'acme' })
console.log('export', made.runs, made.records, Math.round(performance.now() - s0), 'ms', 'bytes', statSync(join(dir, 'x.ndjson')).size, 'heap base', base >> 20, 'peak', peak >> 20, 'MB')
peak = 0; (globalThis as any).gc?.()
const target = await openSqliteStore({ path: join(dir, 'b.db'), host: systemHost })
console.log('maxRSS MB', process.resourceUsage().maxRSS >> 10); const s1 = performance.now()
const done = await importRuns({ store: target, path: join(dir, 'x.ndjson') })
console.log('import', done.runs, done.records, Math.round(performance.now() - s1), 'ms', 'peak', peak >> 20, 'MB')
console.log('maxRSS MB', process.resourceUsage().maxRSS >> 10); clearInterval(t); await target.close(); await sb.close(); rmSync(dir, { recursive: true })
