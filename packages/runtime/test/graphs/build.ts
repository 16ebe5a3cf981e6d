import { z } from 'zod'
import { sha256Hex } from '../../src/base/hash.ts'
import { canonicalJson, type JsonValue } from '../../src/base/json.ts'
import { draftWorkflow, type DraftBuilder } from '../../src/orchestration/builder.ts'
import type { AnyNodeCtx } from '../../src/orchestration/draft.ts'
import { appended, owned, reduced } from '../../src/orchestration/index.ts'
import type { Fields, Workflow } from '../../src/orchestration/types.ts'
import type { AnyTool } from '../../src/contracts/tool.ts'
import { WIDE_BUDGET } from '../../src/testing/bench-box.ts'
import type { GraphPlan, NodePlan } from './plan.ts'

/** A message of a random graph: how many steps into the run it was made, and a number that depends on everything before. */
interface Message {
  readonly step: number
  readonly value: number
}

const ANY = z.unknown()

/** The workflow of a plan. `tools` are the two that its nodes call: a read and a payment. */
export function workflowOf(
  plan: GraphPlan,
  tools: { readonly read: AnyTool; readonly pay: AnyTool },
): Workflow<never, unknown> {
  const names = plan.nodes.map((_node, i) => `n${i}`)
  const owns: Fields = Object.fromEntries(
    plan.nodes.flatMap((node, i) => (node.owns ? [[`own${i}`, owned(`n${i}`, z.number())]] : [])),
  )
  let builder = draftWorkflow({
    name: 'random',
    version: '1.0.0',
    input: ANY,
    output: ANY,
    budget: { ...WIDE_BUDGET, maxToolCalls: 100_000 },
    state: {
      ...owns,
      log: appended(z.string()),
      // Which fold came first shows in the result.
      sum: reduced(z.number(), (now, write) => ((now ?? 7) * 31 + write) % 1_000_003),
    },
    tools: [tools.read, tools.pay],
    maxSupersteps: 12,
    termination: { loop: false },
  })
  plan.nodes.forEach((node, i) => {
    const run = (input: JsonValue, ctx: AnyNodeCtx): Promise<Message> => act(node, i, input, ctx, tools)
    builder = builder.node(`n${i}`, { input: ANY, output: ANY, run })
  })
  builder = extraEdges(treeEdges(builder, plan, names), plan)
  const leaves = names.filter((_name, i) => !plan.nodes.some(({ parent }) => parent === i))
  for (const leaf of leaves) builder = builder.output(leaf)
  return builder.start('n0').build()
}

/** The edges that reach every node once. */
function treeEdges(first: DraftBuilder, plan: GraphPlan, names: readonly string[]): DraftBuilder {
  let builder = first
  plan.nodes.forEach((node, i) => {
    const to = names.filter((_name, child) => plan.nodes[child]?.parent === i)
    const [only, ...more] = to
    const last = to.at(-1)
    if (only === undefined || last === undefined) return
    const even = (message: JsonValue): boolean => messageOf(message).value % 4 !== 0
    const from = `n${i}`
    if (more.length === 0) builder = builder.edge(from, only, node.conditional ? even : undefined)
    else if (node.many === 'fan_out') builder = builder.fanOut(from, to)
    else if (node.many === 'direct') for (const one of to) builder = builder.edge(from, one)
    else if (node.many === 'switch')
      builder = builder.switch(
        from,
        to.slice(0, -1).map((one, k) => ({ when: (m: JsonValue) => messageOf(m).value % to.length === k, to: one })),
        last,
      )
    else builder = builder.multiSelection(from, to, (m) => to.filter((_one, k) => (messageOf(m).value >> k) % 2 === 0))
  })
  return builder
}

/** Edges beside the tree: those that would make a pair twice, or a second fan-in to one node, are left out. */
function extraEdges(first: DraftBuilder, plan: GraphPlan): DraftBuilder {
  let builder = first
  const pairs = new Set(plan.nodes.flatMap(({ parent }, i) => (parent === null ? [] : [`${parent}>${i}`])))
  const joined = new Set<number>()
  for (const { from, to, cap, joinedWith } of plan.extra) {
    const sources = joinedWith === null || joinedWith === from ? [from] : [from, joinedWith].sort((a, b) => a - b)
    if (sources.some((source) => pairs.has(`${source}>${to}`))) continue
    if (sources.length === 2 && (joined.has(to) || sources.includes(to))) continue
    for (const source of sources) pairs.add(`${source}>${to}`)
    if (sources.length === 2) {
      joined.add(to)
      builder = builder.fanIn(
        sources.map((source) => `n${source}`),
        `n${to}`,
      )
    } else builder = builder.edge(`n${from}`, `n${to}`, (message) => messageOf(message).step <= cap)
  }
  return builder
}

/** What a node does: every part of what it writes, calls and sends depends on all that it saw. */
async function act(
  node: NodePlan,
  index: number,
  input: JsonValue,
  ctx: AnyNodeCtx,
  tools: { readonly read: AnyTool; readonly pay: AnyTool },
): Promise<Message> {
  const { step } = messageOf(input)
  let value = numberOf([input, ctx.state.sum ?? null, listOf(ctx.state.log).length, index])
  const note = (text: string): void => {
    if (node.appends) ctx.write({ log: `${index} ${text} ${value}` })
  }
  for (const [k, call] of node.calls.entries()) {
    if (call === 'pay') value = numberOf([value, await ctx.call(tools.pay, { to: `n${index}`, amount: value + k })])
    else if (call === 'read') value = numberOf([value, await ctx.call(tools.read, { n: value + k })])
    else {
      const pair = [1, 2].map((n) => ctx.call(tools.read, { n: value + k + n }))
      value = numberOf([value, ...(await Promise.all(pair))])
    }
    note(call)
    if (node.reduces) ctx.write({ sum: value })
  }
  if (node.owns) ctx.write({ [`own${index}`]: numberOf([value, ctx.state[`own${index}`] ?? null]) })
  if (node.reduces) ctx.write({ sum: value })
  note('end')
  return { step: step + 1, value }
}

/** A message as its parts; a fan-in's list is as far into the run as the last of its parts. */
function messageOf(given: JsonValue): Message {
  if (typeof given === 'number') return { step: 0, value: given }
  const parts = listOf(given).map(messageOf)
  if (Array.isArray(given)) return { step: Math.max(0, ...parts.map(({ step }) => step)), value: numberOf(given) }
  // Every message of the graph is one of these, or the number that the run is started with.
  return given as unknown as Message
}

function listOf(value: JsonValue | undefined): readonly JsonValue[] {
  return Array.isArray(value) ? value : []
}

function numberOf(value: unknown): number {
  return Number.parseInt(sha256Hex(canonicalJson(value)).slice(0, 4), 16)
}
