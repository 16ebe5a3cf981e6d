/** The committed numbers, and whether they are about what is here. */
import type { Line } from './measure.ts'

/** `bench/results/outside-cases.json`. */
export interface ResultFile {
  readonly bundle_hash: string
  /** File of the cases to SHA-256 (hex). */
  readonly inputs: Readonly<Record<string, string>>
  readonly faults: readonly string[]
  readonly results: readonly Line[]
}

const AGAIN = 'play the cases again with `npm run oracles -- --save`'
const GROUPS = ['agentdojo', 'injecagent', 'asb'] as const

/** What is wrong with the file for this bundle and, where the cases are here, these inputs. Empty when nothing is. */
export function faultsOfResult(
  file: ResultFile,
  bundle: string,
  inputs: Readonly<Record<string, string>> | null,
): readonly string[] {
  const faults: string[] = []
  if (file.bundle_hash !== bundle) faults.push(`the policy or its labels have changed since: ${AGAIN}`)
  if (file.faults.length > 0) faults.push(`it was saved with faults: ${file.faults.join('; ')}`)
  const changed = Object.entries(inputs ?? {}).filter(([name, hash]) => file.inputs[name] !== hash)
  if (changed.length > 0)
    faults.push(`other cases than ${changed.map(([name]) => name).join(', ')} were played: ${AGAIN}`)
  const missing = GROUPS.filter(
    (group) => !file.results.some((line) => line.group === group && line.policy === 'start'),
  )
  if (missing.length > 0) faults.push(`no numbers of ${missing.join(', ')}: ${AGAIN}`)
  const leaks = file.results.filter((line) => line.policy === 'start' && line.attack_success_percent > 0)
  if (leaks.length > 0) faults.push(`attacks succeed in ${leaks.map((line) => line.group).join(', ')}`)
  return faults
}
