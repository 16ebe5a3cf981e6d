/** Reads the import table of ARCHITECTURE.md: the only place where layers and their edges are written down. */

/** One row: a folder (or file prefix), the layers and public entries it may import, and the outside modules. */
export interface Layer {
  readonly name: string
  readonly where: string
  readonly mayImport: readonly string[]
  /** Package names, `node:` modules, `scope/*` patterns, or the word `computed` for imports by computed path. */
  readonly outside: readonly string[]
}

/** The rows between `<!-- import-table -->` marks, and what is wrong with them (an edge to a layer that has no row). */
export function parseLayerTable(markdown: string): { readonly layers: Layer[]; readonly problems: string[] } {
  const [, inside = ''] = markdown.split('<!-- import-table -->')
  const layers = inside.split('\n').flatMap((line) => {
    const cells = line.split('|').slice(1, -1).map(names)
    const [name, where, mayImport = [], outside = []] = cells
    return name?.[0] && where?.[0] ? [{ name: name[0], where: where[0], mayImport, outside }] : []
  })
  const known = new Set(layers.map((layer) => layer.name))
  const problems = layers.flatMap((layer) =>
    layer.mayImport
      .filter((to) => !known.has(to) && !/^(signalbox|@signalbox\/)/.test(to))
      .map((to) => `row \`${layer.name}\` names the layer \`${to}\`, which has no row: add it or correct the name`),
  )
  return { layers, problems }
}

function names(cell: string): string[] {
  return [...cell.matchAll(/`([^`]+)`/g)].map((match) => match[1] ?? '')
}

/** The layer of a file: the row with the longest prefix of its path. */
export function ownerOf(path: string, layers: readonly Layer[]): Layer | undefined {
  let best: Layer | undefined
  for (const layer of layers) {
    if (covers(layer.where, path) && layer.where.length > (best?.where.length ?? 0)) best = layer
  }
  return best
}

function covers(where: string, path: string): boolean {
  // A `*` in the table stands for one folder name, as in `examples/*/src/`.
  const parts = where.split('/')
  const folder = where.endsWith('/') ? parts.slice(0, -1) : parts
  const own = path.split('/')
  return own.length >= folder.length && folder.every((part, at) => part === '*' || part === own[at])
}

/** Whether a package or module name is listed, directly or by a `prefix*` pattern. */
export function matchesAny(name: string, patterns: readonly string[]): boolean {
  return patterns.some((each) => each === name || (each.endsWith('*') && name.startsWith(each.slice(0, -1))))
}
