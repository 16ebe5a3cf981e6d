import { readBundleDir } from '@signalbox/server'
import type { Command } from 'commander'
import { loadBundle, type PolicyBundle } from 'signalbox'
import { bundleFolder } from './bundle-folder.ts'
import { addPolicyLifeCommands } from './commands-policy-life.ts'
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
  addPolicyLifeCommands(group, shell)
  return group
}

interface FolderOptions {
  readonly config?: string
  readonly json?: boolean
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
