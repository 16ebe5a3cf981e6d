/** Gate `any`: the compiler is not switched off, anywhere. */
import { type Finding, isTypeScript, lineAt, parse, rootOf, type SourceFile, walk } from '../lib/source.ts'

const SUPPRESS = /@ts-(ignore|expect-error|nocheck)/

/** No `any` type, and no comment that silences the compiler except in `*.type-test.ts`, where wrong uses must fail. */
export function any(files: readonly SourceFile[]): Finding[] {
  return files.filter((file) => isTypeScript(file.path)).flatMap((file) => [...anyTypes(file), ...suppressions(file)])
}

function anyTypes(file: SourceFile): Finding[] {
  const findings: Finding[] = []
  walk(rootOf(file), (node) => {
    if (node.type !== 'TSAnyKeyword') return
    const message = '`any` switches the types off: use `unknown` and narrow it, or a type parameter'
    findings.push({ file: file.path, line: lineAt(file.text, node.start), message })
  })
  return findings
}

function suppressions(file: SourceFile): Finding[] {
  const allowed = file.path.endsWith('.type-test.ts')
  return parse(file).comments.flatMap((comment): Finding[] => {
    const found = SUPPRESS.exec(comment.value)
    if (!found || (allowed && found[1] === 'expect-error')) return []
    const message = `\`${found[0]}\` hides an error: fix the type, or assert it in a \`*.type-test.ts\` file`
    return [{ file: file.path, line: lineAt(file.text, comment.start), message }]
  })
}
