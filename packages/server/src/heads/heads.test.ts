import {
  copyFileSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import {
  applyRetention,
  type Host,
  loadAuditKey,
  openSqliteStore,
  readRetention,
  type Store,
  type StoredRecord,
  sha256Hex,
  signingKey,
  systemHost,
} from 'signalbox'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { DATABASE } from '../dev/compose.ts'
import { headsDirOf, publicKeyPath } from './files.ts'
import { checkTreeHeads } from './verify.ts'
import { startTreeHeads } from './writer.ts'

const ZEROS = '0'.repeat(64)
let dir: string
let logged: string[]

beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'signalbox-heads-'))
  logged = []
})
afterEach(() => rmSync(dir, { recursive: true, force: true }))

const database = (): string => join(dir, DATABASE)
const head = (number: number, kind: 'note' | 'leaves' = 'note'): string =>
  join(dir, 'heads', `${String(number).padStart(8, '0')}.${kind}`)
const count = (): number => readdirSync(join(dir, 'heads')).filter((name) => name.endsWith('.note')).length

/** Runs and records are written, then one head signs them, as a server that starts and stops does. */
async function session(work: (store: Store) => Promise<void>): Promise<void> {
  const store = await openSqliteStore({ path: database(), host: systemHost })
  try {
    await work(store)
    const key = signingKey(loadAuditKey({ dir, env: {}, mode: 'development', host: systemHost }))
    const writer = startTreeHeads({
      store,
      host: systemHost,
      key,
      dir: headsDirOf(dir, {}),
      publicKeyPath: publicKeyPath(dir),
      log: (line) => logged.push(line),
    })
    await writer.stop()
  } finally {
    await store.close()
  }
}

function record(seq: number, prev: string, word = 'as it was'): StoredRecord {
  const body = JSON.stringify({ v: 1, seq, type: 'run.started', prev, word })
  return { seq, type: 'run.started', body, hash: sha256Hex(body), sealed: null }
}

async function start(store: Store, tenant: string, runId: string): Promise<void> {
  const named = { workflow: 'w', version: '1', signature: 's', requestId: runId, principal: 'user:ana', subject: 'ana' }
  await store.create({ tenant, runId, ...named, createdAt: 1, genesis: record(1, ZEROS) })
}

/** Adds records to a run, each in a commit of its own. */
async function add(store: Store, tenant: string, runId: string, records: number, word?: string): Promise<void> {
  const claim = { worker: 'w1', now: 1, leaseUntil: 2, limit: 1, signatures: null, only: { tenant, runId } }
  const [row] = await store.claim(claim)
  if (!row) throw new Error('the run was not claimed')
  let { seq, head: prev } = row
  const open = { status: 'running', code: null, branch: 0, checkpointSeq: 1, superstep: 0, wakeAt: null } as const
  for (let done = 0; done < records; done++) {
    const next = record(seq + 1, prev, word)
    const last = done === records - 1
    const [result] = await store.commit([
      {
        tenant,
        runId,
        epoch: row.epoch,
        expectSeq: seq,
        records: [next],
        seq: next.seq,
        head: next.hash,
        row: { ...open, costNanoUsd: '0', updatedAt: 1 },
        release: last,
        consumed: [],
        effects: [],
        requests: [],
        closed: [],
      },
    ])
    expect(result?.status).toBe('committed')
    seq = next.seq
    prev = next.hash
  }
}

/** Three sessions over two tenants: run_a is in every head, run_b and run_c come later. */
async function history(): Promise<void> {
  await session(async (store) => {
    await start(store, 't', 'run_a')
    await add(store, 't', 'run_a', 4)
  })
  copyFileSync(database(), join(dir, 'older.db'))
  await session(async (store) => {
    await start(store, 't', 'run_b')
    await add(store, 't', 'run_a', 3)
    await add(store, 't', 'run_b', 5)
  })
  await session(async (store) => {
    await start(store, 'other', 'run_c')
    await add(store, 't', 'run_a', 2)
    await add(store, 't', 'run_b', 2)
  })
}

/** Writes to the database beside the store. */
function tamper(sql: string): void {
  const db = new DatabaseSync(database())
  db.exec(sql)
  db.close()
}

const RID = (run: string): string => `(SELECT rid FROM runs WHERE run_id = '${run}')`

/** Writes a run's records anew from one on, with a chain that holds, and the row with it. */
function rewrite(run: string, from: number, through: number): void {
  const db = new DatabaseSync(database())
  const before = db.prepare(`SELECT hash FROM records WHERE rid = ${RID(run)} AND seq = ?`).get(from - 1)
  let prev = String(before?.hash)
  for (let seq = from; seq <= through; seq++) {
    const { body, hash } = record(seq, prev, 'as it never was')
    db.prepare(`UPDATE records SET body = ?, hash = ? WHERE rid = ${RID(run)} AND seq = ?`).run(body, hash, seq)
    prev = hash
  }
  db.prepare('UPDATE runs SET head = ? WHERE run_id = ?').run(prev, run)
  db.close()
}

function hashOf(run: string, seq: number): string {
  const db = new DatabaseSync(database())
  const row = db.prepare(`SELECT hash FROM records WHERE rid = ${RID(run)} AND seq = ?`).get(seq)
  db.close()
  return String(row?.hash)
}

async function found(run?: string) {
  const check = await checkTreeHeads({ dataDir: dir, env: {} }, run)
  if (!check) throw new Error('nothing was checked')
  expect(check.ok).toBe(check.findings.length === 0)
  return check.findings.map(({ kind, head: number, run_id, seq }) => [kind, number, run_id, seq])
}

describe('honest histories', () => {
  it('AUD-004: every head verifies, and what came after the last one is told', async () => {
    await history()
    expect(count()).toBe(3)
    expect(await checkTreeHeads({ dataDir: dir, env: {} })).toMatchObject({
      ok: true,
      heads: 3,
      last: { number: 3, runs: 3, records: 19 },
      uncovered_records: 0,
      findings: [],
    })
    const store = await openSqliteStore({ path: database(), host: systemHost })
    await add(store, 't', 'run_b', 2)
    await store.close()
    expect(await checkTreeHeads({ dataDir: dir, env: {} })).toMatchObject({ ok: true, uncovered_records: 2 })
    expect(logged).toEqual([])
  })

  it('AUD-005: the key is readable by its owner alone, lists hold ids and hashes, and nothing new signs no head', async () => {
    await history()
    expect(statSync(join(dir, 'audit.key')).mode & 0o777).toBe(0o600)
    expect(readFileSync(head(3, 'leaves'), 'utf8')).toMatch(
      /^\["other","run_c",1,"[0-9a-f]{64}"\]\n\["t","run_a",10,"[0-9a-f]{64}"\]\n\["t","run_b",8,"[0-9a-f]{64}"\]\n$/,
    )
    await session(async () => undefined)
    expect(count()).toBe(3)
  })

  it('AUD-005: a list that a stopped process left without a note is written anew', async () => {
    await session((store) => start(store, 't', 'run_a'))
    writeFileSync(head(2, 'leaves'), '["t","run_a",9')
    await session((store) => add(store, 't', 'run_a', 1))
    expect([count(), await found(), logged]).toEqual([2, [], []])
  })

  it('AUD-018: a head that cannot be written is told, and the next one covers what it would have', async () => {
    writeFileSync(join(dir, 'heads'), 'in the way')
    await session((store) => start(store, 't', 'run_a'))
    expect(logged).toEqual([expect.stringMatching(/^tree head not written: .*is in the way/)])
    rmSync(join(dir, 'heads'))
    await session((store) => start(store, 't', 'run_b'))
    expect(await checkTreeHeads({ dataDir: dir, env: {} })).toMatchObject({ ok: true, last: { number: 1, runs: 2 } })
  })

  it('AUD-006: a folder that never had tree heads is not checked; one whose heads are gone is a finding', async () => {
    await (await openSqliteStore({ path: database(), host: systemHost })).close()
    expect(await checkTreeHeads({ dataDir: dir, env: {} })).toBeNull()
    await session((store) => start(store, 't', 'run_a'))
    rmSync(join(dir, 'heads'), { recursive: true })
    expect(await found()).toEqual([['missing_head', 1, null, null]])
    rmSync(publicKeyPath(dir))
    await expect(checkTreeHeads({ dataDir: dir, env: {}, headsDir: dir })).rejects.toThrow(/--public-key/)
  })
})

describe('pruned histories', () => {
  const DAY = 86_400_000
  const NOTHING = readRetention([{ olderThanDays: 30, keep: 'nothing' }])

  /** Ends every run, and prunes them a month later. */
  async function pruned(): Promise<void> {
    await history()
    tamper("UPDATE runs SET status = 'completed', updated_at = 1, lease_owner = NULL, lease_until = NULL")
    await session(async (store) => {
      const host: Host = { ...systemHost, now: () => 31 * DAY }
      expect(await applyRetention(store, NOTHING, host)).toMatchObject({ pruned: { nothing: 3 } })
    })
  }

  it('AUD-023: signed heads verify over pruned histories, and the next head signs the markers', async () => {
    await pruned()
    expect(await found()).toEqual([])
    expect(count()).toBe(4)
    expect(readFileSync(head(4, 'leaves'), 'utf8')).toContain('["t","run_a",11,')
  })

  it('AUD-023: a changed hash, a dropped row, a removed run and a removed marker are found', async () => {
    const faults = [
      [`UPDATE records SET hash = '${'f'.repeat(64)}' WHERE rid = ${RID('run_a')} AND seq = 5`, 'changed_record'],
      [`DELETE FROM records WHERE rid = ${RID('run_a')} AND seq = 4`, 'dropped_event'],
      [`DELETE FROM records WHERE rid = ${RID('run_a')}; DELETE FROM runs WHERE run_id = 'run_a'`, 'removed_run'],
      [`DELETE FROM records WHERE rid = ${RID('run_a')} AND seq = 11`, 'cut_tail'],
      [`UPDATE records SET body = replace(body, '"last_seq":10', '"last_seq":2')`, 'changed_record'],
      [`UPDATE records SET body = replace(body, '"keep":"nothing"', '"keep":"metadata"')`, 'changed_record'],
    ] as const
    await pruned()
    copyFileSync(database(), join(dir, 'pruned.db'))
    for (const [sql, kind] of faults) {
      tamper(sql)
      expect((await found()).map(([one, , run]) => [one, run])).toContainEqual([kind, 'run_a'])
      copyFileSync(join(dir, 'pruned.db'), database())
    }
  })

  it('AUD-024: bodies that are gone without a marker are found in a signed history', async () => {
    await history()
    tamper(`UPDATE records SET body = '', sealed = NULL WHERE rid = ${RID('run_a')} AND seq <= 8`)
    expect(await found()).toEqual([['changed_record', 1, 'run_a', 1]])
  })
})

describe('planted faults', () => {
  beforeEach(history)

  it('AUD-007: one changed byte is a changed record', async () => {
    tamper(`UPDATE records SET body = replace(body, 'as it was', 'as it wax') WHERE rid = ${RID('run_a')} AND seq = 6`)
    expect(await found()).toEqual([['changed_record', 2, 'run_a', 6]])
  })

  it('AUD-007: a history written anew with a chain and a row that hold is found at the first head that covers it', async () => {
    rewrite('run_a', 3, 10)
    expect(await found()).toEqual([['changed_record', 1, 'run_a', 5]])
  })

  it('AUD-007: a record between two signed ones that was changed with its own hash breaks the chain', async () => {
    const { body, hash } = record(6, ZEROS, 'as it never was')
    tamper(`UPDATE records SET body = '${body}', hash = '${hash}' WHERE rid = ${RID('run_a')} AND seq = 6`)
    expect(await found()).toEqual([['changed_record', 2, 'run_a', 6]])
    const { body: fits, hash: its } = record(6, hashOf('run_a', 5), 'as it never was')
    tamper(`UPDATE records SET body = '${fits}', hash = '${its}' WHERE rid = ${RID('run_a')} AND seq = 6`)
    expect(await found()).toEqual([['changed_record', 2, 'run_a', 7]])
  })

  it('AUD-008: a dropped event is found', async () => {
    tamper(`DELETE FROM records WHERE rid = ${RID('run_b')} AND seq = 4`)
    expect(await found()).toEqual([['dropped_event', 2, 'run_b', 4]])
    expect(await found('run_a')).toEqual([])
  })

  it('AUD-009: a tail cut together with its row is found, and so is a row that was cut alone', async () => {
    const row = `UPDATE runs SET seq = 7, head = (SELECT hash FROM records WHERE rid = runs.rid AND seq = 7) WHERE run_id = 'run_a'`
    tamper(row)
    expect(await found()).toEqual([['cut_tail', 3, 'run_a', 7]])
    tamper(`DELETE FROM records WHERE rid = ${RID('run_a')} AND seq > 7`)
    expect(await found()).toEqual([['cut_tail', 3, 'run_a', 7]])
  })

  it('AUD-010: a removed run is found, of whatever tenant', async () => {
    tamper(`DELETE FROM records WHERE rid = ${RID('run_c')}; DELETE FROM runs WHERE run_id = 'run_c'`)
    expect(await found()).toEqual([['removed_run', 3, 'run_c', null]])
  })

  it('AUD-011: a database swapped for an older copy is found, and no head is signed over it', async () => {
    copyFileSync(join(dir, 'older.db'), database())
    const older = [
      ['older_database', 2, null, null],
      ['removed_run', 3, 'run_c', null],
      ['cut_tail', 3, 'run_a', 5],
      ['removed_run', 3, 'run_b', null],
    ]
    const findings = await found()
    expect(findings).toHaveLength(older.length)
    for (const each of older) expect(findings).toContainEqual(each)
    await session((store) => add(store, 't', 'run_a', 40, 'as it went on'))
    expect(count()).toBe(3)
    expect(logged).toEqual([expect.stringContaining('the store does not hold what the last head signed')])
    const [first, ...others] = await found()
    expect(first).toEqual(['older_database', 2, null, null])
    expect(others).toContainEqual(['changed_record', 2, 'run_a', 8])
  })

  it('AUD-011: an older copy that went on to the same place with another record is told apart by its hash', async () => {
    copyFileSync(database(), join(dir, 'older.db'))
    await session((store) => add(store, 't', 'run_b', 1))
    copyFileSync(join(dir, 'older.db'), database())
    await session((store) => add(store, 't', 'run_b', 1, 'as it went on'))
    expect(logged).toEqual([expect.stringContaining('the store does not hold what the last head signed')])
    expect([count(), await found()]).toEqual([4, [['changed_record', 4, 'run_b', 9]]])
  })

  it('AUD-011: no head is signed over a run that goes on after its tail was cut', async () => {
    tamper(`DELETE FROM records WHERE rid = ${RID('run_a')} AND seq > 7`)
    tamper(
      `UPDATE runs SET seq = 7, head = (SELECT hash FROM records WHERE rid = runs.rid AND seq = 7) WHERE run_id = 'run_a'`,
    )
    await session((store) => add(store, 't', 'run_a', 1, 'as it went on'))
    expect(logged).toEqual([expect.stringContaining('`run_a` goes on with record 8 after record 10')])
    expect(count()).toBe(3)
    expect(await found()).toEqual([
      ['changed_record', 2, 'run_a', 8],
      ['cut_tail', 3, 'run_a', 8],
    ])
  })

  it('AUD-012: an edited note is a forged head, also when another key signed it', async () => {
    const note = readFileSync(head(2), 'utf8')
    writeFileSync(head(2), note.replace('records 14', 'records 15'))
    expect(await found()).toEqual([['forged_head', 2, null, null]])
    writeFileSync(head(2), readFileSync(head(1), 'utf8'))
    expect(await found()).toEqual([['forged_head', 2, null, null]])
    writeFileSync(head(2), note)
    expect(await found()).toEqual([])
  })

  it('AUD-013: an edited or missing list of leaves is found', async () => {
    const list = readFileSync(head(2, 'leaves'), 'utf8')
    const other = list.replace(/[0-9a-f]{64}/, 'f'.repeat(64))
    for (const text of [other, list.replace('"run_a",8', '"run_a",7'), list.slice(0, -1), list.toUpperCase(), '']) {
      writeFileSync(head(2, 'leaves'), text)
      expect((await found()).map(([kind, number]) => [kind, number])).toEqual([['changed_leaves', 2]])
    }
    rmSync(head(2, 'leaves'))
    expect(await found()).toEqual([['changed_leaves', 2, null, null]])
  })

  it('AUD-014: a missing number is found, and what other heads signed is still compared', async () => {
    rmSync(head(2))
    expect(await found()).toEqual([['missing_head', 2, null, null]])
    rewrite('run_b', 5, 8)
    expect(await found()).toEqual([
      ['missing_head', 2, null, null],
      ['changed_record', 3, 'run_b', 8],
    ])
  })

  it('AUD-014: what only the missing head signed is vouched for by the next root that holds', async () => {
    await session((store) => add(store, 'other', 'run_c', 1))
    rmSync(head(3))
    rewrite('run_a', 9, 10)
    expect(await found()).toEqual([
      ['missing_head', 3, null, null],
      ['changed_record', 4, 'run_a', 10],
    ])
  })

  it('AUD-015: heads of the same key from another history do not continue these', async () => {
    const first = dir
    const second = mkdtempSync(join(tmpdir(), 'signalbox-heads-'))
    try {
      dir = second
      mkdirSync(join(dir, 'heads'))
      copyFileSync(join(first, 'audit.key'), join(dir, 'audit.key'))
      await session((store) => start(store, 't', 'run_z'))
      await session((store) => start(store, 't', 'run_y'))
      copyFileSync(head(2), join(first, 'heads', '00000002.note'))
      copyFileSync(head(2, 'leaves'), join(first, 'heads', '00000002.leaves'))
    } finally {
      dir = first
      rmSync(second, { recursive: true })
    }
    const check = await checkTreeHeads({ dataDir: dir, env: {} })
    const other = { kind: 'inconsistent_heads', head: 2, detail: 'it names another head as the one before it' }
    expect(check?.findings).toContainEqual(expect.objectContaining(other))
  })

  it('AUD-016: production takes the key from its variable only', () => {
    const at = { dir, mode: 'production', host: systemHost } as const
    const given = Buffer.alloc(32, 5).toString('base64')
    expect(loadAuditKey({ ...at, env: { SIGNALBOX_AUDIT_KEY: given } })).toEqual(new Uint8Array(32).fill(5))
    expect(() => loadAuditKey({ ...at, env: { SIGNALBOX_MASTER_KEY: given } })).toThrow(/SIGNALBOX_AUDIT_KEY/)
  })

  it('AUD-016: another audit key stops the start and leaves the public key as it was', async () => {
    const kept = readFileSync(publicKeyPath(dir), 'utf8')
    rmSync(join(dir, 'audit.key'))
    await expect(session(async () => undefined)).rejects.toThrow(/of another audit key/)
    expect(readFileSync(publicKeyPath(dir), 'utf8')).toBe(kept)
  })
})
