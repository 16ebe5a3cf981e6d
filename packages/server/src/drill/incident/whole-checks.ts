/** How long the checks of all runs take over the API: lineage, the first time and again, and the audit of every chain. */
import type { Client } from '@signalbox/protocol'
import { type Signalbox, systemHost } from 'signalbox'
import { approvedRun, order } from './planter.ts'
import type { World } from './world.ts'

/** One check from its first call to its last. */
export interface CheckTime {
  readonly name: string
  /** Runs that it looked at. */
  readonly runs: number
  readonly seconds: number
  /** The longest call. */
  readonly slowestMs: number
  /** The most memory that the process held after a call, in megabytes: server, client and store in one. */
  readonly peakMb: number
  /** Runs in which it found something. */
  readonly found: number
}

/** Checks what is new, nothing, one new run, all runs, and every chain, in this order. */
export async function measureWholeChecks(
  client: Pick<Client, 'checkLineage' | 'auditAll'>,
  world: World,
  box: Signalbox,
): Promise<readonly CheckTime[]> {
  const fresh = async (name: string): Promise<CheckTime> => await timed(name, () => lineage(client, 'new'))
  const first = await fresh('lineage, first check')
  const nothing = await fresh('lineage, nothing new')
  await approvedRun(world, box, order(world.invoice()))
  const one = await fresh('lineage, one new run')
  const all = await timed('lineage, all again', () => lineage(client, 'all'))
  const audit = await timed('audit of every chain', async function* () {
    const { runs, failed } = await client.auditAll()
    yield { runs, found: failed.length }
  })
  return [first, nothing, one, all, audit]
}

interface Looked {
  readonly runs: number
  readonly found: number
}

/** The pages of a check, as the terminal asks for them. */
async function* lineage(client: Pick<Client, 'checkLineage'>, mode: 'new' | 'all'): AsyncGenerator<Looked> {
  let before: string | null = null
  for (let more = true; more; ) {
    const place: { before?: string } = before === null ? {} : { before }
    const page: Awaited<ReturnType<typeof client.checkLineage>> = await client.checkLineage({
      body: { mode, ...place },
    })
    yield { runs: page.runs, found: page.findings.length }
    more = page.more
    before = page.next
  }
}

async function timed(name: string, pages: () => AsyncGenerator<Looked>): Promise<CheckTime> {
  let [runs, found, slowest, peak] = [0, 0, 0, 0]
  const began = systemHost.monotonicMs()
  let last = began
  for await (const page of pages()) {
    const now = systemHost.monotonicMs()
    slowest = Math.max(slowest, now - last)
    last = now
    peak = Math.max(peak, process.memoryUsage.rss())
    runs += page.runs
    found += page.found
  }
  const seconds = Number(((systemHost.monotonicMs() - began) / 1_000).toFixed(2))
  return { name, runs, seconds, slowestMs: Math.round(slowest), peakMb: Math.round(peak / 1e6), found }
}
