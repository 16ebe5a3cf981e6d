/** Watches a worker's writes and flushes with strace: every commit that was acknowledged is on the disk before. */
import { spawnSync } from 'node:child_process'
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Finding } from './findings.ts'
import type { DrillInput } from './define.ts'
import type { DrillFault } from './orders.ts'
import { openStand } from './stand.ts'
import { playTrace, straceArguments } from './trace.ts'

/** What the check of flushes saw. `checked` is false where strace is not there to watch with. */
export interface FlushCheck {
  readonly checked: boolean
  readonly acknowledged: number
  readonly unflushed: number
}

/** True when strace is installed and may trace. */
export function canTrace(): boolean {
  return spawnSync('strace', ['-e', 'trace=none', 'true']).status === 0
}

/** Runs one input in a traced worker that nobody disturbs. */
export async function flushCheck(
  options: { readonly configPath: string; readonly workflow: string; readonly planted?: DrillFault | null },
  input: DrillInput | undefined,
): Promise<{ readonly check: FlushCheck; readonly findings: readonly Finding[] }> {
  if (input === undefined || !canTrace())
    return { check: { checked: false, acknowledged: 0, unflushed: 0 }, findings: [] }
  const stand = await openStand(options)
  try {
    const output = join(stand.folder, 'trace')
    const worker = await stand.worker('traced', { tellCommits: true, under: straceArguments(output) })
    await stand.start(input)
    worker.go([])
    await stand.untilAllEnded(10_000)
    await worker.leave()
    const { acks, unflushed } = playTrace(committingThread(stand.folder), new Map())
    const findings: Finding[] = []
    if (unflushed > 0)
      findings.push({
        kind: 'flush',
        detail: `${unflushed} of ${acks.length} acknowledged commits were not flushed to the disk before`,
      })
    return { check: { checked: true, acknowledged: acks.length, unflushed }, findings }
  } finally {
    await stand.close()
  }
}

/** The trace of the thread that commits: the one that speaks. Traces are the files `trace.*` of a folder. */
export function committingThread(folder: string): string {
  const all = readdirSync(folder).filter((name) => name.startsWith('trace.'))
  const found = all
    .map((name) => readFileSync(join(folder, name), 'utf8'))
    .find((text) => /^write\(1<.*\\x61\\x63\\x6b/m.test(text))
  if (found === undefined) throw new Error('no thread of the worker acknowledged anything')
  return found
}
