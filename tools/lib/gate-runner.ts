/** Runs gates side by side and prints their results in the order of the list. */
import { GATES, type Gate } from '../gates/index.ts'
import { type Finding, loadTree, type SourceFile } from './source.ts'

/** How many gates passed and failed. */
export interface GateCount {
  readonly passed: number
  readonly failed: number
}

interface Result {
  readonly gate: Gate
  readonly findings: readonly Finding[]
  readonly elapsedMs: number
}

/**
 * Runs the gates with the given names, or all. Prints one line a gate with its milliseconds, then its findings with
 * file, line and fix. An unknown name, and a gate that throws, count as failed.
 */
export async function runGates(
  root: string,
  names: readonly string[],
  print: (line: string) => void,
): Promise<GateCount> {
  const unknown = names.filter((name) => !GATES.some((gate) => gate.name === name))
  if (unknown.length > 0) {
    print(`unknown gate \`${unknown.join(' ')}\`: choose from ${GATES.map((gate) => gate.name).join(', ')}`)
    return { passed: 0, failed: unknown.length }
  }
  const files = loadTree(root)
  const chosen = GATES.filter((gate) => names.length === 0 || names.includes(gate.name))
  const started = chosen.map((gate) => runOne(gate, files, root))
  let failed = 0
  for (const pending of started) {
    const result = await pending
    if (report(result, print)) failed++
  }
  print(failed === 0 ? `${chosen.length} gates passed` : `${failed} of ${chosen.length} gates failed`)
  return { passed: chosen.length - failed, failed }
}

async function runOne(gate: Gate, files: readonly SourceFile[], root: string): Promise<Result> {
  const start = performance.now()
  let findings: readonly Finding[]
  try {
    findings = await gate.check(files, root)
  } catch (cause) {
    findings = [
      { file: gate.name, line: 0, message: `gate stopped: ${cause instanceof Error ? cause.stack : String(cause)}` },
    ]
  }
  return { gate, findings, elapsedMs: performance.now() - start }
}

function report({ gate, findings, elapsedMs }: Result, print: (line: string) => void): boolean {
  const failures = findings.filter((finding) => finding.level !== 'warn')
  const warnings = findings.length - failures.length
  const state = failures.length > 0 ? `FAIL (${failures.length})` : 'ok'
  const note = warnings > 0 ? `, ${warnings} warning${warnings === 1 ? '' : 's'}` : ''
  print(`${gate.name.padEnd(10)} ${state}${note}  ${elapsedMs.toFixed(0)} ms`)
  for (const finding of findings) {
    const place = finding.line > 0 ? `${finding.file}:${finding.line}` : finding.file
    print(`  ${finding.level === 'warn' ? 'warning ' : ''}${place}: ${finding.message}`)
  }
  return failures.length > 0
}
