/** Small files for the gates' tests. */
import type { Finding, SourceFile } from './source.ts'

/** Files from a record of path to text. */
export function filesOf(texts: Readonly<Record<string, string>>): SourceFile[] {
  return Object.entries(texts).map(([path, text]) => ({ path, text }))
}

/** `path:line` of each failing finding, in order. */
export function places(findings: readonly Finding[]): string[] {
  return findings.filter((finding) => finding.level !== 'warn').map((finding) => `${finding.file}:${finding.line}`)
}
