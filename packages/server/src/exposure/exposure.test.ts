/** What the audit of exposure finds, and what it must not find: over a real database file with a real run in it. */
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import {
  type CaptureMode,
  createRedactor,
  openSqliteStore,
  type Signalbox,
  type Store,
  sha256Hex,
  systemHost,
} from 'signalbox'
import { PLANTED_SECRETS, secretBox, secretRun } from 'signalbox/testing'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { readNotifications } from '../notify/definition.ts'
import { auditExposure, type ExposureAuditOptions } from './audit.ts'
import { readSecrets, type Secret, secretMatcher } from './matcher.ts'
import { EXPOSURE_PLACES, type ExposurePlace } from './pieces.ts'

const root = mkdtempSync(join(tmpdir(), 'exposure-'))
const dataDir = join(root, 'data')
const outside = (name: string): string => join(root, name)
const SEEDED: readonly Secret[] = Object.entries(PLANTED_SECRETS).map(([name, value]) => ({ name, value }))
const fingerprint = (value: string): string => sha256Hex(value).slice(0, 16)

let store: Store
let box: Signalbox
const runIds: string[] = []

beforeAll(async () => {
  for (const name of ['data', 'logs', 'exports', 'backups']) mkdirSync(outside(name))
  store = await openSqliteStore({ path: join(dataDir, 'signalbox.db'), host: systemHost })
  box = secretBox(store)
  for (const streamed of [false, true]) runIds.push(await secretRun(box, { streamed }))
})

afterAll(async () => {
  await box.close()
  rmSync(root, { recursive: true, force: true })
})

function audit(mode: CaptureMode, over: Partial<ExposureAuditOptions> = {}) {
  const contents = (tenant: string, runId: string) => box.runs.contents(tenant, runId)
  const capture = { settings: { mode, identity: false }, redactor: createRedactor({ host: systemHost }), contents }
  return auditExposure({
    ...{ dataDir, store, capture, fingerprint, runs: box.runs, project: 'desk', host: systemHost, secrets: SEEDED },
    ...{ logs: [outside('logs')], exports: [outside('exports')], backups: [outside('backups')] },
    notifications: readNotifications({ channels: [] }),
    ...over,
  })
}

describe('the audit of exposure', () => {
  it.each(['span', 'event', 'span_and_event'] as const)(
    'EXS-020: with capture %s every seeded secret that leaves is found in both runs, and explained',
    async (mode) => {
      const report = await audit(mode)
      for (const [i, runId] of runIds.entries()) {
        const own = report.findings.filter((each) => each.where.run === runId)
        const names = new Set(own.map((each) => each.secret))
        for (const { name } of SEEDED) expect(names.has(name), `${name} of run ${i}`).toBe(name !== 'state')
      }
      expect(report.findings.every((each) => each.place === 'telemetry' && each.explained !== null)).toBe(true)
      expect([report.result, report.unexplained]).toEqual(['passed', 0])
      for (const { value } of SEEDED) expect(JSON.stringify(report)).not.toContain(value)
    },
  )

  it.each(['none', 'reference'] as const)(
    'EXS-021: with capture %s nothing is found, and every place was searched',
    async (mode) => {
      const report = await audit(mode)
      expect(report.findings).toEqual([])
      const searched = Object.fromEntries(report.places.map((each) => [each.place, each.texts]))
      expect(Object.keys(searched)).toEqual([...EXPOSURE_PLACES])
      for (const place of ['telemetry', 'events', 'errors', 'state', 'approvals', 'store', 'store_bytes', 'file_names'])
        expect(searched[place], place).toBeGreaterThan(0)
    },
  )

  it('EXS-022: no byte of the database or of its log holds a seeded secret (Invariant 14)', () => {
    const names = readdirSync(dataDir)
    expect(names).toContain('signalbox.db-wal')
    for (const name of names) {
      const bytes = readFileSync(join(dataDir, name))
      for (const { name: place, value } of SEEDED) expect(bytes.includes(value), `${place} in ${name}`).toBe(false)
    }
  })

  describe('of a secret that got there by mistake', () => {
    const VALUE = 'obsidian-tundra-5150-misplaced'
    const secrets = [{ name: 'misplaced', value: VALUE }]
    const sql = (path: string, text: string, ...values: string[]) => {
      const database = new DatabaseSync(path)
      database.prepare(text).run(...values)
      database.close()
    }
    const own =
      (text: string, ...values: string[]) =>
      () =>
        sql(join(dataDir, 'signalbox.db'), text, ...values)
    const record = (type: string, body: object) =>
      own(
        `INSERT INTO records (position, rid, seq, type, hash, body) SELECT max(position) + 1, 9999, max(position) + 1, ?, '', ? FROM records`,
        type,
        JSON.stringify({ run: 'run_x', ...body }),
      )
    const PLANTED: Readonly<Record<Exclude<ExposurePlace, 'telemetry'>, () => void>> = {
      events: record('message.dropped', { message: VALUE }),
      errors: record('activity.outcome', { status: 'failed', text: VALUE }),
      state: record('superstep.completed', { state: VALUE }),
      approvals: record('approval.changed', { text: VALUE }),
      store: own(`INSERT INTO definitions (signature, description) VALUES ('x', ?)`, VALUE),
      store_bytes: () => writeFileSync(join(dataDir, 'old.db-journal'), `\u0000\u0001${VALUE}`),
      notifications: own(
        `INSERT INTO notices (tenant, id, kind, severity, roles, facts, told_at, routed) VALUES ('acme', 'x', 'run.parked', 'info', '[]', ?, 1, 1)`,
        JSON.stringify({ code: VALUE }),
      ),
      files: () => writeFileSync(join(dataDir, 'notes.txt'), `${'x'.repeat(5_000_000)}${VALUE}`),
      file_names: () => writeFileSync(outside(`logs/${VALUE}.log`), 'nothing'),
      logs: () => writeFileSync(outside('logs/server.log'), JSON.stringify({ message: `failed for ${VALUE}` })),
      exports: () => writeFileSync(outside('exports/runs.ndjson'), JSON.stringify({ text: VALUE })),
      backups: () => {
        const path = outside('backups/copy.db')
        sql(path, 'CREATE TABLE t (a TEXT)')
        sql(path, 'INSERT INTO t VALUES (?)', VALUE)
      },
    }

    it.each(Object.keys(PLANTED) as (keyof typeof PLANTED)[])(
      'EXS-023: it is found in %s and explained by nothing; an audit without this search does not see it there',
      async (place) => {
        PLANTED[place]()
        const report = await audit('none', { secrets })
        const there = report.findings.filter((each) => each.place === place)
        expect(there.length, JSON.stringify(report.places)).toBeGreaterThan(0)
        expect(there.every((each) => each.explained === null && Object.keys(each.where).length > 0)).toBe(true)
        expect(report.result).toBe('failed')
        expect(JSON.stringify(report)).not.toContain(VALUE)
        const blind = await audit('none', { secrets, without: [place] })
        expect(blind.findings.filter((each) => each.place === place)).toEqual([])
        expect(blind.findings_total).toBeLessThan(report.findings_total)
      },
    )

    it('EXS-023: telemetry that is searched by nobody hides what capture sends', async () => {
      const report = await audit('span', { without: ['telemetry'] })
      expect(report.findings.filter((each) => each.place === 'telemetry')).toEqual([])
    })
  })

  it('EXS-024: a path that is not there is an error, and no clean report', async () => {
    await expect(audit('none', { logs: [outside('nowhere')] })).rejects.toMatchObject({ code: 'INPUT_INVALID' })
  })
})

describe('how secrets are recognised', () => {
  const VALUE = 'p@ss/word "42"+x'
  const forms = ['secret', 'iban', 'card'] as const
  const match = secretMatcher({ secrets: [{ name: 'db', value: VALUE }], forms, fingerprint })
  const base64 = Buffer.from(`user:${VALUE}`).toString('base64')

  it.each([
    ['as it is', VALUE, 'plain'],
    ['in JSON', JSON.stringify({ a: VALUE }), 'encoded'],
    ['as base64 of more than itself', `Basic ${base64}`, 'encoded'],
    ['as hexadecimal, large', Buffer.from(VALUE).toString('hex').toUpperCase(), 'encoded'],
    ['in a URL, small', encodeURIComponent(VALUE).toLowerCase(), 'encoded'],
    ['over lines', VALUE.replace('word', 'wo\n  rd'), 'split'],
    ['backwards', [...VALUE].reverse().join(''), 'reversed'],
  ])('EXS-025: a known value %s', (_name, text, writing) => {
    const [found, ...more] = match(`before ${text} after`)
    expect(found).toMatchObject({ secret: 'db', kind: 'known', writing, fingerprint: fingerprint(VALUE) })
    expect(more).toEqual([])
  })

  it('EXS-026: forms of keys, cards with their check digit and IBANs with theirs; nothing that only looks like one', () => {
    const kinds = (text: string) => match(text).map((each) => each.kind)
    expect(kinds('card 4111 1111 1111 1111, DE89 3704 0044 0532 0130 00, AKIAIOSFODNN7EXAMPLE')).toEqual([
      'secret',
      'iban',
      'card',
    ])
    expect(kinds('card 4111 1111 1111 1112, DE89 3704 0044 0532 0130 01, AKIA-no')).toEqual([])
    expect(match('4111111111111111', 'known')).toEqual([])
  })

  it('EXS-027: a file of secrets is lines or JSON; values that would be everywhere are refused', () => {
    expect(readSecrets('# ours\n\nabcdef\n  ghijkl \n')).toEqual([
      { name: 'line 3', value: 'abcdef' },
      { name: 'line 4', value: 'ghijkl' },
    ])
    expect(readSecrets('["abcdef", {"name": "key", "value": "ghijkl"}]').map((each) => each.name)).toEqual([
      'secret 1',
      'key',
    ])
    expect(() => readSecrets('abc')).toThrow(/at least 6 characters/)
    expect(() => readSecrets('[{"value": "abcdef"}]')).toThrow(/list of texts/)
  })
})
