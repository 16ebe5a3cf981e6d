import { existsSync, readFileSync, renameSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { expect, it, vi } from 'vitest'
import { CONFIG, dataFolder, run, startDev } from './harness.ts'

const firstHead = join('heads', '00000001.note')

it('AUD-017, AUD-033: dev signs tree heads, and audit verify checks them with and without a server', async () => {
  const folder = dataFolder()
  const data = folder.path
  const verify = async (...args: string[]) =>
    await run(['audit', 'verify', '--data', data, '--config', CONFIG, ...args])
  try {
    const dev = await startDev(data)
    const input = '{"to":"gina","amount":500}'
    const started = await run(['run', 'letter', '--input', input, '--json', '--data', data, '--as', 'rita'])
    const id = JSON.parse(started.stdout).run_id
    await vi.waitFor(() => expect(existsSync(join(data, firstHead))).toBe(true))
    const online = await verify()
    expect([online.code, online.stdout]).toEqual([
      0,
      expect.stringMatching(/1 tree heads verified, the last one 1 at /),
    ])
    expect((await verify('--url', dev.url)).stdout).toContain('no tree heads checked')
    expect(await dev.end('SIGTERM')).toBe(0)

    const sound = JSON.parse((await verify('--json')).stdout)
    expect(sound).toMatchObject({
      ok: true,
      runs: 1,
      tree_heads: { ok: true, last: { runs: 1 }, uncovered_records: 0 },
    })
    expect((await verify(id)).code).toBe(0)

    // A proof needs the public key and nothing else to be checked.
    const kept = dataFolder()
    const proof = join(kept.path, 'proof.json')
    expect((await run(['audit', 'prove', id, '--out', proof, '--data', data])).code).toBe(0)
    const check = (file: string) =>
      run(['audit', 'verify', '--proof', file, '--public-key', join(data, 'audit.pub'), '--data', kept.path])
    expect((await check(proof)).stdout).toContain(`${id}  verified  of tenant dev`)
    const changed = join(kept.path, 'changed.json')
    // The run may not have been taken up before the server stopped: then its sequence is 1.
    const another = (_all: string, seq: string) => `"seq": ${Number(seq) + 1}`
    writeFileSync(changed, readFileSync(proof, 'utf8').replace(/"seq": (\d+)/, another))
    expect(await check(changed)).toMatchObject({ code: 6, stdout: expect.stringContaining('does not verify') })
    expect((await run(['audit', 'prove', 'run_none', '--data', data])).code).toBe(3)
    expect((await run(['audit', 'prove', id, '--out', proof, '--data', data])).code).toBe(4)

    // Kept elsewhere, heads and key are named.
    renameSync(join(data, 'heads'), join(kept.path, 'heads'))
    renameSync(join(data, 'audit.pub'), join(kept.path, 'audit.pub'))
    const named = ['--heads', join(kept.path, 'heads'), '--public-key', join(kept.path, 'audit.pub')]
    expect((await verify()).stdout).toContain('no tree heads checked')
    expect((await verify(...named)).stdout).toMatch(/tree heads verified/)

    tamper(join(data, 'signalbox.db'), id)
    const removed = await verify(id, ...named)
    expect([removed.code, removed.stdout]).toEqual([6, expect.stringContaining(`${id}: removed_run`)])

    const note = join(kept.path, firstHead)
    writeFileSync(note, readFileSync(note, 'utf8').replace('number 1', 'number 2'))
    const forged = await verify(...named)
    expect([forged.code, forged.stdout]).toEqual([6, expect.stringContaining('head 1: forged_head')])
    const told = JSON.parse((await verify('--json', ...named)).stdout)
    expect(told.tree_heads.findings).toContainEqual(expect.objectContaining({ kind: 'forged_head', head: 1 }))
    expect(told).toMatchObject({ ok: false, tree_heads: { ok: false } })
    kept.remove()
  } finally {
    folder.remove()
  }
})

/** Removes a run with its records. */
function tamper(path: string, id: string): void {
  const db = new DatabaseSync(path)
  db.prepare('DELETE FROM records WHERE rid = (SELECT rid FROM runs WHERE run_id = ?)').run(id)
  db.prepare('DELETE FROM runs WHERE run_id = ?').run(id)
  db.close()
}
