/**
 * The files that the gates look at, and a small view of their syntax trees.
 *
 * Gates are pure functions over `SourceFile[]`, so that their tests hand them planted faults as text.
 */
import { execFileSync } from 'node:child_process'
import { existsSync, readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { type ParseResult, parseSync } from 'oxc-parser'

/** One file of the repository: its path from the root with `/`, and its text. */
export interface SourceFile {
  readonly path: string
  readonly text: string
}

/** One thing that a gate has to say. `line` counts from 1; `warn` does not fail the gate. */
export interface Finding {
  readonly file: string
  readonly line: number
  readonly message: string
  readonly level?: 'fail' | 'warn'
}

/** What every syntax node has. Children are read by name through `child` and `children`. */
export interface SyntaxNode {
  readonly type: string
  readonly start: number
  readonly end: number
  readonly [key: string]: unknown
}

const parsed = new WeakMap<SourceFile, ParseResult>()

/** The syntax tree of a file, parsed once. Syntax errors are in `errors`; the gate `layers` reports them. */
export function parse(file: SourceFile): ParseResult {
  const known = parsed.get(file)
  if (known) return known
  const result = parseSync(file.path, file.text, { sourceType: 'module' })
  parsed.set(file, result)
  return result
}

/** The root node of a file. */
export function rootOf(file: SourceFile): SyntaxNode {
  return asNode(parse(file).program) ?? { type: 'Program', start: 0, end: 0 }
}

/** `value` when it is a syntax node, else undefined. */
export function asNode(value: unknown): SyntaxNode | undefined {
  if (typeof value !== 'object' || value === null) return undefined
  // The parser's nodes are plain objects with a string `type`; checked on the line below.
  const node = value as SyntaxNode
  return typeof node.type === 'string' && typeof node.start === 'number' ? node : undefined
}

/** The child node under `key`, when there is exactly one. */
export function child(node: SyntaxNode | undefined, key: string): SyntaxNode | undefined {
  return node ? asNode(node[key]) : undefined
}

/** The list of child nodes under `key`, empty when there is none. */
export function children(node: SyntaxNode | undefined, key: string): SyntaxNode[] {
  const list = node?.[key]
  return Array.isArray(list) ? list.map(asNode).filter((item) => item !== undefined) : []
}

/** The text under `key`, when it is a string (an identifier's name, a literal's value). */
export function textOf(node: SyntaxNode | undefined, key: string): string | undefined {
  const value = node?.[key]
  return typeof value === 'string' ? value : undefined
}

/** Calls `visit` for every node in source order with its ancestors, nearest last. Returning `false` skips its children. */
export function walk(
  node: SyntaxNode,
  visit: (node: SyntaxNode, ancestors: readonly SyntaxNode[]) => boolean | undefined,
  ancestors: SyntaxNode[] = [],
): void {
  if (visit(node, ancestors) === false) return
  ancestors.push(node)
  for (const value of Object.values(node)) {
    if (typeof value !== 'object' || value === null) continue
    for (const item of Array.isArray(value) ? value : [value]) {
      const next = asNode(item)
      if (next) walk(next, visit, ancestors)
    }
  }
  ancestors.pop()
}

/** The line of an offset, counted from 1. */
export function lineAt(text: string, offset: number): number {
  let line = 1
  for (let at = text.indexOf('\n'); at !== -1 && at < offset; at = text.indexOf('\n', at + 1)) line++
  return line
}

/** Whether a path is TypeScript source that the gates parse. */
export function isTypeScript(path: string): boolean {
  return /\.tsx?$/.test(path)
}

/** Whether a path belongs to tests: `*.test.ts(x)`, `*.type-test.ts`, or a `test` folder of a package or example. */
export function isTest(path: string): boolean {
  return /\.(test|type-test)\.tsx?$/.test(path) || /^(packages|examples)\/[^/]+\/test\//.test(path)
}

/** Whether a file is one that vitest runs. */
export function isTestRun(path: string): boolean {
  return /\.test\.tsx?$/.test(path)
}

const TEXT =
  /\.(tsx?|m?js|cjs|json|pub|md|css|html|ya?ml|toml|txt|sql|cedar|csv|sh)$|(^|\/)(\.[a-z]+|run|LICENSE|NOTICE)$/

/**
 * The text files of a repository: committed ones, and new ones that are not ignored.
 * Throws when `root` is no git checkout, because a gate that sees no file would pass.
 */
export function loadTree(root: string): SourceFile[] {
  const listed = execFileSync('git', ['ls-files', '-z', '--cached', '--others', '--exclude-standard'], {
    cwd: root,
    encoding: 'utf8',
    maxBuffer: 64 * 1024 * 1024,
  })
  const paths = [...new Set(listed.split('\0'))].filter((path) => path !== '' && TEXT.test(path)).sort()
  if (paths.length === 0) throw new Error(`no files found under \`${root}\`: run the checks inside a git checkout`)
  return paths
    .filter((path) => existsSync(join(root, path)) && statSync(join(root, path)).isFile())
    .map((path) => ({ path, text: readFileSync(join(root, path), 'utf8') }))
}
