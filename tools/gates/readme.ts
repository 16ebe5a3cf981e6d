/**
 * Gate `readme`: code shown to readers is code that the compiler sees.
 *
 * Every `ts` fence of README.md and docs/guide starts with `// file: path` (or `// file: path#region`) and equals that
 * file, or its lines between `// #region name` and `// #endregion name`.
 */
import { posix } from 'node:path'
import { importsOf } from '../lib/imports.ts'
import { type Finding, isTestRun, lineAt, type SourceFile } from '../lib/source.ts'

const FENCE = /^```(tsx?|typescript)[^\n]*\n([\s\S]*?)^```/gm
const HEAD = /^\/\/ file: (\S+)\n/
const COMPILED = /^(packages|examples)\/[^/]+\/(src|test)\/.*\.ts$/

/** Snippets that name no file, name one that is not compiled, or differ from it; and a README that no test runs. */
export function readme(files: readonly SourceFile[]): Finding[] {
  const byPath = new Map(files.map((file) => [file.path, file]))
  const pages = files.filter((file) => file.path === 'README.md' || /^docs\/guide\/.*\.md$/.test(file.path))
  const findings: Finding[] = []
  const shown = new Set<string>()
  for (const page of pages) {
    for (const fence of page.text.matchAll(FENCE)) {
      const line = lineAt(page.text, fence.index)
      const message = snippetProblem(fence[2] ?? '', byPath)
      if (message) findings.push({ file: page.path, line, message })
      if (page.path === 'README.md') shown.add(fileOf(fence[2] ?? ''))
    }
  }
  return [...findings, ...unrun(files, shown)]
}

function fileOf(fence: string): string {
  return (HEAD.exec(fence)?.[1] ?? '').split('#')[0] ?? ''
}

function snippetProblem(fence: string, byPath: ReadonlyMap<string, SourceFile>): string | undefined {
  const head = HEAD.exec(fence)
  if (!head?.[1]) return 'snippet names no file: start it with `// file: path` so that it is compiled'
  const [path = '', region] = head[1].split('#')
  const file = byPath.get(path)
  if (!file) return `snippet shows \`${path}\`, which does not exist: correct the path`
  if (!COMPILED.test(path))
    return `snippet shows \`${path}\`, which is not compiled: move it under src or test of a package`
  const expected = region === undefined ? file.text : regionOf(file.text, region)
  if (expected === undefined) return `\`${path}\` has no region \`${region}\`: mark it with // #region ${region}`
  if (expected.trim() === fence.slice(head[0].length).trim()) return undefined
  return `snippet differs from \`${head[1]}\`: copy the file's text into the fence`
}

function regionOf(text: string, name: string): string | undefined {
  const lines = text.split('\n')
  const from = lines.findIndex((line) => line.trim() === `// #region ${name}`)
  const to = lines.findIndex((line) => line.trim() === `// #endregion ${name}`)
  if (from === -1 || to < from) return undefined
  const inside = lines.slice(from + 1, to)
  const indents = inside.filter((line) => line.trim() !== '').map((line) => line.length - line.trimStart().length)
  const least = Math.min(...indents)
  return inside.map((line) => line.slice(least)).join('\n')
}

function unrun(files: readonly SourceFile[], shown: ReadonlySet<string>): Finding[] {
  if (shown.size === 0) return []
  for (const file of files.filter((each) => isTestRun(each.path))) {
    for (const { specifier } of importsOf(file)) {
      if (specifier?.startsWith('.') && shown.has(posix.join(posix.dirname(file.path), specifier))) return []
    }
  }
  const message = 'no test imports a file that README.md shows: run one of its examples in a test'
  return [{ file: 'README.md', line: 1, message }]
}
