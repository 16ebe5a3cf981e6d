/** Gate `ambient`: time, randomness and timers come only through `packages/runtime/src/base` (Invariant 13). */
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

const NAMES = new Set([
  'randomUUID',
  'randomBytes',
  'randomInt',
  'randomFillSync',
  'getRandomValues',
  'setTimeout',
  'setInterval',
  'setImmediate',
  'requestAnimationFrame',
  'requestIdleCallback',
])
const MEMBERS = new Set([
  'Date.now',
  'performance.now',
  'performance.timeOrigin',
  'Math.random',
  'process.hrtime',
  'AbortSignal.timeout',
  'Temporal.Now',
])
const HOLDERS = new Set(['globalThis', 'global', 'window', 'self', 'crypto', 'timers', 'webcrypto'])
const MODULES = new Set(['node:timers', 'timers', 'node:timers/promises', 'timers/promises'])
const KEYED = new Set([
  'Property',
  'MethodDefinition',
  'PropertyDefinition',
  'TSPropertySignature',
  'TSMethodSignature',
  'TSAbstractMethodDefinition',
  'TSAbstractPropertyDefinition',
])

/** Every use of ambient time, randomness or timers in library, server, terminal and examples outside `base/`. */
export function ambient(files: readonly SourceFile[]): Finding[] {
  return files.filter((file) => isTypeScript(file.path) && isGoverned(file.path)).flatMap(inFile)
}

/** The pretend bank of the example is another system in another process: it has a clock of its own, in one file. */
const OWN_CLOCKS = new Set(['examples/payables/src/world/clock.ts'])

function isGoverned(path: string): boolean {
  if (isTest(path) || OWN_CLOCKS.has(path)) return false
  if (path.startsWith('packages/runtime/src/base/') || path.startsWith('packages/console/')) return false
  return path.startsWith('packages/') || path.startsWith('examples/')
}

function inFile(file: SourceFile): Finding[] {
  const findings: Finding[] = []
  walk(rootOf(file), (node, ancestors) => {
    if (node.type === 'TSTypeQuery') return false
    const name = ambientName(node, ancestors.at(-1))
    if (!name) return
    const message = `\`${name}\` is ambient: take a \`Host\` from base and use its clock, ids or timers (Invariant 13)`
    findings.push({ file: file.path, line: lineAt(file.text, node.start), message })
    return node.type === 'ImportDeclaration' || node.type === 'MemberExpression' ? false : undefined
  })
  return findings
}

function ambientName(node: SyntaxNode, parent: SyntaxNode | undefined): string | undefined {
  switch (node.type) {
    case 'ImportDeclaration':
      return ambientModule(node)
    case 'ImportExpression':
      return ambientModule(node)
    case 'MemberExpression':
      return ambientMember(node)
    case 'NewExpression':
    case 'CallExpression':
      return ambientDate(node)
    case 'Identifier':
      return ambientIdentifier(node, parent)
    default:
      return undefined
  }
}

function ambientModule(node: SyntaxNode): string | undefined {
  const from = textOf(child(node, 'source'), 'value')
  return from !== undefined && MODULES.has(from) ? from : undefined
}

function ambientMember(node: SyntaxNode): string | undefined {
  const object = child(node, 'object')
  const property = child(node, 'property')
  const name = node.computed === true ? textOf(property, 'value') : textOf(property, 'name')
  const holder =
    object?.type === 'MemberExpression' ? textOf(child(object, 'property'), 'name') : textOf(object, 'name')
  if (!name || !holder) return undefined
  if (MEMBERS.has(`${holder}.${name}`)) return `${holder}.${name}`
  return NAMES.has(name) && HOLDERS.has(holder) ? `${holder}.${name}` : undefined
}

function ambientDate(node: SyntaxNode): string | undefined {
  if (textOf(child(node, 'callee'), 'name') !== 'Date') return undefined
  if (node.type === 'CallExpression') return 'Date()'
  return Array.isArray(node.arguments) && node.arguments.length === 0 ? 'new Date()' : undefined
}

function ambientIdentifier(node: SyntaxNode, parent: SyntaxNode | undefined): string | undefined {
  const name = textOf(node, 'name')
  if (!name || !NAMES.has(name)) return undefined
  if (parent?.type === 'MemberExpression') return parent.object === node || parent.computed === true ? name : undefined
  if (
    parent &&
    KEYED.has(parent.type) &&
    parent.key === node &&
    parent.computed !== true &&
    parent.shorthand !== true
  ) {
    return undefined
  }
  return name
}
