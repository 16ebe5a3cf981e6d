/** The import lines of a file: every way in which one module can name another. */
import { child, lineAt, rootOf, type SourceFile, type SyntaxNode, textOf, walk } from './source.ts'

/** One import. `specifier` is undefined when it is computed at run time. */
export interface ImportLine {
  readonly specifier: string | undefined
  readonly line: number
}

const STATIC = new Set(['ImportDeclaration', 'ExportAllDeclaration', 'ExportNamedDeclaration'])

/** Imports, type imports, exports from, dynamic imports and import types, in source order. */
export function importsOf(file: SourceFile): ImportLine[] {
  const lines: ImportLine[] = []
  walk(rootOf(file), (node) => {
    const found = sourceOf(node)
    if (found) lines.push({ specifier: found.specifier, line: lineAt(file.text, node.start) })
  })
  return lines
}

function sourceOf(node: SyntaxNode): { readonly specifier: string | undefined } | undefined {
  if (STATIC.has(node.type)) {
    const source = child(node, 'source')
    return source ? { specifier: textOf(source, 'value') } : undefined
  }
  if (node.type === 'ImportExpression') return { specifier: textOf(child(node, 'source'), 'value') }
  if (node.type === 'TSImportType') {
    const source = child(node, 'source') ?? child(node, 'argument')
    return { specifier: textOf(source, 'value') ?? textOf(child(source, 'literal'), 'value') }
  }
  return undefined
}
