import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { FIXTURE_FOLDER } from 'signalbox'

/** The texts of the cases of a bundle's folder by their path in it; empty where there are none. */
export function readCases(bundleDir: string): Readonly<Record<string, string>> {
  const dir = join(bundleDir, FIXTURE_FOLDER)
  if (!existsSync(dir)) return {}
  const names = readdirSync(dir).filter((name) => name.endsWith('.json'))
  return Object.fromEntries(names.map((name) => [`${FIXTURE_FOLDER}/${name}`, readFileSync(join(dir, name), 'utf8')]))
}
