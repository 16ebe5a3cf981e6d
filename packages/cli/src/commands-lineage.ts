import { type LineageReport, writeLineageReport } from '@signalbox/server'
import type { FoundEffectView, GapsOfRun, Lineage } from '@signalbox/protocol'
import type { Command } from 'commander'
import { isoTime, systemHost } from 'signalbox'
import { SignalboxError } from 'signalbox/errors'
import { intOption, secondsOption } from './ask.ts'
import { addReconcileCommand } from './commands-reconcile.ts'
import { type CommandContext, type Shell, withClient, withShared } from './context.ts'
import { time, who } from './format.ts'
import { type Output, printable, table } from './output.ts'

const YEAR_SECONDS = 366 * 86_400

/** Options that look something up, and what each asks for. */
const TERMS = {
  object: 'object',
  ref: 'object',
  approver: 'approver',
  tool: 'tool',
  rule: 'rule',
  response: 'response',
  trace: 'trace',
  effectHash: 'effect_hash',
  key: 'idempotency_key',
} as const
type TermOption = keyof typeof TERMS

type Flags = { readonly [K in TermOption]?: string } & {
  readonly run?: string
  readonly failOnGap?: boolean
  readonly full?: boolean
  readonly since?: number
  readonly workflow?: string
  readonly report?: string
  readonly data: string
  readonly limit: number
  readonly before?: string
}

/** Adds `lineage`: where effects came from, what is missing, and who changed what. */
export function addLineageCommands(program: Command, shell: Shell): void {
  const lineage = withShared(program.command('lineage [run]'))
    .description('where every effect came from, what is missing in it, and which run changed a thing')
    .option('--run <run>', 'the effects of one run')
    .option('--object <name>', 'calls about a thing, denied ones too, such as invoice:4711, or 4711 alone')
    .option('--ref <id>', 'effects that the outside system knows by this id')
    .option('--approver <person>', 'answers of a person, such as user:paul')
    .option('--tool <name>', 'effects of a tool')
    .option('--rule <policy>', 'effects that a policy rule decided')
    .option('--response <id>', 'the model answer with this id of its provider')
    .option('--trace <id>', 'the run of a trace')
    .option('--effect-hash <hash>', 'the effect with this hash')
    .option('--key <key>', 'the effect with this idempotency key')
    .option('--limit <n>', 'how many are shown', intOption('--limit', 1, 200), 20)
    .option('--before <place>', 'go on behind the last page, with the place that it named')
    .option('--fail-on-gap', 'check all runs that changed since the last check; exit code 6 when any run has a gap')
    .option('--full', 'with --fail-on-gap: check every run')
    .option('--since <time>', 'with --fail-on-gap: runs that changed in this time, such as 24h', since)
    .option('--workflow <name>', 'with --fail-on-gap: runs of one workflow')
    .option('--report <file>', 'with --fail-on-gap: write a signed report; also SIGNALBOX_AUDIT_KEY')
  lineage.action(async (run: string | undefined, flags: Flags, command: Command) => {
    await withClient(command, shell, (context) => answer(context, shell, run ?? flags.run, flags))
  })
  // The shared options are those of the command itself: it hands them on.
  lineage
    .command('reindex')
    .description('make what effects are looked up by again, for a store that an older version wrote')
    .action(async () => {
      await withClient(lineage, shell, reindex)
    })
  addReconcileCommand(lineage, shell)
}

function since(text: string): number {
  return secondsOption('--since', YEAR_SECONDS)(text)
}

async function answer(context: CommandContext, shell: Shell, run: string | undefined, flags: Flags): Promise<void> {
  // The names are those of the table.
  const asked = (Object.keys(TERMS) as TermOption[]).filter((name) => flags[name] !== undefined)
  const checks = flags.failOnGap === true
  if (
    !checks &&
    (flags.full || flags.since !== undefined || flags.workflow !== undefined || flags.report !== undefined)
  )
    throw new SignalboxError('USAGE', '`--full`, `--since`, `--workflow` and `--report` need `--fail-on-gap`')
  if (run !== undefined && asked.length === 0) return ofRun(context, shell, run)
  if (run === undefined && asked.length === 1 && asked[0] !== undefined && !checks)
    return lookUp(context, asked[0], flags)
  if (run === undefined && asked.length === 0 && checks) return check(context, shell, flags)
  throw new SignalboxError('USAGE', 'give a run, or one thing to look up such as `--object`, or `--fail-on-gap`')
}

async function ofRun({ client, out }: CommandContext, shell: Shell, id: string): Promise<void> {
  const lineage = await client.lineage({ params: { id } })
  out.data(lineage)
  out.text(lineage.effects.length === 0 ? 'no effect was asked for' : effectsTable(lineage.effects, id, out.width))
  for (const gap of lineage.gaps) out.text(out.color.red(`gap at record ${gap.seq ?? '?'}: ${printable(gap.text)}`))
  if (!lineage.complete) shell.setExitCode(6)
}

/** `run` is the run whose effects they are. A tool is named in full: its name is what the next command takes. */
function effectsTable(effects: Lineage['effects'], run: string, width: number): string {
  return table(
    effects,
    [
      { title: 'record', of: (effect) => String(effect.outcome_seq ?? ''), right: true },
      { title: 'effect', of: (effect) => effect.tool },
      { title: 'status', of: (effect) => howIt(effect, run) },
      { title: 'superstep', of: (effect) => String(effect.superstep), right: true },
      { title: 'rule', of: (effect) => printable(effect.decision?.policies.join(', ') ?? ''), grow: true },
      { title: 'approved by', of: approvedBy },
    ],
    width,
  )
}

type Effect = Lineage['effects'][number]

function howIt({ status, from_ledger: ledger, resolved_by: by }: Effect, run: string): string {
  if (ledger?.run_id === run) return `${status} (ledger: record ${ledger.seq})`
  if (ledger !== null) return `${status} (ledger: ${ledger.run_id}/${ledger.seq})`
  return by === null ? status : `${status}, by ${by}`
}

/** Everybody who said yes, in whose place, and whether it was what had been asked for; nobody where it was a no. */
function approvedBy({ approval }: Effect): string {
  if (approval === null) return ''
  const people = approval.votes.map(({ by, acting_for: other }) =>
    other === null ? who(by) : `${who(by)} for ${who(other.id)}`,
  )
  const standing = approval.standing === null ? '' : ` (standing ${approval.standing})`
  return printable(`${people.join(', ')}${standing}${approval.edited ? ', edited' : ''}`.trim())
}

async function lookUp({ client, out }: CommandContext, name: TermOption, flags: Flags): Promise<void> {
  const given = flags[name] ?? ''
  const value = name === 'ref' ? `ref:${given}` : given
  const { limit, before } = flags
  const page = await client.lookUp({
    query: { term: TERMS[name], value, limit, ...(before === undefined ? {} : { before }) },
  })
  out.data(page)
  if (page.found.length === 0) {
    out.text(`nothing is on record of ${printable(given)}`)
    if (name === 'object' || name === 'ref')
      out.text(out.color.dim('only tools that declare `touches` name the objects of their calls'))
    return
  }
  out.text(foundTable(page.found, out))
  if (page.next !== null) out.text(out.color.dim(`more: --before ${page.next}`))
}

function foundTable(found: readonly FoundEffectView[], out: Output): string {
  return table(
    found,
    [
      { title: 'time (utc)', of: (each) => time(each.at) },
      { title: 'run', of: (each) => each.run_id },
      { title: 'record', of: (each) => String(each.seq), right: true },
      { title: 'what', of: (each) => each.tool ?? each.type ?? 'pruned' },
      { title: 'how', of: howFound },
      { title: 'why', of: (each) => each.code ?? '', grow: true },
      { title: 'for', of: (each) => who(each.principal) },
      { title: 'approved by', of: (each) => who(each.approved_by) },
    ],
    out.width,
  )
}

/** How a call ended, and that nothing changed where that is known of an effect. */
function howFound({ status, happened }: FoundEffectView): string {
  if (status === null) return ''
  return happened === false ? `${status}, nothing changed` : status
}

async function check({ client, out, terminal }: CommandContext, shell: Shell, flags: Flags): Promise<void> {
  const { workflow } = flags
  const all = flags.full === true || flags.since !== undefined || workflow !== undefined
  const from = flags.since === undefined ? {} : { since: isoTime(systemHost.now() - flags.since * 1_000) }
  const narrowed = { ...from, ...(workflow === undefined ? {} : { workflow }) }
  const found = { mode: all ? ('all' as const) : ('new' as const), runs: 0, effects: 0, pruned: 0 }
  const findings = new Map<string, GapsOfRun>()
  let before: string | null = null
  for (let more = true; more; ) {
    const place: { before?: string } = before === null ? {} : { before }
    const page: Awaited<ReturnType<typeof client.checkLineage>> = await client.checkLineage({
      body: all ? { mode: 'all', ...narrowed, ...place } : { mode: 'new' },
    })
    found.runs += page.runs
    found.effects += page.effects
    found.pruned += page.pruned
    for (const each of page.findings) findings.set(each.run_id, each)
    more = page.more
    before = page.next
  }
  // A gap that an earlier check found stands until its run is whole.
  if (!all) for await (const each of standing(client)) findings.set(each.run_id, each)
  const report: LineageReport = { ...found, findings: [...findings.values()] }
  if (flags.report !== undefined) writeLineageReport(flags.report, report, { dataDir: flags.data, env: terminal.env })
  out.data(report)
  out.text(checkText(report, [...findings.values()], out))
  if (findings.size > 0) shell.setExitCode(6)
}

async function* standing(client: CommandContext['client']): AsyncIterable<GapsOfRun> {
  let after: string | null = null
  do {
    const query: { limit: number; after?: string } = { limit: 500, ...(after === null ? {} : { after }) }
    const page: Awaited<ReturnType<typeof client.standingGaps>> = await client.standingGaps({ query })
    yield* page.runs
    after = page.next
  } while (after !== null)
}

function checkText(report: LineageReport, findings: readonly GapsOfRun[], { color }: Output): string {
  const looked = `${report.runs} ${report.mode === 'new' ? 'changed runs' : 'runs'} with ${report.effects} effects`
  const left = report.pruned === 0 ? '' : `; of ${report.pruned} only hashes are left`
  const lines = findings.flatMap((each) => [
    color.red(`${each.run_id} (${printable(each.workflow)}): ${each.gaps.length} gaps`),
    ...each.gaps.map((gap) => `  record ${gap.seq ?? '?'}: ${printable(gap.text)}`),
    color.dim(`  see: signalbox lineage ${each.run_id}`),
  ])
  const end = findings.length === 0 ? color.green('no gaps') : color.red(`${findings.length} runs with gaps`)
  return [`checked ${looked}${left}`, ...lines, end].join('\n')
}

async function reindex({ client, out }: CommandContext): Promise<void> {
  const done = { runs: 0, terms: 0 }
  let before: string | null = null
  do {
    const body: { before?: string } = before === null ? {} : { before }
    const page: Awaited<ReturnType<typeof client.reindexLineage>> = await client.reindexLineage({ body })
    done.runs += page.runs
    done.terms += page.terms
    before = page.next
  } while (before !== null)
  out.data(done)
  out.text(`${done.runs} runs: ${done.terms} entries to look up by`)
}
