import { z } from 'zod'
import { SignalboxError } from '../base/errors.ts'
import type { JsonValue } from '../base/json.ts'
import { isoTime, timeOf } from '../base/time.ts'
import {
  type LedgerEntry,
  type ListingPage,
  listingPageSchema,
  type ListingReport,
  type OutsideEntry,
  RECONCILE_WORKFLOW,
  type ReconcileInput,
  reconcileInputSchema,
  type ReconcileReport,
} from '../contracts/reconcile.ts'
import { shapeOf } from '../contracts/shape.ts'
import type { ToolSpec } from '../contracts/tool.ts'
import {
  type HandlerCtx,
  type HandlerEnd,
  type NodeSpec,
  toolsWithin,
  type WorkflowSpec,
} from '../contracts/workflow.ts'
import { compareSides } from '../observability/index.ts'
import { oneNodeSpec } from '../orchestration/index.ts'
import type { LedgerSide, LedgerWindow } from './ledger-side.ts'

/** What the workflow reads of the ledger, in local steps: what it found is on record beside what the outside said. */
export interface LedgerReader {
  side(window: LedgerWindow): Promise<LedgerSide>
  under(asked: { readonly tenant: string; readonly keys: readonly string[] }): Promise<readonly LedgerEntry[]>
}

/** Most pages of all listings of one comparison. */
const MOST_PAGES = 1_000
/** Most entries of one listing. */
const MOST_ENTRIES = 5_000
/** Clocks differ, and an answer takes its time: so much before and after the window is read to find the other side. */
const MARGIN_MS = 300_000
const STEP_SECONDS = 120

const INPUT = shapeOf(reconcileInputSchema)
const OUTPUT = shapeOf(
  z.object({
    version: z.literal(1),
    from: z.string(),
    to: z.string(),
    complete: z.boolean(),
    differences: z.int(),
    listings: z.array(z.unknown()),
    unlisted: z.array(z.string()),
  }),
)

/** A listing tool and the tools whose effects it lists. */
interface Group {
  readonly list: ToolSpec
  readonly tools: readonly string[]
}

/**
 * The built-in workflow that compares the ledger with outside systems: an ordinary run, through the same engine and the
 * same door (invariant 1). Its last step is the report; where the sides differ, or one was not read whole, the run ends
 * with OUTSIDE_DIFFERS. Null when no tool can be listed. Throws CONFIG_INVALID when two different tools of one name list.
 */
export function reconcileWorkflow(workflows: readonly WorkflowSpec[], ledger: LedgerReader): WorkflowSpec | null {
  const groups = groupsOf(workflows)
  if (groups.length === 0) return null
  const effects = new Set(workflows.flatMap(toolsWithin).flatMap((tool) => (tool.effect === 'none' ? [] : [tool.name])))
  const listed = new Set(groups.flatMap(({ tools }) => tools))
  const unlisted = [...effects].filter((name) => !listed.has(name)).sort()
  const node: NodeSpec = {
    name: 'compare',
    kind: 'function',
    input: INPUT,
    output: OUTPUT,
    retry: { attempts: 1, backoffSeconds: 1 },
    tools: groups.map(({ list }) => list.name),
    agent: null,
    deadlineSeconds: null,
    run: (message, ctx) => compareAll(message, ctx, { groups, unlisted, ledger }),
  }
  const budget = {
    max_turns: 1,
    max_tool_calls: MOST_PAGES,
    max_runtime_seconds: 3_600,
    max_tokens: 1,
    max_cost_nano_usd: '0',
  }
  const tools = new Map(groups.map(({ list }) => [list.name, list]))
  return oneNodeSpec({ name: RECONCILE_WORKFLOW, node, tools, budget, maxSupersteps: 2 })
}

function groupsOf(workflows: readonly WorkflowSpec[]): readonly Group[] {
  const groups = new Map<string, { list: ToolSpec; tools: Set<string> }>()
  for (const { name, listed } of workflows.flatMap(toolsWithin)) {
    if (listed === undefined) continue
    const list = listed.tool
    const known = groups.get(list.name)
    if (known && known.list.definitionHash !== list.definitionHash)
      throw new SignalboxError(
        'CONFIG_INVALID',
        `two different tools named \`${list.name}\` list something: give one of them another name`,
      )
    groups.set(list.name, { list, tools: (known?.tools ?? new Set()).add(name) })
  }
  return [...groups.values()]
    .map(({ list, tools }) => ({ list, tools: [...tools].sort() }))
    .sort((a, b) => (a.list.name < b.list.name ? -1 : 1))
}

interface Parts {
  readonly groups: readonly Group[]
  readonly unlisted: readonly string[]
  readonly ledger: LedgerReader
}

async function compareAll(message: JsonValue, ctx: HandlerCtx, parts: Parts): Promise<HandlerEnd> {
  // Parsed by the workflow's input schema.
  const input = message as unknown as ReconcileInput
  const groups = chosen(input, parts.groups)
  const listings: ListingReport[] = []
  for (const group of groups) listings.push(await compareOne(group, input, ctx, parts.ledger))
  const report: ReconcileReport = {
    version: 1,
    from: input.from,
    to: input.to,
    complete: listings.every(({ complete }) => complete),
    differences: listings.reduce((sum, each) => sum + each.differences.length, 0),
    listings,
    unlisted: input.tools === undefined ? parts.unlisted : [],
  }
  // On record whatever becomes of the run.
  const told = await step(ctx, REPORT_STEP, {}, () => Promise.resolve(report))
  if (report.complete && report.differences === 0) {
    // Plain JSON by its type.
    return { kind: 'message', message: told as unknown as JsonValue }
  }
  const incomplete = report.complete ? '' : '; something was not read whole'
  throw new SignalboxError(
    'OUTSIDE_DIFFERS',
    `${report.differences} differences${incomplete}: read the report of this run`,
  )
}

/** Name of the step whose result is the report. */
export const REPORT_STEP = 'report'

function chosen({ from, to, tools }: ReconcileInput, groups: readonly Group[]): readonly Group[] {
  if (timeOf(from) >= timeOf(to)) throw new SignalboxError('INPUT_INVALID', '`from` must be before `to`')
  const known = groups.flatMap((group) => group.tools)
  const unknown = (tools ?? []).filter((name) => !known.includes(name))
  if (unknown.length > 0)
    throw new SignalboxError(
      'INPUT_INVALID',
      `\`tools\` names ${unknown.map((name) => `\`${name}\``).join(', ')}, of which no list can be read; these can: ${known.join(', ')}`,
    )
  return groups.filter((group) => tools === undefined || group.tools.some((name) => tools.includes(name)))
}

async function compareOne(
  { list, tools }: Group,
  { from, to }: ReconcileInput,
  ctx: HandlerCtx,
  ledger: LedgerReader,
): Promise<ListingReport> {
  const [start, end] = [timeOf(from), timeOf(to)]
  const within = (at: string): boolean => timeOf(at) >= start && timeOf(at) < end
  const outside = await listAll(list.name, { from: start - MARGIN_MS, to: end + MARGIN_MS }, ctx)
  const wider = { tools, from: start - 2 * MARGIN_MS, to: end + 2 * MARGIN_MS }
  const own = await step(ctx, `ledger of ${list.name}`, wider, (tenant) => ledger.side({ tenant, ...wider }))
  const keys = keysBeside(outside.entries, own.effects)
  const others =
    keys.length === 0
      ? []
      : await step(ctx, `keys of ${list.name}`, { keys }, (tenant) => ledger.under({ tenant, keys }))
  const broken = [...outside.broken, ...(own.whole ? [] : ['the ledger has more effects than one comparison reads'])]
  const effects = [...own.effects, ...others]
  return compareSides({ list: list.name, tools, entries: outside.entries, effects, broken, within })
}

function keysBeside(entries: readonly OutsideEntry[], effects: readonly LedgerEntry[]): readonly string[] {
  const known = new Set(effects.map(({ key }) => key))
  return [...new Set(entries.flatMap(({ key }) => (key === null || known.has(key) ? [] : [key])))]
}

/** All pages of a listing. What cannot be read is told in `broken`, and what was read before it is kept. */
async function listAll(
  tool: string,
  { from, to }: { readonly from: number; readonly to: number },
  ctx: HandlerCtx,
): Promise<{ readonly entries: readonly OutsideEntry[]; readonly broken: readonly string[] }> {
  const entries: OutsideEntry[] = []
  const asked = new Set<string | null>()
  for (let cursor: string | null = null; ; ) {
    asked.add(cursor)
    const args = { from: isoTime(from), to: isoTime(to), cursor }
    const end = await ctx.ask({ kind: 'tool', tool, args })
    if (end.status !== 'succeeded') return { entries, broken: [`the listing ended with ${end.code}: ${end.reason}`] }
    const page = listingPageSchema.safeParse(end.output)
    if (!page.success) return { entries, broken: ['the listing gave something that is no page of entries'] }
    const { entries: found, next }: ListingPage = page.data
    entries.push(...found.filter(({ at }) => timeOf(at) >= from && timeOf(at) < to))
    if (next === null) return { entries, broken: [] }
    if (asked.has(next)) return { entries, broken: ['the listing led back to a page that was read'] }
    if (entries.length > MOST_ENTRIES || asked.size >= MOST_PAGES)
      return { entries, broken: [`the listing goes on after ${entries.length} entries: compare a shorter time`] }
    cursor = next
  }
}

/** A local step: what it gives is on record, and a replay is answered with it. Throws what it failed with. */
async function step<T>(ctx: HandlerCtx, name: string, args: object, body: (tenant: string) => Promise<T>): Promise<T> {
  const end = await ctx.ask({
    kind: 'step',
    name,
    // Plain JSON by its type.
    args: args as JsonValue,
    retry: { attempts: 3, backoffSeconds: 1 },
    timeoutSeconds: STEP_SECONDS,
    run: ({ tenant }) => body(tenant),
  })
  if (end.status !== 'succeeded') throw new SignalboxError('STEP_FAILED', `step \`${name}\`: ${end.reason}`)
  // What the body gave, as JSON.
  return end.output as T
}
