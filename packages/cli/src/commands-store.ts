import { join, resolve } from 'node:path'
import { DATABASE, FactFinder, lockData } from '@signalbox/server'
import type { Command } from 'commander'
import { backupSqlite, openSqliteStore, systemHost, type SqliteStats, sqliteStats, vacuumSqlite } from 'signalbox'
import { addExportCommand, addImportCommand } from './commands-move.ts'
import { addPruneCommand } from './commands-prune.ts'
import type { Shell } from './context.ts'
import { time } from './format.ts'
import { type Output, outputOf, table } from './output.ts'

interface StoreOptions {
  readonly data: string
  readonly json?: boolean
}

/** Adds the commands on the data file itself. They need no server and no credential: whoever runs them can read the file. */
export function addStoreCommands(program: Command, shell: Shell): void {
  const group = program.command('store').description('the data file: what it holds, a copy of it, its free space')
  const add = (name: string, description: string): Command =>
    group
      .command(name)
      .description(description)
      .option('--json', 'write one JSON value to stdout and nothing else')
      .option('--data <folder>', 'data folder', './.signalbox')
  add('stats', 'rows and bytes by table, log, free space, runs by status; also while a server runs').action(
    async (options: StoreOptions) => {
      showStats(await sqliteStats(databaseOf(options)), outputOf(shell.terminal, options.json === true))
    },
  )
  add(
    'backup <file>',
    'write a verified copy to a new file, also while a server runs; the master key is not in it',
  ).action(async (file: string, options: StoreOptions) => {
    await backUp(file, options, shell)
  })
  addPruneCommand(
    add('prune', 'apply the rules of retention: destroy what they no longer keep; also while a server runs'),
    shell,
  )
  addExportCommand(
    add('export <file>', 'write runs with all that belongs to them to a new file; the master key is not in it'),
    shell,
  )
  addImportCommand(
    add('import <file>', 'take over the runs of an export, after checking all of it; also while a server runs'),
    shell,
  )
  add(
    'reindex',
    'make the index of events, decisions and effects again from the records; also while a server runs',
  ).action(async (options: StoreOptions) => await reindex(options, outputOf(shell.terminal, options.json === true)))
  add('vacuum', 'give free space back to the disk; only while no server runs').action(async (options: StoreOptions) => {
    await vacuum(options, outputOf(shell.terminal, options.json === true))
  })
}

async function reindex(options: StoreOptions, out: Output): Promise<void> {
  const store = await openSqliteStore({ path: databaseOf(options), host: systemHost })
  try {
    await store.clearFacts()
    await new FactFinder({ store }).catchUp()
    const { records, runs } = await store.stats()
    out.data({ records, runs })
    out.text(`${records} records of ${runs} runs are indexed`)
  } finally {
    await store.close()
  }
}

function databaseOf(options: StoreOptions): string {
  return join(resolve(options.data), DATABASE)
}

function showStats(stats: SqliteStats, out: Output): void {
  out.data({
    format: stats.format,
    file_bytes: stats.fileBytes,
    log_bytes: stats.logBytes,
    free_bytes: stats.freeBytes,
    tables: stats.tables,
    runs_by_status: stats.runsByStatus,
    ended_content_bytes: stats.endedContentBytes,
    pruned_runs: stats.prunedRuns,
    unpruned_runs: stats.unprunedRuns,
    erased_subjects: stats.erasedSubjects,
    oldest_record_at: stats.oldestRecordAt,
    newest_record_at: stats.newestRecordAt,
  })
  const columns = [
    { title: 'table', of: (row: SqliteStats['tables'][number]) => row.name, grow: true },
    { title: 'rows', of: (row: SqliteStats['tables'][number]) => String(row.rows), right: true },
    {
      title: 'size',
      of: (row: SqliteStats['tables'][number]) => (row.bytes === null ? '?' : size(row.bytes)),
      right: true,
    },
  ]
  out.text(table(stats.tables, columns, out.width))
  out.text(`file ${size(stats.fileBytes)}, of it free ${size(stats.freeBytes)}; log ${size(stats.logBytes)}`)
  const runs = Object.entries(stats.runsByStatus).map(([status, count]) => `${count} ${status}`)
  out.text(runs.length === 0 ? 'no runs' : `runs: ${runs.join(', ')}`)
  const pruned = Object.entries(stats.prunedRuns).map(([kept, count]) => `${count} keep ${kept}`)
  out.text(
    `ended runs: ${stats.unprunedRuns} whole, with ${size(stats.endedContentBytes)} of contents; ${pruned.length === 0 ? 'none pruned' : `pruned: ${pruned.join(', ')}`}; ${stats.erasedSubjects} persons erased`,
  )
  if (stats.oldestRecordAt !== null)
    out.text(`records from ${time(stats.oldestRecordAt)} to ${time(stats.newestRecordAt)} UTC`)
}

async function backUp(file: string, options: StoreOptions, shell: Shell): Promise<void> {
  const out = outputOf(shell.terminal, options.json === true)
  const made = await backupSqlite(databaseOf(options), file)
  out.data({
    file: made.target,
    bytes: made.bytes,
    sha256: made.sha256,
    runs: made.runs,
    records: made.records,
    duration_ms: Math.round(made.durationMs),
    failed_runs: made.failedRuns,
    master_key_included: false,
  })
  out.text(
    `${made.target}: ${size(made.bytes)}, ${made.runs} runs, ${made.records} records, in ${seconds(made.durationMs)}`,
  )
  out.text(`sha256 ${made.sha256}`)
  out.text('The master key is not in it. Keep it apart: without it contents of the copy cannot be read.')
  if (made.failedRuns.length === 0) {
    out.text(out.color.green('verified: all pages, all histories'))
    return
  }
  for (const run of made.failedRuns) out.text(`${run}  ${out.color.red('does not verify')}`)
  out.text('The copy is kept; it has these histories as the store has them: see `signalbox audit verify`.')
  shell.setExitCode(6)
}

async function vacuum(options: StoreOptions, out: Output): Promise<void> {
  const path = databaseOf(options)
  // Told first, so that a folder without a store gets no lock file.
  await sqliteStats(path)
  const lock = lockData(resolve(options.data))
  try {
    const done = await vacuumSqlite(path)
    out.data({ bytes_before: done.bytesBefore, bytes_after: done.bytesAfter })
    out.text(`${path}: ${size(done.bytesBefore)} before, ${size(done.bytesAfter)} after`)
  } finally {
    lock.release()
  }
}

function seconds(ms: number): string {
  return `${(ms / 1_000).toFixed(1)} s`
}

/** Bytes as a person reads them, such as `1.5 MB`. */
function size(bytes: number): string {
  if (bytes < 1_000) return `${bytes} B`
  if (bytes < 1_000_000) return `${(bytes / 1_000).toFixed(1)} KB`
  return `${(bytes / 1_000_000).toFixed(1)} MB`
}
