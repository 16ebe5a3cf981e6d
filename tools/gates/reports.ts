/**
 * Gate `reports`: the committed reports are as they were signed. It does not ask whether they are about this source; the
 * release check does.
 */
import { canonicalJson } from '../../packages/runtime/src/base/json.ts'
import { sha256Hex } from '../../packages/runtime/src/base/hash.ts'
import { verifySignature } from '../../packages/runtime/src/base/ed25519.ts'
import { readVerifierKey, type VerifierKey } from '../../packages/runtime/src/reliability/tree-head.ts'
import type { Finding, SourceFile } from '../lib/source.ts'

const KEY = 'reports/audit.pub'
const AGAIN = 'write it anew with `npm run test:full`'

/** What a report's file holds. */
interface ReportFile {
  readonly report: { readonly made_at?: string; readonly result?: string }
  readonly sha256: string
  readonly signature: { readonly ed25519: string }
}

/** Reports of the folder `reports/` whose hash or signature is not that of their text. */
export function reports(files: readonly SourceFile[]): Finding[] {
  const committed = reportFiles(files)
  const key = files.find((file) => file.path === KEY)
  return committed.flatMap((file): Finding[] => {
    const message = key ? fault(file, key) : `\`${KEY}\` is missing: commit the public key beside the reports`
    return message === null ? [] : [{ file: file.path, line: 0, message }]
  })
}

function fault(file: SourceFile, key: SourceFile): string | null {
  let held: ReportFile
  let trusted: VerifierKey
  try {
    // Checked against its own hash in the next lines.
    held = JSON.parse(file.text) as ReportFile
    trusted = readVerifierKey(key.text)
  } catch {
    return `it is not a report, or \`${KEY}\` is no key: ${AGAIN}`
  }
  const text = canonicalJson(held.report)
  if (sha256Hex(text) !== held.sha256) return `it was changed after it was made: ${AGAIN}`
  const isSigned = verifySignature(trusted.publicKey, Buffer.from(text), Buffer.from(held.signature.ed25519, 'base64'))
  return isSigned ? null : `it is not signed by \`${KEY}\`: ${AGAIN}`
}

/** One line for each report: its result and its age. `nowMs` in milliseconds since 1970. */
export function reportAges(files: readonly SourceFile[], nowMs: number): string[] {
  return reportFiles(files).map((file) => {
    try {
      const { report } = JSON.parse(file.text) as ReportFile
      const hours = (nowMs - Date.parse(report.made_at ?? '')) / 3_600_000
      const age = hours < 48 ? `${hours.toFixed(1)} hours` : `${(hours / 24).toFixed(1)} days`
      return `${file.path}: ${report.result}, ${age} old`
    } catch {
      return `${file.path}: cannot be read`
    }
  })
}

function reportFiles(files: readonly SourceFile[]): SourceFile[] {
  return files.filter((file) => /^reports\/[^/]+\.json$/.test(file.path))
}
