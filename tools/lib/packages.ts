/** The packages that are published, read from their manifests. */
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'

/** One published package. */
export interface Published {
  readonly name: string
  /** Folder under `packages/`. */
  readonly folder: string
  /** Public specifier to its TypeScript entry, from the `signalbox-source` conditions. */
  readonly entries: ReadonlyMap<string, string>
  /** Whether every entry's source exists. */
  readonly complete: boolean
}

const FOLDERS = ['runtime', 'protocol', 'server', 'cli']

/** The published packages, in build order. */
export function publishedPackages(root: string): Published[] {
  return FOLDERS.map((folder) => {
    const manifest: unknown = JSON.parse(readFileSync(join(root, 'packages', folder, 'package.json'), 'utf8'))
    const name = String(read(manifest, 'name'))
    const entries = new Map<string, string>()
    for (const [key, value] of Object.entries(read(manifest, 'exports') ?? {})) {
      const source = read(value, 'signalbox-source')
      if (typeof source === 'string') entries.set(join(name, key), join(root, 'packages', folder, source))
    }
    const main = join(root, 'packages', folder, 'src', 'main.ts')
    const needed = entries.size > 0 ? [...entries.values()] : [main]
    return { name, folder, entries, complete: needed.every((path) => existsSync(path)) }
  })
}

function read(value: unknown, key: string): unknown {
  return typeof value === 'object' && value !== null ? Reflect.get(value, key) : undefined
}
