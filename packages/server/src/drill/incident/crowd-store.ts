/** A store with many runs in it, made once and kept in the folder for temporary files. */
import { constants, copyFileSync, existsSync, mkdtempSync, readFileSync, renameSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { type Host, keyVault, reindexLineage, sha256Hex, type Store, STORE_VERSION, systemHost } from 'signalbox'
import { makeCrowd, openFaultySqliteStore, SimRandom } from 'signalbox/testing'
import { FactFinder } from '../../facts/finder.ts'
import { plantDecoys } from './decoys.ts'
import { startPager } from './pager.ts'
import { MASTER_KEY, TENANT, World } from './world.ts'

/** Invoices of incidents in a store that was filled before begin with this number: no other run has them. */
export const FIRST_INVOICE = 500_000

/** Decoys of a drill, and what a crowd is made of. */
export const INCIDENT_DECOYS = 16

/** How a store is filled. */
export interface CrowdStoreOptions {
  /** Where the file is put. */
  readonly path: string
  readonly runs: number
  readonly seed: number
  readonly decoys: number
  readonly log: (line: string) => void
}

/**
 * Puts a store with decoys and so many runs made of them at the path. What was made for the same seed, number, store version
 * and code before is copied.
 */
export async function crowdStore(options: CrowdStoreOptions): Promise<void> {
  const { path, runs, seed, decoys, log } = options
  const kept = join(tmpdir(), `signalbox-crowd-${STORE_VERSION}-${codeHash()}-${runs}-${seed}-${decoys}.db`)
  if (!existsSync(kept)) await makeStore(kept, options)
  else log(`${runs} runs were made before: ${kept}`)
  copyFileSync(kept, path, constants.COPYFILE_FICLONE)
}

async function makeStore(kept: string, { runs, seed, decoys, log }: CrowdStoreOptions): Promise<void> {
  const folder = mkdtempSync(join(dirname(kept), 'signalbox-crowd-'))
  const path = join(folder, 'signalbox.db')
  try {
    const world = await World.open(path)
    await plantDecoys(world, new SimRandom(`decoys ${seed}`), decoys)
    await world.close()
    const host = seededHost(seed)
    // Nothing of this outlives a crash, so nothing is flushed.
    const store = await openFaultySqliteStore({ path, host }, { unsafeSyncOff: true })
    const vault = keyVault({ store, host, masterKey: MASTER_KEY })
    const onProgress = (made: number): void => {
      if (made % 10_000 === 0) log(`made ${made} of ${runs} runs`)
    }
    const until = systemHost.now()
    await makeCrowd({ store, vault, tenant: TENANT, runs, seed, words: /INV-\d+/, until, onProgress })
    log('indexing what they are looked up by')
    await indexed(store)
    await store.close()
    log('looking for alerts')
    await watched(path)
    renameSync(path, kept)
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

/** The real machine with random bytes that follow from a seed: for contents of runs that never happened. */
function seededHost(seed: number): Host {
  const random = new SimRandom(`contents ${seed}`)
  return {
    ...systemHost,
    randomBytes: (length) => {
      const words = Uint32Array.from({ length: Math.ceil(length / 4) }, () => random.bits())
      return new Uint8Array(words.buffer, 0, length)
    },
  }
}

/** Fills what a server keeps up with the records. */
async function indexed(store: Store): Promise<void> {
  let before: Parameters<typeof reindexLineage>[2] = null
  do before = (await reindexLineage(store, TENANT, before)).before
  while (before !== null)
  const facts = new FactFinder({ store })
  await facts.catchUp()
}

/** Lets the alert rules read all that is there: alerts of the crowd stand before any incident. */
async function watched(path: string): Promise<void> {
  const world = await World.open(path, FIRST_INVOICE)
  try {
    const pager = await startPager(world, world.idle())
    await pager.look()
    await pager.stop()
  } finally {
    await world.close()
  }
}

/** What the runs of a crowd are made by: other code may make other runs. */
const MADE_BY = ['crowd-store', 'decoys', 'desk', 'kinds-recovery', 'outside', 'pager', 'planter', 'world']

function codeHash(): string {
  const folder = dirname(fileURLToPath(import.meta.url))
  const isSource = import.meta.url.endsWith('.ts')
  const texts = MADE_BY.map((name) => readFileSync(join(folder, `${name}.${isSource ? 'ts' : 'js'}`), 'utf8'))
  return sha256Hex(texts.join('\n')).slice(0, 12)
}
