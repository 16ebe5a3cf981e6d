/**
 * Gate `layers`: every import line of packages and examples agrees with the one table in ARCHITECTURE.md.
 *
 * Type imports, re-exports, dynamic imports and import types count like any other. There are no cycles between files.
 */
import { posix } from 'node:path'
import { cycles } from '../lib/cycles.ts'
import { type ImportLine, importsOf } from '../lib/imports.ts'
import { matchesAny, ownerOf, parseLayerTable, type Layer } from '../lib/layer-table.ts'
import { type Finding, isTest, isTypeScript, parse, type SourceFile } from '../lib/source.ts'

const TABLE = 'ARCHITECTURE.md'
const ENTRY = /^(signalbox|@signalbox\/[a-z-]+)(\/.*)?$/

/** What the gate compares: the files, and how many modules the disk holds under packages and examples. */
export interface LayersInput {
  readonly files: readonly SourceFile[]
  readonly modulesOnDisk: number
}

interface Context {
  readonly layers: readonly Layer[]
  readonly paths: ReadonlySet<string>
  readonly entries: ReadonlyMap<string, string>
  readonly edges: Map<string, string[]>
}

/** Unlisted edges, files without a layer, unreadable files, cycles, and a count lower than the disk's. */
export function layers({ files, modulesOnDisk }: LayersInput): Finding[] {
  const table = files.find((file) => file.path === TABLE)
  const { layers: rows, problems } = parseLayerTable(table?.text ?? '')
  if (rows.length === 0)
    return [{ file: TABLE, line: 1, message: 'no import table found: restore the table of layers' }]
  const context: Context = {
    layers: rows,
    paths: new Set(files.map((file) => file.path)),
    entries: publicEntries(files),
    edges: new Map(),
  }
  const modules = files.filter((file) => isTypeScript(file.path) && /^(packages|examples)\//.test(file.path))
  const findings = problems.map((message): Finding => ({ file: TABLE, line: 1, message }))
  let seen = 0
  for (const file of modules) {
    const [broken] = parse(file).errors
    if (broken)
      findings.push({ file: file.path, line: 1, message: `file does not parse (${broken.message}): fix the syntax` })
    else seen++
    findings.push(...fileFindings(file, context))
  }
  if (seen < modulesOnDisk) findings.push(missed(seen, modulesOnDisk))
  return [...findings, ...cycleFindings(context.edges)]
}

function missed(seen: number, onDisk: number): Finding {
  const message = `read ${seen} modules but ${onDisk} are on disk: commit or remove ignored files, fix unreadable ones`
  return { file: TABLE, line: 1, message }
}

function fileFindings(file: SourceFile, context: Context): Finding[] {
  const layer = ownerOf(file.path, context.layers)
  if (!layer && !isTest(file.path)) {
    const message = `no row of the import table covers this file: move it, or add its layer to ${TABLE}`
    return [{ file: file.path, line: 1, message }]
  }
  return importsOf(file).flatMap((line): Finding[] => {
    const message = isTest(file.path) ? testProblem(file, line, context) : problem(file, line, layer, context)
    return message ? [{ file: file.path, line: line.line, message }] : []
  })
}

/** What is wrong with an import line of a source file, or undefined. Records the edge for the cycle search. */
function problem(file: SourceFile, line: ImportLine, layer: Layer | undefined, context: Context): string | undefined {
  if (!layer) return undefined
  if (line.specifier === undefined) {
    return layer.outside.includes('computed') ? undefined : 'computed import cannot be checked: import a literal path'
  }
  if (line.specifier.startsWith('.')) return relativeProblem(file, line.specifier, layer, context)
  if (ENTRY.test(line.specifier)) return entryProblem(file, line.specifier, layer, context)
  const outside = packageOf(line.specifier)
  if (matchesAny(outside, layer.outside)) return undefined
  return `layer \`${layer.name}\` may not import \`${outside}\`: use a layer that may, or add it to the table in ${TABLE} with a reason`
}

function relativeProblem(file: SourceFile, specifier: string, layer: Layer, context: Context): string | undefined {
  const target = posix.join(posix.dirname(file.path), specifier)
  if (!context.paths.has(target)) return `\`${specifier}\` does not exist: name the file with its extension`
  addEdge(context, file.path, target)
  if (isTest(target)) return `source may not import the test file \`${specifier}\`: move what it needs out of the test`
  if (packageFolder(target) !== packageFolder(file.path)) {
    return `\`${specifier}\` leaves the package: import the other package by its name`
  }
  const to = ownerOf(target, context.layers)
  if (!to || to.name === layer.name || layer.mayImport.includes(to.name)) return undefined
  return `layer \`${layer.name}\` may not import layer \`${to.name}\` (${target}): see the import table in ${TABLE}`
}

function entryProblem(file: SourceFile, specifier: string, layer: Layer, context: Context): string | undefined {
  const target = context.entries.get(specifier)
  if (!target) return `\`${specifier}\` is no public entry: import one that the package's exports list`
  addEdge(context, file.path, target)
  if (layer.mayImport.includes(specifier)) return undefined
  return `layer \`${layer.name}\` may not import \`${specifier}\`: see the import table in ${TABLE}`
}

/** Tests may import every layer of their own package, public entries of others, and test tools; nobody imports them. */
function testProblem(file: SourceFile, line: ImportLine, context: Context): string | undefined {
  const specifier = line.specifier
  if (specifier === undefined || !specifier.startsWith('.')) {
    return specifier && ENTRY.test(specifier) && !context.entries.has(specifier)
      ? `\`${specifier}\` is no public entry: import one that the package's exports list`
      : undefined
  }
  const target = posix.join(posix.dirname(file.path), specifier)
  if (!context.paths.has(target)) return `\`${specifier}\` does not exist: name the file with its extension`
  addEdge(context, file.path, target)
  if (packageFolder(target) === packageFolder(file.path)) return undefined
  return `\`${specifier}\` leaves the package: import the other package by its name`
}

function addEdge(context: Context, from: string, to: string): void {
  const known = context.edges.get(from)
  if (known) known.push(to)
  else context.edges.set(from, [to])
}

function packageFolder(path: string): string {
  return path.split('/').slice(0, 2).join('/')
}

function packageOf(specifier: string): string {
  if (specifier.startsWith('node:')) return specifier
  return specifier
    .split('/')
    .slice(0, specifier.startsWith('@') ? 2 : 1)
    .join('/')
}

/** Specifier to source file of every public entry, from the `signalbox-source` conditions in the packages' exports. */
function publicEntries(files: readonly SourceFile[]): Map<string, string> {
  const entries = new Map<string, string>()
  for (const file of files) {
    if (!/^(packages|examples)\/[^/]+\/package\.json$/.test(file.path)) continue
    const manifest: unknown = JSON.parse(file.text)
    const name = field(manifest, 'name')
    const listed = field(manifest, 'exports')
    if (typeof name !== 'string' || typeof listed !== 'object' || listed === null) continue
    for (const [key, value] of Object.entries(listed)) {
      const source = field(value, 'signalbox-source')
      if (typeof source === 'string') entries.set(posix.join(name, key), posix.join(posix.dirname(file.path), source))
    }
  }
  return entries
}

function field(value: unknown, key: string): unknown {
  return typeof value === 'object' && value !== null ? Reflect.get(value, key) : undefined
}

function cycleFindings(edges: ReadonlyMap<string, readonly string[]>): Finding[] {
  return cycles(edges).map((cycle): Finding => {
    const [first = ''] = cycle
    const shown = [...cycle, first].join(' -> ')
    const message = `import cycle ${shown}: move what they share into a file below both (type imports count)`
    return { file: first, line: 1, message }
  })
}
