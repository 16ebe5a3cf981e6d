import { spawnSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, describe, expect, it } from 'vitest'
import { sourceIdentity } from './build.ts'

const folders: string[] = []
afterEach(() => {
  for (const folder of folders.splice(0)) rmSync(folder, { recursive: true, force: true })
})

function sample(isGit: boolean) {
  const root = mkdtempSync(join(tmpdir(), 'signalbox-tree-'))
  folders.push(root)
  const put = (path: string, text: string): void => {
    mkdirSync(join(root, path, '..'), { recursive: true })
    writeFileSync(join(root, path), text)
  }
  put('app/signalbox.config.ts', 'one')
  put('package-lock.json', '{}')
  put('.gitignore', 'secret.txt\n')
  if (isGit) spawnSync('git', ['init', '-q'], { cwd: root })
  return { root, app: join(root, 'app'), put, at: () => sourceIdentity(isGit ? join(root, 'app') : root) }
}

describe('the source of a build', () => {
  it.each([true, false])('DRL-015: changes with any file, new ones too, and with the lock file (git: %s)', (isGit) => {
    const { put, at } = sample(isGit)
    const first = at()
    expect(at()).toEqual(first)
    put('app/more.ts', 'new')
    const second = at()
    expect(second.treeHash).not.toBe(first.treeHash)
    expect(second.lockHash).toBe(first.lockHash)
    put('package-lock.json', '{"changed":true}')
    expect(at().lockHash).not.toBe(first.lockHash)
  })

  it.each([true, false])('DRL-015: reports and data folders do not change it (git: %s)', (isGit) => {
    const { put, at } = sample(isGit)
    const first = at()
    put('app/reports/restore-drill.json', '{}')
    put('app/.signalbox/signalbox.db', 'data')
    put('node_modules/x/index.js', 'x')
    expect(at()).toEqual(first)
  })

  it('DRL-015: what git ignores does not change it', () => {
    const { put, at } = sample(true)
    const first = at()
    put('app/secret.txt', 'x')
    expect(at()).toEqual(first)
  })
})
