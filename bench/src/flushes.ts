/** Counts the flushes of the operating system under a subject, from outside its process. */
import { spawnSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { inFolder } from './box.ts'
import { OURS } from './ours.ts'
import { PeerProcess, type PeerSpec } from './peers.ts'

/** Steps of one run that are counted. */
export const TRACED_STEPS = 100

/** This runtime in a process of its own. */
export const OURS_TRACED: PeerSpec = {
  name: OURS,
  file: fileURLToPath(new URL('./traced.ts', import.meta.url)),
  needs: '',
  keepsSteps: true,
  durable: '',
}

/** Flushes of one subject while one run did `steps` steps. */
export interface Flushes {
  readonly subject: string
  readonly steps: number
  readonly flushes: number
}

/** True where `strace` can be run. */
export function canTrace(): boolean {
  return spawnSync('strace', ['-e', 'trace=none', 'true']).status === 0
}

/** Counts the flushes of a subject in its own process and those that it starts. `off` is the planted fault. */
export function countFlushes(spec: PeerSpec, sync: 'full' | 'off' = 'full'): Promise<Flushes> {
  return inFolder(async (folder) => {
    const trace = join(folder, 'trace')
    const before = ['strace', '-f', '-e', 'trace=fdatasync,fsync', '-o', trace]
    const peer = await PeerProcess.start(spec, folder, { sync, before })
    // Files are made and tables filled for the first time.
    await peer.rate('steps', 1, 20)
    const from = flushesIn(trace)
    await peer.rate('steps', 1, TRACED_STEPS)
    const flushes = flushesIn(trace) - from
    await peer.close()
    return { subject: spec.name, steps: TRACED_STEPS, flushes }
  })
}

function flushesIn(trace: string): number {
  return readFileSync(trace, 'utf8')
    .split('\n')
    .filter((line) => /\b(fdatasync|fsync)\b.*= 0/.test(line)).length
}
