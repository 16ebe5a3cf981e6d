import { existsSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { DATABASE, defaultConfigPath, loadProject } from '@signalbox/server'
import type { Command } from 'commander'
import {
  applyRetention,
  openSqliteStore,
  type RetentionPolicy,
  type RetentionReport,
  readRetention,
  SignalboxError,
  systemHost,
} from 'signalbox'
import { intOption } from './ask.ts'
import type { Shell } from './context.ts'
import { type Output, outputOf, table } from './output.ts'

interface PruneOptions {
  readonly data: string
  readonly config?: string
  readonly dryRun?: boolean
  readonly limit?: number
  readonly json?: boolean
}

/** Adds `store prune`, which applies the project's rules of retention. */
export function addPruneCommand(command: Command, shell: Shell): void {
  command
    .option('--config <file>', 'project file with the rules (`retention`); default ./signalbox.config.ts')
    .option('--dry-run', 'tell what would be pruned and change nothing')
    .option('--limit <runs>', 'prune at most so many runs', intOption('--limit', 1, 1_000_000))
    .action(async (options: PruneOptions) => {
      const policy = await policyOf(options)
      const path = join(resolve(options.data), DATABASE)
      if (!existsSync(path))
        throw new SignalboxError('NOT_FOUND', `there is no store at \`${path}\`: name its folder with --data`)
      const store = await openSqliteStore({ path, host: systemHost })
      try {
        const limits = { dryRun: options.dryRun === true, maxRuns: options.limit ?? Number.MAX_SAFE_INTEGER }
        const report = await applyRetention(store, policy, systemHost, limits)
        tell(report, policy, outputOf(shell.terminal, options.json === true))
      } finally {
        await store.close()
      }
    })
}

async function policyOf(options: PruneOptions): Promise<RetentionPolicy> {
  const path = options.config ?? defaultConfigPath(process.cwd())
  if (path === null)
    throw new SignalboxError(
      'CONFIG_INVALID',
      'there is no signalbox.config.ts in this folder: write one with defineProject, or name it with --config',
    )
  const { retention = [] } = await loadProject(path)
  if (retention.length > 0) return readRetention(retention)
  throw new SignalboxError(
    'CONFIG_INVALID',
    `the project has no rules of retention: give it \`retention: [{ olderThanDays: 365, keep: 'metadata' }]\``,
  )
}

function tell(report: RetentionReport, policy: RetentionPolicy, out: Output): void {
  const { dryRun, pruned, kept, keptRuns, scanned, more } = report
  out.data({
    dry_run: dryRun,
    policy: report.policy,
    scanned,
    pruned,
    kept,
    kept_runs: keptRuns.map(({ tenant, runId, reason }) => ({ tenant, run_id: runId, reason })),
    more,
  })
  const would = dryRun ? 'would be ' : ''
  out.text(`policy ${policy.digest.slice(0, 12)}, ${policy.rules.length} rules, ${scanned} ended runs looked at`)
  out.text(`contents ${would}destroyed: ${pruned.metadata} runs keep their records`)
  out.text(`records ${would}destroyed: ${pruned.nothing} runs keep their hashes`)
  const reasons = Object.entries(kept).map(([reason, count]) => `${count} ${reason}`)
  if (reasons.length > 0) {
    out.text(`kept although a rule is due: ${reasons.join(', ')}`)
    out.text(
      table(
        keptRuns,
        [
          { title: 'run', of: (row) => row.runId, grow: true },
          { title: 'tenant', of: (row) => row.tenant },
          { title: 'why', of: (row) => row.reason },
        ],
        out.width,
      ),
    )
  }
  if (more) out.text('there is more to look at: run it again')
  if (!dryRun && pruned.metadata + pruned.nothing > 0)
    out.text('Free pages stay in the file: `signalbox store vacuum` gives them back. Older backups still hold it all.')
}
