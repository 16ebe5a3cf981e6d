import fc from 'fast-check'

/**
 * Random graphs as data: up to 12 nodes, every kind of edge, loops with a cap, effects, reads and all kinds of state.
 * The same plan gives the same workflow, so that a failing one can be shrunk and tried again.
 */

/** The most nodes that a plan has. */
export const MOST_NODES = 12

/** What one node does and how it sends. */
export interface NodePlan {
  /** The node before it; null for the start. */
  readonly parent: number | null
  /** How it sends to the nodes whose parent it is, where there are several. */
  readonly many: 'fan_out' | 'switch' | 'multi_selection' | 'direct'
  /** With one such node: whether its messages go there on a condition only. */
  readonly conditional: boolean
  /** Calls in order; `both` makes two reads at once. */
  readonly calls: readonly ('read' | 'pay' | 'both')[]
  readonly owns: boolean
  readonly appends: boolean
  readonly reduces: boolean
}

/** An edge beside the tree: forwards, backwards or to the node itself; taken at most `cap` steps into the run. */
export interface ExtraEdge {
  readonly from: number
  readonly to: number
  readonly cap: number
  /** True for one half of a fan-in with the next source. */
  readonly joinedWith: number | null
}

/** A random graph. */
export interface GraphPlan {
  readonly nodes: readonly NodePlan[]
  readonly extra: readonly ExtraEdge[]
}

const NODE = fc.record({
  seed: fc.nat(1_000),
  many: fc.constantFrom('fan_out', 'switch', 'multi_selection', 'direct'),
  conditional: fc.boolean(),
  calls: fc.array(fc.constantFrom('read', 'pay', 'both'), { maxLength: 3 }),
  owns: fc.boolean(),
  appends: fc.boolean(),
  reduces: fc.boolean(),
})

const EXTRA = fc.record({
  from: fc.nat(1_000),
  to: fc.nat(1_000),
  cap: fc.integer({ min: 1, max: 5 }),
  joinedWith: fc.option(fc.nat(1_000)),
})

/** Plans of 2 to 12 nodes; what does not shrink to a valid plan does not come about. */
export function graphPlans(): fc.Arbitrary<GraphPlan> {
  const raw = fc.record({
    nodes: fc.array(NODE, { minLength: 2, maxLength: MOST_NODES }),
    extra: fc.array(EXTRA, { maxLength: 4 }),
  })
  return raw.map(({ nodes, extra }) => {
    const count = nodes.length
    return {
      nodes: nodes.map(({ seed, ...node }, i): NodePlan => ({ ...node, parent: i === 0 ? null : seed % i })),
      extra: extra.map((edge) => ({
        ...edge,
        from: edge.from % count,
        to: edge.to % count,
        joinedWith: edge.joinedWith === null ? null : edge.joinedWith % count,
      })),
    }
  })
}

/** The kinds of things that a plan has, to see that a set of plans has all of them. */
export function kindsIn({ nodes, extra }: GraphPlan): readonly string[] {
  const children = nodes.map((_node, i) => nodes.filter(({ parent }) => parent === i).length)
  const kinds = new Set<string>()
  nodes.forEach((node, i) => {
    if ((children[i] ?? 0) > 1) kinds.add(node.many)
    if (children[i] === 1 && node.conditional) kinds.add('conditional')
    for (const call of node.calls) kinds.add(call)
    if (node.owns) kinds.add('owned')
    if (node.appends) kinds.add('appended')
    if (node.reduces) kinds.add('reduced')
  })
  for (const edge of extra) {
    if (edge.joinedWith !== null && edge.joinedWith !== edge.from) kinds.add('fan_in')
    else if (edge.to <= edge.from) kinds.add('loop')
  }
  return [...kinds]
}
