import { chosenDrills, defaultConfigPath, loadProject, type Project } from '@signalbox/server'
import type { Command } from 'commander'
import { SignalboxError } from 'signalbox'
import type { Shell } from './context.ts'
import { outputOf } from './output.ts'

interface DrillOptions {
  readonly config?: string
  readonly workflow?: string
  readonly json?: boolean
}

/** Adds `drill`: exercises on copies of a project in temporary folders. They touch no data folder that is in use. */
export function addDrillCommands(program: Command, shell: Shell): void {
  const group = program.command('drill').description('prove recovery: kill workers, restore, compare')
  drillCommand(group, 'restore', 'kill real workers in every stage, and compare with the undisturbed run')
    .option('--workflow <name>', 'only this workflow')
    .action(async (options: DrillOptions) => {
      const drills = chosenDrills(await drilledProject(options), options.workflow ?? null)
      const out = outputOf(shell.terminal, options.json === true)
      out.text(drills.map((drill) => drill.workflow).join('\n'))
    })
}

/** A command of the group, with the options that all of them have. */
export function drillCommand(group: Command, name: string, description: string): Command {
  return group
    .command(name)
    .description(description)
    .option('--json', 'write one JSON value to stdout and nothing else')
    .option('--config <file>', 'project file; default ./signalbox.config.ts')
}

/** The project that is drilled. Throws CONFIG_INVALID when there is none. */
export async function drilledProject(options: { readonly config?: string }): Promise<Project> {
  const path = options.config ?? defaultConfigPath(process.cwd())
  if (path !== null) return await loadProject(path)
  throw new SignalboxError(
    'CONFIG_INVALID',
    'there is no signalbox.config.ts in this folder: write one with defineProject, or name it with --config',
  )
}
