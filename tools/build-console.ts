/** Builds the web console when its sources are not those of the last build; for `npm start` in a checkout. */
import { spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

const root = fileURLToPath(new URL('..', import.meta.url))
const consoleDir = join(root, 'packages/console')
const stampFile = join(consoleDir, 'dist/.built-from')

/** Hash over all files that go into the console. */
function sourcesHash(): string {
  const hash = createHash('sha256')
  const folders = [join(consoleDir, 'src'), join(consoleDir, 'public'), join(root, 'packages/protocol/src')]
  const files = folders.filter(existsSync).flatMap(filesUnder).sort()
  const single = ['index.html', 'package.json', 'vite.config.ts'].map((name) => join(consoleDir, name))
  for (const file of [...files, ...single.filter(existsSync), join(root, 'package-lock.json')])
    hash.update(file.slice(root.length)).update('\0').update(readFileSync(file)).update('\0')
  return hash.digest('hex')
}

function filesUnder(folder: string): string[] {
  return readdirSync(folder, { withFileTypes: true, recursive: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name))
}

const wanted = sourcesHash()
const built = existsSync(stampFile) ? readFileSync(stampFile, 'utf8') : ''
if (built !== wanted) {
  process.stdout.write('building the console…\n')
  const vite = join(root, 'node_modules/vite/bin/vite.js')
  const result = spawnSync(process.execPath, [vite, 'build', '--logLevel', 'warn'], {
    cwd: consoleDir,
    stdio: 'inherit',
  })
  if (result.status !== 0) {
    process.stderr.write('the console did not build; the server starts without it\n')
  } else writeFileSync(stampFile, wanted)
}
