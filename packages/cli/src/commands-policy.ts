import { resolve } from 'node:path'
import { defaultConfigPath, loadProject, readBundleDir } from '@signalbox/server'
import type { Command } from 'commander'
import { loadBundle, type PolicyBundle, SignalboxError } from 'signalbox'
import type { Shell } from './context.ts'
import { folded, type Output, outputOf, printable } from './output.ts'

/** Adds `policy`: the bundle that says what agents may do. Gives the group, for more commands of it. */
export function addPolicyCommands(program: Command, shell: Shell): Command {
  const group = program.command('policy').description('the policy bundle: what agents may do, and who said so')
  group
    .command('show [folder]')
    .description('check the bundle of a folder and show it; default: the folder of the project. No server is asked')
    .option('--json', 'write one JSON value to stdout and nothing else')
    .option('--config <file>', 'project file; default ./signalbox.config.ts')
    .action(async (folder: string | undefined, options: FolderOptions) => {
      const out = outputOf(shell.terminal, options.json === true)
      const path = await bundleFolder(folder, options.config)
      const bundle = loadBundle(readBundleDir(path))
      out.data({ folder: path, ...bundleData(bundle) })
      out.text(bundleText(bundle, out))
    })
  return group
}

interface FolderOptions {
  readonly config?: string
  readonly json?: boolean
}

/**
 * The folder that is named, else the one of the project.
 * @throws SignalboxError CONFIG_INVALID when neither is there
 */
export async function bundleFolder(folder: string | undefined, config: string | undefined): Promise<string> {
  if (folder !== undefined) return resolve(folder)
  const path = config ?? defaultConfigPath(process.cwd())
  if (path === null)
    throw new SignalboxError(
      'CONFIG_INVALID',
      'there is no signalbox.config.ts in this folder: name the folder of the bundle, or the project with --config',
    )
  return (await loadProject(path)).bundleDir
}

function bundleData(bundle: PolicyBundle) {
  const { name, version, owner, hash, roles, warnings } = bundle
  const rules = bundle.rules.map(({ id, kind, owner, reason, approvers, file, line }) => ({
    id,
    kind,
    owner,
    reason,
    approvers,
    file,
    line,
  }))
  return { name, version, owner, hash, roles, rules, warnings }
}

function bundleText(bundle: PolicyBundle, out: Output): string {
  const { color } = out
  const rules = bundle.rules.map((rule) => {
    const why = rule.reason === null ? '' : `  ${rule.reason}`
    const who = rule.approvers.length === 0 ? '' : `  asks ${rule.approvers.join(', ')}`
    return printable(`  ${rule.kind.padEnd(16)} ${rule.id}${why}${who}`)
  })
  return [
    `${color.bold(`${bundle.name} ${bundle.version}`)}  ${printable(bundle.owner)}`,
    `  ${bundle.hash}`,
    `  ${bundle.catalogue.tools.length} tools, ${bundle.catalogue.models.length} models, ${bundle.catalogue.workflows.length} workflows`,
    '',
    ...rules,
    ...bundle.warnings.map((warning) => folded(`${color.yellow('warning')}  ${warning}`, out.width, '  ')),
  ].join('\n')
}
