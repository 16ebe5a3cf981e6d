/** Strongly connected groups of a graph (Tarjan), used to find import cycles. */

interface Search {
  readonly edges: ReadonlyMap<string, readonly string[]>
  readonly index: Map<string, number>
  readonly low: Map<string, number>
  readonly stack: string[]
  readonly found: string[][]
}

/** Each group of nodes that reach one another, and each node that reaches itself directly; sorted, smallest name first. */
export function cycles(edges: ReadonlyMap<string, readonly string[]>): string[][] {
  const search: Search = { edges, index: new Map(), low: new Map(), stack: [], found: [] }
  for (const node of [...edges.keys()].sort()) if (!search.index.has(node)) visit(search, node)
  return search.found.map((group) => group.sort()).sort((a, b) => String(a[0]).localeCompare(String(b[0])))
}

function visit(search: Search, node: string): void {
  const own = search.index.size
  search.index.set(node, own)
  search.low.set(node, own)
  search.stack.push(node)
  for (const next of search.edges.get(node) ?? []) {
    if (!search.index.has(next)) {
      visit(search, next)
      lower(search, node, search.low.get(next))
    } else if (search.stack.includes(next)) {
      lower(search, node, search.index.get(next))
    }
  }
  if (search.low.get(node) === own) close(search, node)
}

function lower(search: Search, node: string, to: number | undefined): void {
  search.low.set(node, Math.min(search.low.get(node) ?? Number.POSITIVE_INFINITY, to ?? Number.POSITIVE_INFINITY))
}

function close(search: Search, node: string): void {
  const group = search.stack.splice(search.stack.indexOf(node))
  if (group.length > 1 || search.edges.get(node)?.includes(node)) search.found.push(group)
}
