import type { BuildRecord } from '../contracts/build.ts'
import { count, listed, name } from './words.ts'

/** Hashes are told short: enough to tell two apart, and the records hold the whole. */
const SHORT = 12

/** What a run was started with, one sentence; empty for a run of a version that did not record it. */
export function buildText(build: BuildRecord | undefined): string {
  if (!build) return ''
  const agents = Object.entries(build.models).map(
    ([agent, model]) => `${name(agent)} asks ${name(model)} with prompt ${short(build.prompts[agent])}`,
  )
  const tools = Object.keys(build.tools).length
  const parts = [
    `runtime ${build.runtime}`,
    `definition ${short(build.definition)}`,
    `policy ${name(bundleWord(build.bundle))}`,
    ...agents,
    ...(tools > 0 ? [count(tools, 'tool', 'tools')] : []),
  ]
  return ` It was started with ${parts.join(', ')}.`
}

/** What is another one than at the start of the run; empty when nothing is. */
export function buildChanges(before: BuildRecord | undefined, now: BuildRecord | undefined): string[] {
  if (!now || !before) return []
  const changes: string[] = []
  const plain = (what: string, old: string, made: string): void => {
    if (old !== made) changes.push(`${what} ${old} is ${made} now`)
  }
  plain('runtime', before.runtime, now.runtime)
  plain('version', before.version, now.version)
  plain('definition', short(before.definition), short(now.definition))
  plain('policy', bundleWord(before.bundle), bundleWord(now.bundle))
  for (const [what, key] of PARTS) {
    const [old, made]: readonly Readonly<Record<string, string | null>>[] = [before[key], now[key]]
    const names = [...new Set([...Object.keys(old ?? {}), ...Object.keys(made ?? {})])]
    const other = names.filter((each) => (old?.[each] ?? null) !== (made?.[each] ?? null))
    if (other.length > 0) changes.push(`another ${what} of ${listed(other.map(name))}`)
  }
  return changes
}

const PARTS = [
  ['model', 'models'],
  ['prompt', 'prompts'],
  ['definition', 'tools'],
  ['price', 'prices'],
] as const

function bundleWord(bundle: string): string {
  const at = bundle.lastIndexOf('@')
  return at < 0 ? bundle : `${bundle.slice(0, at)}@${short(bundle.slice(at + 1))}`
}

function short(hash: string | undefined): string {
  return (hash ?? '?').slice(0, SHORT)
}
