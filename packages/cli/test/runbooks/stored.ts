/** Situations of runbooks that are followed on a data folder or a project without a server. */
import { execFileSync } from 'node:child_process'
import { cpSync, mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { dataFolder, runProcess } from '../harness.ts'
import type { Stand } from './follow.ts'

const BUILDS = fileURLToPath(new URL('../../../server/test/upgrade/', import.meta.url))
const CLAIMS = pathToFileURL(join(BUILDS, 'claims.ts')).href
const DRILLED = fileURLToPath(new URL('../../../../examples/quickstart/test/drill-project.ts', import.meta.url))

export interface Stored extends Stand {
  readonly end: () => void
}

function project(folder: string, name: string, build: object): string {
  const dir = join(folder, name)
  mkdirSync(dir, { recursive: true })
  const path = join(dir, 'signalbox.config.ts')
  writeFileSync(
    path,
    `import { projectOf } from ${JSON.stringify(CLAIMS)}\nexport default projectOf(${JSON.stringify(build)})\n`,
  )
  return path
}

/** A store with two runs of a build, closed. */
function stored(): { readonly folder: string; readonly data: string; readonly runId: string; end: () => void } {
  const { path: folder, remove } = dataFolder()
  const command = ['--conditions=signalbox-source', join(BUILDS, 'make-runs.ts'), '2', '0']
  const made = JSON.parse(execFileSync(process.execPath, command, { encoding: 'utf8' }))
  const data = join(folder, 'data')
  cpSync(made.dataDir, data, { recursive: true })
  rmSync(made.dataDir, { recursive: true, force: true })
  const vera = {
    person: 'vera',
    id: 'user:vera',
    tenant: 'dev',
    roles: ['viewer'],
    token: 'dev-vera-only-in-this-test',
  }
  writeFileSync(join(data, 'dev-tokens.json'), JSON.stringify({ version: 1, people: [vera] }))
  return { folder, data, runId: made.runIds.find((id: string) => id.startsWith('run_')), end: remove }
}

/** Gives a command on a data folder and a project file, unless it names others. */
function onFolder(data: string, config: string): Stand['run'] {
  return (args) => {
    const takesConfig = args[0] !== 'store' && !args.includes('--config')
    const own = [args.includes('--data') ? [] : ['--data', data], takesConfig ? ['--config', config] : []]
    return runProcess([...args, ...own.flat()])
  }
}

function upgraded(): Stored {
  const { folder, data, runId, end } = stored()
  const values = new Map([
    ['run', runId],
    ['mended project', project(folder, 'mended', {})],
  ])
  return { run: onFolder(data, project(folder, 'other', { adds: 7 })), values, end }
}

/** One byte of one record changed beside Signalbox, after a backup. */
function tampered(): Stored {
  const { folder, data, end } = stored()
  const backup = join(folder, 'backup')
  cpSync(data, backup, { recursive: true })
  const database = new DatabaseSync(join(data, 'signalbox.db'))
  database.exec(
    `UPDATE records SET body = replace(body, 'rita', 'ruta') WHERE seq = 1 AND rid = (SELECT min(rid) FROM runs)`,
  )
  database.close()
  const values = new Map([
    ['copy', join(folder, 'evidence.db')],
    ['backup', backup],
    ['restored', backup],
  ])
  return { run: onFolder(data, project(folder, 'same', {})), values, end }
}

/** A line of a log with a credential in it, until somebody has seen it. */
function exposed(): Stored {
  const { folder, data, end } = stored()
  const logs = join(folder, 'logs')
  mkdirSync(logs)
  const log = join(logs, 'server.log')
  writeFileSync(join(folder, 'secrets.txt'), 'correct-horse-battery-staple\n')
  writeFileSync(log, 'the bank refused correct-horse-battery-staple\n')
  const values = new Map([
    ['file of secrets', join(folder, 'secrets.txt')],
    ['logs', logs],
  ])
  const then = async () => writeFileSync(log, 'the bank refused the credential\n')
  return { run: onFolder(data, project(folder, 'same', {})), values, then, end }
}

function drilled(): Stored {
  const { path: folder, remove } = dataFolder()
  const home = join(folder, 'project')
  mkdirSync(home)
  writeFileSync(join(home, 'signalbox.config.ts'), `export { default } from ${JSON.stringify(DRILLED)}\n`)
  const values = new Map([
    ['workflow', 'refunds'],
    ['seed', '7'],
    ['kills', '1'],
  ])
  return { run: (args) => runProcess([...args, '--data', join(folder, 'data')], {}, home), values, end: remove }
}

/** What each runbook starts from. */
export const STORED: Readonly<Record<string, () => Stored>> = {
  upgrade: upgraded,
  'audit-gap': tampered,
  exposure: exposed,
  'failed-drill': drilled,
}
