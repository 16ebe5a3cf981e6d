/** Counts the flushes of the operating system under a store, from outside the process that commits. */
import { execFileSync, spawnSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { inFolder } from './box.ts'

/** Supersteps that the traced process runs; each is a commit of its own. */
export const TRACED_STEPS = 100

const TRACED = fileURLToPath(new URL('./traced.ts', import.meta.url))

/** True where `strace` can be run. */
export function canTrace(): boolean {
  return spawnSync('strace', ['-e', 'trace=none', 'true']).status === 0
}

/** Flushes that ended while a process of its own ran `TRACED_STEPS` supersteps on the named store. */
export function countFlushes(store: 'honest' | 'without-flush'): Promise<number> {
  return inFolder(async (folder) => {
    const trace = join(folder, 'trace')
    const node = [process.execPath, '--no-warnings', '--conditions=signalbox-source']
    execFileSync(
      'strace',
      ['-f', '-e', 'trace=fdatasync,fsync', '-o', trace, ...node, TRACED, join(folder, 'traced.db'), store],
      { stdio: 'ignore' },
    )
    return readFileSync(trace, 'utf8')
      .split('\n')
      .filter((line) => /\b(fdatasync|fsync)\b.*= 0/.test(line)).length
  })
}
