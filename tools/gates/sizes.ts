/** Gate `sizes`: files stay readable in one sitting, functions fit on a screen. */
import {
  child,
  type Finding,
  isTest,
  isTypeScript,
  lineAt,
  rootOf,
  type SourceFile,
  type SyntaxNode,
  textOf,
  walk,
} from '../lib/source.ts'

const FILE_WARN = 400
const FILE_FAIL = 450
const FUNCTION_FAIL = 70
const FUNCTIONS = new Set(['FunctionDeclaration', 'FunctionExpression', 'ArrowFunctionExpression'])
const SUITES = new Set(['describe', 'it', 'test', 'suite', 'beforeEach', 'afterEach', 'beforeAll', 'afterAll'])

/**
 * Files over 400 lines warn and over 450 fail, but for generated ones, which are tables; functions over 70 lines fail.
 * Callbacks of test suites are not counted, neither as functions nor as lines of the function around them,
 * so that a suite's length is bounded by its file only.
 */
export function sizes(files: readonly SourceFile[]): Finding[] {
  return files.filter((file) => isTypeScript(file.path)).flatMap((file) => [...fileSize(file), ...functionSizes(file)])
}

function fileSize(file: SourceFile): Finding[] {
  const lines = lineCount(file.text)
  if (lines <= FILE_WARN || file.path.endsWith('.generated.ts')) return []
  const level = lines > FILE_FAIL ? 'fail' : 'warn'
  const message = `file has ${lines} lines (aim ${FILE_WARN}, limit ${FILE_FAIL}): move one concern into a file of its own`
  return [{ file: file.path, line: 1, level, message }]
}

function lineCount(text: string): number {
  const lines = text.split('\n').length
  return text.endsWith('\n') ? lines - 1 : lines
}

function functionSizes(file: SourceFile): Finding[] {
  const findings: Finding[] = []
  const suitesCount = !isTest(file.path) && !file.path.startsWith('packages/runtime/src/testing/')
  const measure = (node: SyntaxNode): number =>
    lineAt(file.text, node.end) - lineAt(file.text, node.start) + 1 - (suitesCount ? 0 : suiteLines(file, node))
  walk(rootOf(file), (node, ancestors) => {
    if (!FUNCTIONS.has(node.type)) return
    const parent = ancestors.at(-1)
    if (!suitesCount && isSuiteCall(parent)) return
    const lines = measure(node)
    if (lines <= FUNCTION_FAIL) return
    const message = `function \`${nameOf(node, parent)}\` has ${lines} lines (limit ${FUNCTION_FAIL}): split it by step`
    findings.push({ file: file.path, line: lineAt(file.text, node.start), message })
  })
  return findings
}

function suiteLines(file: SourceFile, of: SyntaxNode): number {
  let lines = 0
  walk(of, (node) => {
    if (node === of || !isSuiteCall(node)) return
    lines += lineAt(file.text, node.end) - lineAt(file.text, node.start) + 1
    return false
  })
  return lines
}

function isSuiteCall(node: SyntaxNode | undefined): boolean {
  if (node?.type !== 'CallExpression') return false
  let callee = child(node, 'callee')
  while (callee && callee.type !== 'Identifier')
    callee = child(callee, callee.type === 'CallExpression' ? 'callee' : 'object')
  return SUITES.has(textOf(callee, 'name') ?? '')
}

function nameOf(node: SyntaxNode, parent: SyntaxNode | undefined): string {
  return (
    textOf(child(node, 'id'), 'name') ??
    textOf(child(parent, 'key'), 'name') ??
    textOf(child(parent, 'id'), 'name') ??
    'anonymous'
  )
}
