import { resolve } from 'node:path'
import { defaultConfigPath, loadProject } from '@signalbox/server'
import { SignalboxError } from 'signalbox/errors'

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
