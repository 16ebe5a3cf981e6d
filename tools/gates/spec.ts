/**
 * Gate `spec`: numbered behaviour and tests name each other.
 *
 * A behaviour is a line `- **ENG-012** text` in docs/spec; a test cites it in its title: `it('ENG-012: …')`.
 * Invariants are the numbered list of ARCHITECTURE.md, cited as `Invariant 6`; the engine's rules are docs/ENGINE.md, cited
 * as `ENGINE R5`.
 */
import { type Finding, isTestRun, isTypeScript, lineAt, type SourceFile } from '../lib/source.ts'
import { titledCalls } from '../lib/titles.ts'

const BEHAVIOUR = /^- \*\*([A-Z][A-Z0-9]*-\d{3})\*\*[ \t]*(.*)$/gm
const CITED = /\b[A-Z][A-Z0-9]*-\d{3}\b/g
const LEADING = /^[A-Z][A-Z0-9]*-\d{3}(?=[:,])/

interface Behaviour {
  readonly id: string
  readonly text: string
  readonly file: string
  readonly line: number
}

/** Duplicate or empty behaviours, behaviours without a test, and citations of what does not exist. */
export function spec(files: readonly SourceFile[]): Finding[] {
  const behaviours = files.filter((file) => isSpecPage(file.path)).flatMap(behavioursOf)
  const known = new Map<string, Behaviour>()
  const findings: Finding[] = []
  for (const each of behaviours) {
    const first = known.get(each.id)
    if (first)
      findings.push(at(each, `\`${each.id}\` is already used at ${first.file}:${first.line}: give it a new number`))
    else known.set(each.id, each)
    if (each.text.trim() === '') findings.push(at(each, `\`${each.id}\` says nothing: write what must be observed`))
  }
  const { cited, findings: unknown } = citations(files, known)
  for (const each of known.values()) {
    if (!cited.has(each.id))
      findings.push(at(each, `no test cites \`${each.id}\`: start a test title with it, or remove the line`))
  }
  return [...findings, ...unknown, ...unknownPrinciples(files)]
}

function isSpecPage(path: string): boolean {
  return /^docs\/spec\/.*\.md$/.test(path) && !path.endsWith('/README.md')
}

function behavioursOf(file: SourceFile): Behaviour[] {
  return [...file.text.matchAll(BEHAVIOUR)].map((match) => ({
    id: match[1] ?? '',
    text: match[2] ?? '',
    file: file.path,
    line: lineAt(file.text, match.index),
  }))
}

function at(where: Behaviour, message: string): Finding {
  return { file: where.file, line: where.line, message }
}

function citesBehaviour(path: string): boolean {
  // Published conformance suites hold tests that a `*.test.ts` file runs.
  return isTestRun(path) || (isTypeScript(path) && path.startsWith('packages/runtime/src/testing/'))
}

function citations(files: readonly SourceFile[], known: ReadonlyMap<string, Behaviour>) {
  const prefixes = new Set([...known.keys()].map(prefixOf))
  const cited = new Set<string>()
  const findings: Finding[] = []
  for (const file of files.filter((each) => citesBehaviour(each.path))) {
    for (const call of titledCalls(file)) {
      for (const [id] of call.title.matchAll(CITED)) {
        if (known.has(id)) cited.add(id)
        else if (LEADING.exec(call.title)?.[0] === id || prefixes.has(prefixOf(id))) {
          const message = `test cites \`${id}\`, which no page of docs/spec has: add the line or correct the number`
          findings.push({ file: file.path, line: call.line, message })
        }
      }
    }
  }
  return { cited, findings }
}

function prefixOf(id: string): string {
  return id.slice(0, id.lastIndexOf('-'))
}

/** Numbered lists of principles, and how code cites an item of each. */
const LISTS = [
  { page: 'ARCHITECTURE.md', item: /^(\d+)\. \*\*/gm, citation: /\binvariants? (\d+)/gi, shown: 'Invariant ' },
  { page: 'docs/ENGINE.md', item: /^- \*\*R(\d+) /gm, citation: /\bENGINE R(\d+)/g, shown: 'ENGINE R' },
] as const

function unknownPrinciples(files: readonly SourceFile[]): Finding[] {
  const sources = files.filter((file) => isTypeScript(file.path) && !file.path.startsWith('tools/gates/'))
  return LISTS.flatMap(({ page, item, citation, shown }) => {
    const text = files.find((file) => file.path === page)?.text ?? ''
    const listed = new Set([...text.matchAll(item)].map((match) => match[1] ?? ''))
    return sources.flatMap((file) =>
      [...file.text.matchAll(citation)].flatMap((match): Finding[] => {
        const number = match[1] ?? ''
        if (listed.has(number)) return []
        const message = `\`${shown}${number}\` is not in ${page}: cite one of 1 to ${listed.size}`
        return [{ file: file.path, line: lineAt(file.text, match.index), message }]
      }),
    )
  })
}
