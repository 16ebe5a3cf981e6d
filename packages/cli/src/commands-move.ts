import { existsSync } from 'node:fs'
import { userInfo } from 'node:os'
import { join, resolve } from 'node:path'
import {
  addDisclosure,
  DATABASE,
  DEV_TENANT,
  defaultConfigPath,
  disclosureLogPath,
  erasedByLog,
  loadProject,
  lockData,
  makeDataDir,
  publicKeyPath,
  redactorOfProject,
} from '@signalbox/server'
import type { Command } from 'commander'
import {
  exportRuns,
  importRuns,
  keyVault,
  loadAuditKey,
  loadMasterKey,
  openSqliteStore,
  SignalboxError,
  signingKey,
  type Store,
  systemHost,
} from 'signalbox'
import type { Shell } from './context.ts'
import { outputOf } from './output.ts'

interface MoveOptions {
  readonly data: string
  readonly json?: boolean
}

interface ExportFlags extends MoveOptions {
  readonly runs?: string
  readonly tenant: string
  readonly open?: boolean
  readonly move?: boolean
  readonly config?: string
}

/** Adds `store export`: runs with all that belongs to them, as a file that another store imports. */
export function addExportCommand(command: Command, shell: Shell): void {
  command
    .option('--runs <ids>', 'only these, separated by commas; default: all of the tenant')
    .option('--tenant <tenant>', 'whose runs', DEV_TENANT)
    .option('--open', 'write contents readable into the file too; needs the master key')
    .option('--config <file>', 'with --open: project file, for its redaction; default ./signalbox.config.ts')
    .option('--move', 'mark the runs as moved: they go on in the other store alone; only while no server runs')
    .action(async (file: string, options: ExportFlags) => {
      const out = outputOf(shell.terminal, options.json === true)
      const lock = options.move === true && existsSync(databaseOf(options)) ? lockData(resolve(options.data)) : null
      try {
        const made = await withStore(options, (store) => exported(store, file, options, shell))
        out.data({
          file: made.target,
          runs: made.runs,
          records: made.records,
          digest: made.digest,
          moved: options.move === true,
        })
        out.text(`${made.target}: ${made.runs} runs, ${made.records} records`)
        out.text(`digest ${made.digest}`)
        out.text(
          options.open === true
            ? 'Contents are readable in it: keep it as you keep what it tells.'
            : 'Contents are sealed in it. The master key is not in it.',
        )
        if (options.move === true) out.text('These runs go on nowhere here any more: import the file elsewhere.')
      } finally {
        lock?.release()
      }
    })
}

async function exported(store: Store, file: string, options: ExportFlags, shell: Shell) {
  const { tenant, runs, data } = options
  const host = systemHost
  const { env } = shell.terminal
  const dir = resolve(data)
  const openable = async () => {
    // A key that is made now opens nothing.
    if ((env.SIGNALBOX_MASTER_KEY ?? '') === '' && !existsSync(join(dir, 'master.key')))
      throw new SignalboxError('KEY_MISSING', 'contents are opened with the master key: set SIGNALBOX_MASTER_KEY')
    const config = options.config ?? defaultConfigPath(process.cwd())
    if (config === null)
      throw new SignalboxError(
        'CONFIG_INVALID',
        'readable contents pass the redaction of the project: name its file with --config',
      )
    const masterKey = loadMasterKey({ dir, env, mode: 'development', host })
    const redactor = redactorOfProject(await loadProject(config), host, env)
    return { open: keyVault({ store, host, masterKey }), redactor }
  }
  const readable = options.open === true ? await openable() : {}
  noteExport(dir, env, { tenant, content: options.open === true, runs: runs ?? null })
  return await exportRuns({
    ...{ store, host, target: file, tenant },
    ...(runs === undefined ? {} : { runs: runs.split(',').filter((each) => each !== '') }),
    ...readable,
    ...(options.move === true ? { move: { id: 'service:store-export', kind: 'service' as const } } : {}),
  })
}

/** On record before the file is made: a file that nobody knows of would be worse than a note of one that failed. */
function noteExport(
  dir: string,
  env: Shell['terminal']['env'],
  { tenant, content, runs }: { readonly tenant: string; readonly content: boolean; readonly runs: string | null },
): void {
  // A key that is made beside the public one of another would sign what nobody can tell from a forgery.
  if ((env.SIGNALBOX_AUDIT_KEY ?? '') === '' && !existsSync(join(dir, 'audit.key')) && existsSync(publicKeyPath(dir)))
    throw new SignalboxError('KEY_MISSING', 'an export is put on record with the audit key: set SIGNALBOX_AUDIT_KEY')
  const key = signingKey(loadAuditKey({ dir, env, mode: 'development', host: systemHost }))
  const note = { what: 'store_export' as const, tenant, content, run_id: null, ref: null, sha256: null }
  const reason = runs === null ? 'all runs' : `runs ${runs}`
  const by = `system:${userInfo().username}`
  addDisclosure(disclosureLogPath(dir, env), { ...note, by, reason, atMs: systemHost.now() }, key)
}

/** Adds `store import`. */
export function addImportCommand(command: Command, shell: Shell): void {
  command
    .option('--resume', 'take up an import of the same file that stopped in the middle')
    .action(async (file: string, options: MoveOptions & { readonly resume?: boolean }) => {
      const out = outputOf(shell.terminal, options.json === true)
      const dataDir = resolve(options.data)
      if (!existsSync(resolve(file)))
        throw new SignalboxError('NOT_FOUND', `there is no file \`${resolve(file)}\`: name a file of \`store export\``)
      makeDataDir(dataDir)
      const store = await openSqliteStore({ path: databaseOf(options), host: systemHost })
      try {
        const done = await importRuns({ store, path: resolve(file), resume: options.resume === true })
        const again = await erasedByLog(store, systemHost, dataDir, shell.terminal.env)
        out.data({
          runs: done.runs,
          records: done.records,
          already: done.already,
          moved: done.moved,
          erased_again: again,
        })
        out.text(`${done.runs} runs imported, ${done.records} records, every history verified`)
        if (done.already > 0) out.text(`${done.already} runs were there from an earlier import of this file`)
        if (again > 0) out.text(`${again} persons in it were erased before, and are erased again`)
        if (!done.moved)
          out.text(
            'The runs were not marked as moved where they come from: take care that not both stores go on with them.',
          )
      } finally {
        await store.close()
      }
    })
}

async function withStore<T>(options: MoveOptions, use: (store: Store) => Promise<T>): Promise<T> {
  const path = databaseOf(options)
  if (!existsSync(path))
    throw new SignalboxError('NOT_FOUND', `there is no store at \`${path}\`: name its folder with --data`)
  const store = await openSqliteStore({ path, host: systemHost })
  try {
    return await use(store)
  } finally {
    await store.close()
  }
}

function databaseOf(options: MoveOptions): string {
  return join(resolve(options.data), DATABASE)
}
