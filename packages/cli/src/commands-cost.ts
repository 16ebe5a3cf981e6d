import { readFileSync } from 'node:fs'
import type { Client, CostReportView, RecomputedCostView } from '@signalbox/protocol'
import { costBySchema } from '@signalbox/protocol'
import type { Command } from 'commander'
import { isoTime, loadPriceBook, SignalboxError, systemHost } from 'signalbox'
import { type Shell, withClient, withShared } from './context.ts'
import { recomputedText, reportText, runText } from './cost-views.ts'

interface ReportOptions {
  readonly since?: string
  readonly by: string
}

interface RecomputeOptions {
  readonly table: string
  readonly prices?: string
  readonly since?: string
  readonly write?: boolean
  readonly reason?: string
}

/** Adds the commands about what runs cost. */
export function addCostCommands(program: Command, shell: Shell): void {
  const cost = withShared(program.command('cost').argument('[run]', 'one run; without it all runs are summed up'))
    .description('what a run cost, or what many runs cost')
    .option('--since <time>', 'of runs started since then: 7d, 24h, 30m or an ISO time')
    .option('--by <what>', 'workflow, model, tenant or agent', 'workflow')
    .action(async (id: string | undefined, options: ReportOptions, command: Command) => {
      await withClient(command, shell, async ({ client, out }) => {
        const { width } = out
        if (id !== undefined) {
          const run = await client.runCost({ params: { id } })
          out.data(run)
          out.text(runText(run, out, width))
          return
        }
        const report = await client.costReport({
          query: { ...since(options), by: byOf(options.by) },
        })
        out.data(report)
        out.text(reportText(report, out, width))
      })
    })
  addRecompute(cost, shell)
}

function addRecompute(cost: Command, shell: Shell): void {
  cost
    .command('recompute')
    .argument('[run]', 'one run; without it all runs since the given time')
    .description('compute costs again by another price table, and show what differs')
    .requiredOption('--table <id>', 'id of a price table or the beginning of it, or a price file')
    .option('--prices <folder>', 'folder of price files beside those that come along')
    .option('--write', 'put the differences on record; what was settled stays, and no budget is refilled')
    .option('--reason <text>', 'why; stored with your name, needed with --write')
    .action(async (id: string | undefined, _options: RecomputeOptions, command: Command) => {
      // Options that the command above has as well are parsed there.
      const options = command.optsWithGlobals<RecomputeOptions>()
      if (options.write && !options.reason)
        throw new SignalboxError('USAGE', '--write needs --reason: say why the costs are corrected')
      const prices = textOfTable(options)
      await withClient(command.parent ?? command, shell, async ({ client, out }) => {
        const ids = id === undefined ? await runIds(client, options) : [id]
        const done: RecomputedCostView[] = []
        for (const each of ids) {
          const reason = options.reason === undefined ? {} : { reason: options.reason }
          done.push(
            await client.recomputeCost({
              params: { id: each },
              body: { prices, write: options.write === true, ...reason },
            }),
          )
        }
        out.data({ runs: done })
        out.text(recomputedText(done, out, out.width))
      })
    })
}

/** A price file by its path, or a table of the book by its id. */
function textOfTable({ table: id, prices }: RecomputeOptions): string {
  if (id.endsWith('.json')) return readFileSync(id, 'utf8')
  return JSON.stringify(loadPriceBook(prices === undefined ? {} : { prices }).table(id).file)
}

/** Runs that have ended, newest first. */
async function runIds(client: Client, options: { readonly since?: string }): Promise<readonly string[]> {
  const from = since(options).since
  const ids: string[] = []
  let before: string | undefined
  for (;;) {
    const query = {
      limit: 200,
      status: 'completed,stopped,cancelled,terminated',
      ...(before === undefined ? {} : { before }),
    }
    const page = await client.listRuns({ query })
    const fresh = page.runs.filter((run) => from === undefined || run.created_at >= from)
    ids.push(...fresh.map((run) => run.run_id))
    if (page.next === null || fresh.length < page.runs.length) return ids
    before = page.next
  }
}

const UNITS: Readonly<Record<string, number>> = { m: 60_000, h: 3_600_000, d: 86_400_000 }

function since({ since: text }: { readonly since?: string }): { since?: string } {
  if (text === undefined) return {}
  const [, count, unit = ''] = /^(\d{1,5})([mhd])$/.exec(text) ?? []
  const ms = count === undefined ? Date.parse(text) : systemHost.now() - Number(count) * (UNITS[unit] ?? 0)
  if (Number.isNaN(ms)) throw new SignalboxError('USAGE', `\`${text}\` is not a time: use 7d, 24h, 30m or an ISO time`)
  return { since: isoTime(ms) }
}

function byOf(text: string): CostReportView['by'] {
  const by = costBySchema.safeParse(text)
  if (by.success) return by.data
  throw new SignalboxError('USAGE', `\`${text}\` is nothing to sum up by: use workflow, model, tenant or agent`)
}
