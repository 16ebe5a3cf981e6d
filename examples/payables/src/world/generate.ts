/**
 * Writes the committed world of the example, or with `--check` tells where the committed files differ from it.
 *
 *   node --conditions=signalbox-source examples/payables/src/world/generate.ts [--check]
 */
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { WORLD_FOLDER } from './folder.ts'
import { masterData } from './master.ts'
import { makeInvoices } from './scenarios.ts'

/** The seed of the committed inbox. */
export const SEED = 'payables desk 2026'
/** How many invoices the committed inbox has. */
export const COUNT = 240

/** Every file of the committed world by its path below the world folder. The same on every machine. */
export function makeWorld(): Map<string, string> {
  const made = makeInvoices(SEED, COUNT, '')
  const master = masterData()
  const ledger = { ...master, purchase_orders: [...master.purchase_orders, ...made.purchase_orders] }
  const files = new Map(made.files.map((each) => [join('inbox', each.file), each.content]))
  files.set('ledger.json', `${JSON.stringify(ledger, null, 1)}\n`)
  files.set('truth.json', `${JSON.stringify(made.truth, null, 1)}\n`)
  return files
}

/** The paths below `folder` that are missing, differ or should not be there; empty when all is as the seed makes it. */
export function differences(folder: string, world: Map<string, string> = makeWorld()): string[] {
  const wrong = [...world].flatMap(([path, content]) => {
    const place = join(folder, path)
    if (!existsSync(place)) return [`${path} is missing`]
    return readFileSync(place, 'utf8') === content ? [] : [`${path} differs`]
  })
  const inbox = join(folder, 'inbox')
  const present = existsSync(inbox) ? readdirSync(inbox) : []
  return [
    ...wrong,
    ...present.filter((file) => !world.has(join('inbox', file))).map((file) => `inbox/${file} is not made by the seed`),
  ]
}

function main(): void {
  if (process.argv.includes('--check')) {
    const wrong = differences(WORLD_FOLDER)
    for (const line of wrong) console.error(line)
    if (wrong.length > 0)
      console.error(
        'run `node --conditions=signalbox-source examples/payables/src/world/generate.ts` to write them again',
      )
    else console.log(`${makeWorld().size} files equal what the seed makes`)
    process.exitCode = wrong.length > 0 ? 1 : 0
    return
  }
  rmSync(join(WORLD_FOLDER, 'inbox'), { recursive: true, force: true })
  for (const [path, content] of makeWorld()) {
    mkdirSync(dirname(join(WORLD_FOLDER, path)), { recursive: true })
    writeFileSync(join(WORLD_FOLDER, path), content)
  }
  console.log(`wrote ${makeWorld().size} files to ${WORLD_FOLDER}`)
}

if (process.argv[1] === fileURLToPath(import.meta.url)) main()
