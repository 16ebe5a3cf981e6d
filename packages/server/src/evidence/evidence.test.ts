/** Bundles of evidence: made over real files and keys, checked without the server, and every planted change found. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import {
  createRedactor,
  LeafSet,
  leavesText,
  loadAuditKey,
  type Principal,
  type RedactHook,
  signHead,
  signingKey,
  systemHost,
  verifierKeyOf,
} from 'signalbox'
import { afterAll, describe, expect, it } from 'vitest'
import { fakeRuns } from '../../test/fake-runs.ts'
import { testHistory } from '../../test/history.ts'
import { signedReport } from '../drill/report.ts'
import { writeHead } from '../heads/files.ts'
import { createApp } from '../http/app.ts'
import { type ArchiveFiles, readArchive, writeArchive } from './archive.ts'
import { disclosureLogPath, readDisclosures } from './disclosures.ts'
import { digestOf, MANIFEST, type Manifest } from './manifest.ts'
import { evidenceService } from './service.ts'
import { verifyEvidence } from './verify.ts'

const dirs: string[] = []
afterAll(() => {
  for (const dir of dirs) rmSync(dir, { recursive: true, force: true })
})

const olga: Principal = { id: 'user:olga', kind: 'user', tenant: 'dev', roles: ['operator', 'privacy'] }
const order = { runId: 'run_c', by: olga, reason: 'asked for by the auditor', content: false }

/** A data folder whose last tree head covers the run, and the service over it. */
function place(hook?: RedactHook) {
  const dataDir = mkdtempSync(join(tmpdir(), 'evidence-'))
  dirs.push(dataDir)
  const key = signingKey(loadAuditKey({ dir: dataDir, env: {}, mode: 'development', host: systemHost }))
  const fake = fakeRuns()
  const { row } = testHistory('run_c', 'dev', true)
  const leaves = new LeafSet()
  for (const each of [{ tenant: 'dev', runId: 'run_a', seq: 3, head: 'a'.repeat(64) }, row]) leaves.set(each)
  const head = { size: leaves.size, root: leaves.root(), number: 1, records: leaves.records, position: 9 }
  const note = signHead({ ...head, previous: '-', atMs: 1_000 }, key)
  writeHead(join(dataDir, 'heads'), { number: 1, note, leaves: leavesText(leaves.all()) })
  const redactor = createRedactor({ host: systemHost, ...(hook ? { hook } : {}) })
  const service = evidenceService({ dataDir, env: {}, mode: 'development', host: systemHost, redactor })
  const deps = { runs: fake.runs, store: fake.store, workflows: [], host: systemHost }
  const log = () => readDisclosures(disclosureLogPath(dataDir, {}))
  return { dataDir, key, trusted: verifierKeyOf(key.publicKey), service, deps, fake, log }
}

const text = (files: ArchiveFiles | null, name: string): string => Buffer.from(files?.get(name) ?? []).toString('utf8')

describe('a bundle of evidence', () => {
  it('NAR-040: holds narrative, records, lineage, audit, proof, policy, workflow, approvals, cost and alerts, and verifies with the key alone', async () => {
    const { service, deps, trusted } = place()
    const { bytes, manifest } = await service.make(deps, order)
    const files = readArchive(bytes)
    expect([...(files?.keys() ?? [])]).toEqual([
      'manifest.json',
      'README.txt',
      'narrative.json',
      'narrative.md',
      'approvals.json',
      'records.ndjson',
      'lineage.json',
      'audit.json',
      'cost.json',
      'workflow/definition.json',
      'alerts.json',
      'proof.json',
    ])
    expect(manifest).toMatchObject({
      run_id: 'run_c',
      made_by: 'user:olga',
      contents: 'sealed',
      proof: { tree_head: 1 },
    })
    expect(verifyEvidence(bytes, trusted)).toMatchObject({ ok: true, findings: [], trusted: true })
    const alone = verifyEvidence(bytes, null)
    expect(alone).toMatchObject({ ok: true, trusted: false })
    expect(alone.remarks).toContainEqual(expect.stringContaining('nobody said that the key is to be trusted'))
    expect(text(files, 'narrative.md')).toContain('content sealed')
    expect(text(files, 'narrative.json')).not.toContain('"content":"')
  })

  it('NAR-041: each planted change is found', async () => {
    const { service, deps, trusted, key } = place()
    const made = await service.make(deps, order)
    const other = await service.make(deps, { ...order, runId: 'run_w' })
    const files = new Map(readArchive(made.bytes))
    const changed = (edit: (map: Map<string, Uint8Array>) => void): Uint8Array => {
      const map = new Map(files)
      edit(map)
      return writeArchive(map)
    }
    /** Signed anew by this key over the files as they are now: what a forger with a key of their own does. */
    const resigned = (map: Map<string, Uint8Array>, by = key): void => {
      const listed = [...map].filter(([name]) => name !== MANIFEST)
      const manifest: Manifest = {
        ...made.manifest,
        files: listed.map(([name, bytes]) => ({ name, bytes: bytes.length, sha256: digestOf(bytes) })),
      }
      map.set(MANIFEST, Buffer.from(signedReport(manifest, by)))
    }
    const forger = signingKey(new Uint8Array(32).fill(7))
    const lines = text(files, 'records.ndjson').split('\n')
    const without = Buffer.from(lines.filter((_, at) => at !== 3).join('\n'))
    const foreign = readArchive(other.bytes)?.get('records.ndjson') ?? new Uint8Array()
    const codes = (bytes: Uint8Array, by: typeof trusted | null = trusted): readonly string[] =>
      verifyEvidence(bytes, by).findings.map((each) => each.code)
    for (const name of files.keys())
      expect([name, codes(changed((map) => map.set(name, flipped(map.get(name)))))[0]]).toEqual([
        name,
        name === MANIFEST ? expect.stringMatching(/manifest|signature/) : 'changed_file',
      ])
    expect(codes(changed((map) => map.delete('audit.json')))).toEqual(['missing_file'])
    expect(codes(changed((map) => map.set('more.txt', new Uint8Array(1))))).toEqual(['added_file'])
    // Signed again by the very key: what is inside still has to fit.
    const dropped = changed((map) => resigned(map.set('records.ndjson', without)))
    expect(codes(dropped)).toContain('records')
    const swapped = changed((map) => resigned(map.set('records.ndjson', foreign)))
    expect(codes(swapped)).toEqual(expect.arrayContaining(['records', 'proof']))
    const story = readArchive(other.bytes)?.get('narrative.json') ?? new Uint8Array()
    expect(codes(changed((map) => resigned(map.set('narrative.json', story))))).toEqual(['narrative'])
    // Another key: found by the one who has the kept key, and by the proof where none is named.
    const stolen = changed((map) => resigned(map, forger))
    expect(codes(stolen)).toEqual(['signature'])
    expect(codes(stolen, null)).toEqual(['proof'])
    const signature = changed((map) => {
      map.set(MANIFEST, Buffer.from(text(files, MANIFEST).replace(/("ed25519": ")../, '$1AA')))
    })
    expect(codes(signature)).toEqual(['signature'])
    expect(codes(signature, null)).toEqual(['signature'])
    // Bytes that belong to no file.
    const padded = new Uint8Array(made.bytes)
    padded[108] = 0x31
    expect(codes(padded)).toEqual(['archive'])
    expect(codes(made.bytes.subarray(0, made.bytes.length - 600))).toEqual(['archive'])
    expect(codes(new Uint8Array(0))).toEqual(['archive'])
  })

  it('NAR-042: contents are in it only where they were asked for, as the redaction leaves them; what it does not finish is left out', async () => {
    const { service, deps, trusted } = place((_kind, value) => {
      if (JSON.stringify(value).includes('3.0')) throw new Error('not this one')
      return value === 'invoice and order agree' ? 'reason withheld' : value
    })
    const sealed = await service.make(deps, order)
    expect(readArchive(sealed.bytes)?.has('contents.ndjson')).toBe(false)
    expect(Buffer.from(sealed.bytes).includes('agree')).toBe(false)
    const opened = await service.make(deps, { ...order, content: true })
    expect(verifyEvidence(opened.bytes, trusted).ok).toBe(true)
    const files = readArchive(opened.bytes)
    const lines = text(files, 'contents.ndjson')
    expect(lines).toContain('"value":null,"left_out":"redaction_failed"')
    expect(text(files, 'narrative.md')).toContain('reason withheld')
    expect(Buffer.from(opened.bytes).includes('invoice and order agree')).toBe(false)
    expect(opened.manifest).toMatchObject({ contents: 'opened' })
    expect(opened.manifest.contents_left_out).toBeGreaterThan(0)
  })

  it('NAR-043: what is handed out is on record before it leaves, in a chained, signed log; over a log that was changed nothing is', async () => {
    const { service, deps, log, dataDir } = place()
    const made = await service.make(deps, order)
    const ref = { runId: 'run_c', by: olga, reason: 'a trace names it', seq: 1, index: 0 }
    expect(await service.content(deps, ref)).toMatchObject({ seq: 1, index: 0, left_out: null })
    await expect(service.content(deps, { ...ref, index: 9 })).rejects.toMatchObject({ code: 'NOT_FOUND' })
    expect(log()).toMatchObject({
      faults: [],
      entries: [
        {
          what: 'evidence',
          run_id: 'run_c',
          by: 'user:olga',
          content: false,
          sha256: made.sha256,
          reason: order.reason,
        },
        { what: 'content', ref: { seq: 1, index: 0 }, content: true, reason: 'a trace names it' },
      ],
    })
    expect(service.disclosures('other')).toEqual([])
    const path = disclosureLogPath(dataDir, {})
    writeFileSync(path, readFileSync(path, 'utf8').replace('user:olga', 'user:paul'))
    expect(log().faults).toEqual([1, 2].slice(0, log().faults.length))
    await expect(service.make(deps, order)).rejects.toMatchObject({ code: 'AUDIT_FAILED' })
    await expect(service.content(deps, ref)).rejects.toMatchObject({ code: 'AUDIT_FAILED' })
    expect(log().entries.length).toBeLessThan(3)
  })

  it('NAR-045: over the API it takes the permission, with contents another one, in the own tenant; a refusal makes and notes nothing', async () => {
    const { service, fake, log } = place()
    let who: Principal = olga
    const app = createApp({
      ...{ ...fake, evidence: service, workflows: [], host: systemHost, mode: 'development', version: '0' },
      models: { resolve: () => undefined as never },
      auth: { kind: 'issued', authenticate: async () => who },
      ...{ consoleDir: null, log: () => undefined, stopping: new AbortController().signal },
    })
    const headers = { authorization: `Bearer ${'t'.repeat(16)}`, 'content-type': 'application/json' }
    const post = async (path: string, body: object) => {
      const answer = await app.request(`/api/v1${path}`, { method: 'POST', headers, body: JSON.stringify(body) })
      const json: unknown = await answer.json()
      return { status: answer.status, json: json as Record<string, unknown> }
    }
    const reason = 'asked for by the auditor'
    const place1 = { seq: 1, index: 0, reason }
    for (const [roles, path, body] of [
      [['viewer'], '/runs/run_c/evidence', { reason }],
      [['operator'], '/runs/run_c/evidence', { reason, content: true }],
      [['operator'], '/runs/run_c/content', place1],
      [['auditor'], '/runs/run_c/content', place1],
    ] as const) {
      who = { ...olga, roles }
      const { status, json } = await post(path, body)
      expect([status, json.code, json.archive, json.value]).toEqual([403, 'FORBIDDEN', undefined, undefined])
    }
    who = { ...olga, tenant: 'other' }
    expect((await post('/runs/run_c/evidence', { reason })).json.code).toBe('RUN_NOT_FOUND')
    expect((await post('/runs/run_c/content', place1)).json.code).toBe('RUN_NOT_FOUND')
    expect(log().entries).toEqual([])
    who = olga
    const { status, json } = await post('/runs/run_c/evidence', { reason, content: true })
    expect([status, json.contents, json.file]).toEqual([200, 'opened', 'run_c.evidence.tar'])
    expect((await post('/runs/run_c/content', place1)).json).toMatchObject({ seq: 1, left_out: null })
    const listed = await app.request('/api/v1/disclosures?run=run_c', { headers })
    expect(await listed.json()).toMatchObject({
      disclosures: [{ what: 'evidence', content: true, sha256: json.sha256, by: 'user:olga' }, { what: 'content' }],
    })
  })

  it('NAR-048: two processes that note at once take turns: every entry is there and the chain is whole', async () => {
    const { dataDir, log } = place()
    const each = Number(process.env.DISCLOSURES_EACH ?? 30)
    const entry = new URL('../../test/disclosure-process.ts', import.meta.url).pathname
    const writers = ['one', 'two'].map((name) => {
      const argv = ['--no-warnings', '--conditions=signalbox-source', entry, dataDir, name, String(each)]
      return spawn(process.execPath, argv, { stdio: ['pipe', 'pipe', 'inherit'] })
    })
    const ended = writers.map((child) => once(child, 'exit'))
    await Promise.all(writers.map((child) => once(child.stdout, 'data')))
    for (const child of writers) child.stdin.write('go\n')
    expect(await Promise.all(ended)).toEqual([
      [0, null],
      [0, null],
    ])
    const { entries, faults } = log()
    expect(faults).toEqual([])
    for (const name of ['one', 'two'])
      expect(entries.filter(({ by }) => by === name).map(({ run_id }) => run_id)).toEqual(
        Array.from({ length: each }, (_, index) => `run_${index}`),
      )
  })

  it('NAR-044: without a tree head over the run the bundle says so', async () => {
    const { service, deps, trusted } = place()
    const { bytes, manifest } = await service.make(deps, { ...order, runId: 'run_w' })
    expect(manifest).toMatchObject({ proof: null, no_proof: expect.stringContaining('no tree head covers') })
    expect(verifyEvidence(bytes, trusted)).toMatchObject({
      ok: true,
      remarks: expect.arrayContaining([expect.stringContaining('no tree head vouches for it')]),
    })
  })
})

/** The same bytes with one in the middle changed. */
function flipped(bytes: Uint8Array | undefined): Uint8Array {
  const copy = new Uint8Array(bytes ?? [])
  const at = Math.floor(copy.length / 2)
  copy[at] = (copy[at] ?? 0) ^ 1
  return copy
}
