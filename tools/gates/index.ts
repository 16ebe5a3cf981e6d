/** The list of gates. `npm run check` runs all; a gate is a name, a purpose and a function over the tree. */
import { existsSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { run } from '../lib/run.ts'
import { type Finding, isTypeScript, type SourceFile } from '../lib/source.ts'
import { ambient } from './ambient.ts'
import { any } from './any.ts'
import { contract } from './contract.ts'
import { docs } from './docs.ts'
import { layers } from './layers.ts'
import { readme } from './readme.ts'
import { reports } from './reports.ts'
import { sizes } from './sizes.ts'
import { skips } from './skips.ts'
import { spec } from './spec.ts'
import { words } from './words.ts'

/** One gate. `check` gets the tree and the root folder; it never throws for what it finds. */
export interface Gate {
  readonly name: string
  readonly check: (files: readonly SourceFile[], root: string) => Finding[] | Promise<Finding[]>
}

/** All gates; the ones that start a compiler or linter come first, so that they run while the others compute. */
export const GATES: readonly Gate[] = [
  { name: 'types', check: (_files, root) => types(root) },
  {
    name: 'lint',
    check: (_files, root) => command('lint', 'biome', ['check', '--reporter=concise', '--max-diagnostics=200'], root),
  },
  { name: 'unused', check: (_files, root) => command('unused', 'knip', ['--no-progress'], root) },
  { name: 'layers', check: (files, root) => layers({ files, modulesOnDisk: countModules(root) }) },
  { name: 'sizes', check: sizes },
  { name: 'ambient', check: ambient },
  { name: 'any', check: any },
  { name: 'docs', check: docs },
  { name: 'spec', check: spec },
  { name: 'readme', check: readme },
  { name: 'words', check: words },
  { name: 'skips', check: skips },
  { name: 'reports', check: reports },
  { name: 'contract', check: (files) => contract(files, Date.now()) },
]

const CONSOLE = 'packages/console/tsconfig.json'

async function types(root: string): Promise<Finding[]> {
  const projects = ['tsconfig.json', ...(existsSync(join(root, CONSOLE)) ? [CONSOLE] : [])]
  const found = await Promise.all(
    projects.map((project) => command('types', 'tsc', ['--pretty', 'false', '-p', project], root)),
  )
  return found.flat()
}

/** The findings of an outside tool: none when it exits 0, else its report, line by line as it printed it. */
async function command(name: string, program: string, args: readonly string[], root: string): Promise<Finding[]> {
  const { code, output } = await run(program, args, root)
  if (code === 0) return []
  const message = `\`${[program, ...args].join(' ')}\` failed:\n${output.trim()}`
  return [{ file: name, line: 0, message }]
}

/** How many modules the disk holds, counted apart from the list that the gates were given. */
function countModules(root: string): number {
  return ['packages', 'examples'].reduce((sum, folder) => sum + countIn(join(root, folder)), 0)
}

function countIn(folder: string): number {
  if (!existsSync(folder)) return 0
  let count = 0
  for (const entry of readdirSync(folder, { withFileTypes: true })) {
    if (entry.name === 'node_modules' || entry.name === 'dist' || entry.name.startsWith('.')) continue
    if (entry.isDirectory()) count += countIn(join(folder, entry.name))
    else if (isTypeScript(entry.name)) count++
  }
  return count
}
