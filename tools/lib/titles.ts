/** The titles of suites and tests in a file, read from its calls of `describe`, `it` and `test`. */
import { asNode, child, lineAt, rootOf, type SourceFile, type SyntaxNode, textOf, walk } from './source.ts'

/** One call of a test function. */
export interface TitledCall {
  /** `it`, `test` or `describe`. */
  readonly kind: string
  /** The words after it, as in `it.skip.each`: `skip`, `each`. */
  readonly modifiers: readonly string[]
  /** The title as written, with `${…}` kept as text; empty when it is not a literal. */
  readonly title: string
  readonly line: number
}

const KINDS = new Set(['it', 'test', 'describe', 'suite', 'bench'])

/** Every titled call of a file, in source order. */
export function titledCalls(file: SourceFile): TitledCall[] {
  const calls: TitledCall[] = []
  walk(rootOf(file), (node, ancestors) => {
    if (node.type !== 'CallExpression') return
    const callee = calleeOf(node)
    if (!callee) return
    // `it.each(table)(title, body)` is two calls: the outer one has the title.
    const parent = ancestors.at(-1)
    if (parent?.type === 'CallExpression' && parent.callee === node) return
    calls.push({ ...callee, title: titleOf(file, node), line: lineAt(file.text, node.start) })
  })
  return calls
}

function calleeOf(call: SyntaxNode): { kind: string; modifiers: string[] } | undefined {
  const modifiers: string[] = []
  let at = child(call, 'callee')
  while (at && at.type !== 'Identifier') {
    if (at.type === 'MemberExpression') {
      modifiers.unshift(textOf(child(at, 'property'), 'name') ?? '')
      at = child(at, 'object')
    } else if (at.type === 'CallExpression' || at.type === 'TaggedTemplateExpression') {
      at = child(at, at.type === 'CallExpression' ? 'callee' : 'tag')
    } else return undefined
  }
  const kind = textOf(at, 'name')
  return kind && KINDS.has(kind) ? { kind, modifiers } : undefined
}

function titleOf(file: SourceFile, call: SyntaxNode): string {
  const first = Array.isArray(call.arguments) ? asNode(call.arguments[0]) : undefined
  if (first?.type !== 'Literal' && first?.type !== 'TemplateLiteral') return ''
  return textOf(first, 'value') ?? file.text.slice(first.start + 1, first.end - 1)
}
