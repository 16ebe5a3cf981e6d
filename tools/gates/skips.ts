/** Gate `skips`: no test is switched off in silence. */
import { type Finding, isTypeScript, type SourceFile } from '../lib/source.ts'
import { parseSkipList, SKIP_LIST, type SkipEntry } from '../lib/skip-list.ts'
import { type TitledCall, titledCalls } from '../lib/titles.ts'

const SKIPPING = new Set(['skip', 'todo', 'skipIf', 'runIf', 'fails'])

/** `.only` always fails; `.skip`, `.todo`, `.skipIf`, `.runIf` and `.fails` fail unless the list names the test; so do stale entries. */
export function skips(files: readonly SourceFile[]): Finding[] {
  const list = files.find((file) => file.path === SKIP_LIST)
  let entries: SkipEntry[]
  try {
    entries = parseSkipList(list?.text ?? '[]')
  } catch (cause) {
    return [{ file: SKIP_LIST, line: 1, message: cause instanceof Error ? cause.message : String(cause) }]
  }
  const paths = new Set(files.map((file) => file.path))
  const stale = entries.filter((entry) => !paths.has(pathOf(entry)))
  return [
    ...files.filter((file) => isTypeScript(file.path)).flatMap((file) => inFile(file, entries)),
    ...stale.map(
      (entry): Finding => ({ file: SKIP_LIST, line: 1, message: `\`${entry.test}\` names no file: remove the entry` }),
    ),
  ]
}

function pathOf(entry: SkipEntry): string {
  return entry.test.split(' > ')[0] ?? ''
}

function inFile(file: SourceFile, entries: readonly SkipEntry[]): Finding[] {
  const permitted = entries.filter((entry) => pathOf(entry) === file.path)
  return titledCalls(file).flatMap((call): Finding[] => {
    const message = problem(call, permitted)
    return message ? [{ file: file.path, line: call.line, message }] : []
  })
}

function problem(call: TitledCall, permitted: readonly SkipEntry[]): string | undefined {
  if (call.modifiers.includes('only')) return '`.only` leaves every other test out: remove it'
  const word = call.modifiers.find((modifier) => SKIPPING.has(modifier))
  if (!word) return undefined
  const listed = permitted.some((entry) => entry.test.split(' > ').includes(call.title) || call.title.includes('${'))
  return listed
    ? undefined
    : `\`.${word}\` on \`${call.title}\` is not in ${SKIP_LIST}: make it run, or list it with a reason`
}
