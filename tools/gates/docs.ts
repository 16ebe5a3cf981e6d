/** Gate `docs`: every export of the published libraries says what it promises. */
import {
  child,
  children,
  type Finding,
  isTest,
  isTypeScript,
  lineAt,
  parse,
  rootOf,
  type SourceFile,
  type SyntaxNode,
  textOf,
} from '../lib/source.ts'

const PUBLISHED = /^packages\/(runtime|protocol|server)\/src\//
const LEAST_WORDS = 3

/** Every exported declaration of runtime, protocol and server is preceded by a doc comment with a sentence in it. */
export function docs(files: readonly SourceFile[]): Finding[] {
  return files
    .filter((file) => isTypeScript(file.path) && PUBLISHED.test(file.path) && !isTest(file.path))
    .flatMap(inFile)
}

function inFile(file: SourceFile): Finding[] {
  const body = children(rootOf(file), 'body')
  const seen = new Set<string>()
  const findings: Finding[] = []
  for (const statement of body) {
    for (const { name, at } of exportsOf(statement, body)) {
      // Only the first signature of an overloaded function needs the sentence.
      if (seen.has(name)) continue
      seen.add(name)
      if (hasDoc(file, at)) continue
      const message = `export \`${name}\` has no doc sentence: say above it what it promises, with units and errors`
      findings.push({ file: file.path, line: lineAt(file.text, at.start), message })
    }
  }
  return findings
}

interface Exported {
  readonly name: string
  readonly at: SyntaxNode
}

function exportsOf(statement: SyntaxNode, body: readonly SyntaxNode[]): Exported[] {
  if (statement.type === 'ExportDefaultDeclaration') return [{ name: 'default', at: statement }]
  if (statement.type !== 'ExportNamedDeclaration' || child(statement, 'source')) return []
  const declaration = child(statement, 'declaration')
  if (declaration) return declaredNames(declaration).map((name) => ({ name, at: statement }))
  return children(statement, 'specifiers').flatMap((specifier) => {
    const name = textOf(child(specifier, 'local'), 'name') ?? ''
    const at = body.find((other) => declaredNames(other).includes(name))
    // A name that was imported is documented where it is declared.
    return at ? [{ name, at }] : []
  })
}

function declaredNames(declaration: SyntaxNode): string[] {
  const own = textOf(child(declaration, 'id'), 'name')
  if (own) return [own]
  if (declaration.type !== 'VariableDeclaration') return []
  return children(declaration, 'declarations').flatMap((each) => {
    const id = child(each, 'id')
    return textOf(id, 'name') ?? (id ? `destructured at ${id.start}` : [])
  })
}

function hasDoc(file: SourceFile, at: SyntaxNode): boolean {
  const before = parse(file).comments.filter((comment) => comment.end <= at.start)
  for (const comment of before.reverse()) {
    if (file.text.slice(comment.end, at.start).trim() !== '' && !onlyComments(file, comment.end, at.start)) return false
    if (comment.type === 'Block' && comment.value.startsWith('*')) return wordCount(comment.value) >= LEAST_WORDS
  }
  return false
}

function onlyComments(file: SourceFile, from: number, to: number): boolean {
  let rest = file.text.slice(from, to)
  for (const comment of parse(file).comments) {
    if (comment.start >= from && comment.end <= to) rest = rest.replace(file.text.slice(comment.start, comment.end), '')
  }
  return rest.trim() === ''
}

function wordCount(comment: string): number {
  return comment.split(/[\s*]+/).filter((word) => /\w/.test(word)).length
}
