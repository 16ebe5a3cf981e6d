import { sourcesOf } from '../contracts/workflow.ts'
import { type Draft, type EdgeDraft, targetsOf } from './draft.ts'
import { escalatesTo } from './termination-draft.ts'

/** Checks of how the nodes are connected. Each returns plain sentences that name the place and the fix. */

/** Errors in edges, start, outputs and fallbacks taken one by one. */
export function checkEdges(draft: Draft): string[] {
  const nodes = new Set(draft.nodes.map((node) => node.name))
  const errors: string[] = []
  const known = (name: string, what: string): void => {
    if (!nodes.has(name)) errors.push(`${what} \`${name}\`, which is not a node`)
  }
  for (const edge of draft.edges) {
    const what = KINDS[edge.kind].one
    for (const source of sourcesOf(edge)) known(source, `${what} starts at`)
    for (const target of targetsOf(edge)) known(target, `${what} from ${named(sourcesOf(edge))} leads to`)
    errors.push(...checkEdge(edge))
  }
  if (draft.starts.length === 0) errors.push('there is no start; name the first node with `.start`')
  if (draft.starts.length > 1) errors.push(`there are ${draft.starts.length} starts; a workflow has one`)
  if (draft.outputs.length === 0) errors.push('there is no output; name at least one node with `.output`')
  for (const name of draft.starts) known(name, 'the start is')
  for (const name of draft.outputs) known(name, 'an output is')
  for (const name of repeated(draft.outputs)) errors.push(`output \`${name}\` is named twice`)
  return [...errors, ...checkDuplicates(draft), ...checkFallbacks(draft, nodes)]
}

/** What the kinds of edges are called. */
const KINDS: {
  readonly [K in EdgeDraft['kind']]: { readonly one: string; readonly word: string; readonly many: string }
} = {
  direct: { one: 'an edge', word: 'edge', many: 'edges' },
  switch: { one: 'a switch', word: 'switch', many: 'switches' },
  fan_out: { one: 'a fan-out', word: 'fan-out', many: 'fan-outs' },
  multi_selection: { one: 'a multi-selection', word: 'multi-selection', many: 'multi-selections' },
  fan_in: { one: 'a fan-in', word: 'fan-in', many: 'fan-ins' },
}

function named(names: readonly string[]): string {
  return names.map((name) => `\`${name}\``).join(', ')
}

/** A kind that stands between one node and several needs several, each once. */
function severalOf(what: string, names: readonly string[], ends: 'targets' | 'sources'): string[] {
  const errors = repeated(names).map((name) => `${what} names \`${name}\` twice`)
  if (new Set(names).size < 2) errors.push(`${what} needs at least two ${ends}; use \`.edge\` for one`)
  return errors
}

function checkEdge(edge: EdgeDraft): string[] {
  if (edge.kind === 'direct') return []
  if (edge.kind === 'fan_in') return severalOf(`the fan-in to \`${edge.to}\``, edge.from, 'sources')
  if (edge.kind !== 'switch') return severalOf(`the ${KINDS[edge.kind].word} from \`${edge.from}\``, edge.to, 'targets')
  const errors: string[] = []
  if (edge.otherwise === null) errors.push(`the switch from \`${edge.from}\` has no default`)
  if (edge.cases.length === 0) errors.push(`the switch from \`${edge.from}\` has no case; use \`.edge\``)
  if (edge.cases.some((one) => typeof one.when !== 'function'))
    errors.push(`the switch from \`${edge.from}\` has a case without a condition; the default is the last argument`)
  return errors
}

/** A message must not reach a node twice by accident, and edge ids must be unique. */
function checkDuplicates(draft: Draft): string[] {
  const errors: string[] = []
  for (const kind of ['switch', 'fan_out', 'multi_selection'] as const) {
    const sources = draft.edges.filter((edge) => edge.kind === kind).flatMap(sourcesOf)
    for (const from of repeated(sources))
      errors.push(`there are two ${KINDS[kind].many} from \`${from}\`; make them one`)
  }
  const joined = draft.edges.filter((edge) => edge.kind === 'fan_in').flatMap(targetsOf)
  for (const to of repeated(joined)) errors.push(`there are two fan-ins to \`${to}\`; make them one`)
  const pairs = draft.edges.flatMap((edge) =>
    edge.kind === 'switch'
      ? []
      : sourcesOf(edge).flatMap((from) => targetsOf(edge).map((to) => `from \`${from}\` to \`${to}\``)),
  )
  for (const pair of repeated(pairs)) errors.push(`there are two edges ${pair}; make them one`)
  return errors
}

function checkFallbacks(draft: Draft, nodes: ReadonlySet<string>): string[] {
  const errors: string[] = []
  for (const { from, to } of draft.rejected) {
    const source = draft.nodes.find((node) => node.name === from)
    if (source === undefined) errors.push(`a fallback is declared for \`${from}\`, which is not a node`)
    if (source?.kind === 'function')
      errors.push(
        `node \`${from}\` has a fallback, but a function node sees how each of its calls ended and decides itself`,
      )
    if (!nodes.has(to)) errors.push(`the fallback of \`${from}\` is \`${to}\`, which is not a node`)
    if (from === to) errors.push(`the fallback of \`${from}\` is itself`)
  }
  for (const { from, to } of draft.failed) {
    const source = draft.nodes.find((node) => node.name === from)
    if (source === undefined) errors.push(`\`onFailed\` is declared for \`${from}\`, which is not a node`)
    if (source?.kind === 'port') errors.push(`port \`${from}\` cannot fail; use \`onRejected\` for its deadline`)
    if (!nodes.has(to)) errors.push(`the failure of \`${from}\` goes to \`${to}\`, which is not a node`)
    if (from === to) errors.push(`the failure of \`${from}\` goes to itself`)
  }
  for (const list of [draft.rejected, draft.failed])
    for (const from of repeated(list.map((one) => one.from))) errors.push(`node \`${from}\` has two fallbacks`)
  return errors
}

function repeated(names: readonly string[]): string[] {
  return [...new Set(names.filter((name, i) => names.indexOf(name) !== i))]
}

/** Errors in the graph as a whole: unreachable nodes, and nodes whose messages lead to no output. */
export function checkConnected(draft: Draft): string[] {
  const next = new Map<string, string[]>(draft.nodes.map((node) => [node.name, []]))
  const before = new Map<string, string[]>(draft.nodes.map((node) => [node.name, []]))
  const connect = (from: string, to: string): void => {
    next.get(from)?.push(to)
    before.get(to)?.push(from)
  }
  for (const edge of draft.edges)
    for (const from of sourcesOf(edge)) for (const to of targetsOf(edge)) connect(from, to)
  for (const { from, to } of [...draft.rejected, ...draft.failed]) connect(from, to)
  const entries = [...draft.starts, ...escalatesTo(draft)]
  const reached = walk(entries, next)
  const useful = walk(draft.outputs, before)
  const sending = new Set(draft.edges.flatMap(sourcesOf))
  const errors: string[] = []
  for (const { name, kind } of draft.nodes) {
    const what = kind === 'port' || kind === 'timer' ? kind : 'node'
    const alone = next.get(name)?.length === 0 && before.get(name)?.length === 0
    if (alone && !entries.includes(name)) errors.push(`${what} \`${name}\` is not connected to anything`)
    else if (draft.starts.length > 0 && !reached.has(name))
      errors.push(`${what} \`${name}\` cannot be reached from the start`)
    else if (draft.outputs.length === 0 || draft.outputs.includes(name)) continue
    else if (!sending.has(name))
      errors.push(`${what} \`${name}\` is a dead end: no edge starts there and it is not an output`)
    else if (!useful.has(name)) errors.push(`${what} \`${name}\` leads to no output`)
  }
  return errors
}

function walk(from: readonly string[], next: ReadonlyMap<string, readonly string[]>): Set<string> {
  const seen = new Set<string>()
  const open = [...from]
  for (let name = open.pop(); name !== undefined; name = open.pop()) {
    if (seen.has(name)) continue
    seen.add(name)
    open.push(...(next.get(name) ?? []))
  }
  return seen
}

/** What is allowed but deserves a look. */
export function warnings(draft: Draft): string[] {
  const found: string[] = []
  const always = new Map<string, string[]>()
  for (const edge of draft.edges) {
    const targets = targetsOf(edge)
    for (const from of sourcesOf(edge)) {
      if (targets.includes(from)) found.push(`node \`${from}\` sends to itself`)
      if (edge.kind === 'direct' ? edge.when === null : edge.kind === 'fan_out' || edge.kind === 'fan_in')
        always.set(from, [...(always.get(from) ?? []), ...targets])
    }
  }
  for (const { name } of draft.nodes) {
    if (walk(always.get(name) ?? [], always).has(name))
      found.push(`node \`${name}\` is on a loop without a condition; only the limit of supersteps or a budget ends it`)
  }
  if (draft.contract === null) found.push('there is no contract; a production start wants one')
  return found
}
