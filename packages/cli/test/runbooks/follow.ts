/** Follows a runbook as a person would: gives each command, and looks whether the terminal shows what it says. */
import type { Ended } from '../harness.ts'
import type { Block, Runbook } from './read.ts'

/** Where a runbook is followed. */
export interface Stand {
  /** Gives a command line without the word `signalbox`. */
  readonly run: (args: readonly string[]) => Promise<Ended>
  /** What stands for the names in angle brackets, by name. Those that a text block finds are added. */
  readonly values: Map<string, string>
  /** What happens elsewhere after a command. */
  readonly then?: (command: string) => Promise<void>
}

/** Commands that only look: they are given again until they show what is awaited. */
const LOOKS = new Set(
  'alerts approvals audit budget cost effects events explain lineage questions runs show status'.split(' '),
)
const LOOKING_WORDS = new Set(['list', 'show', 'status', 'history', 'stats', 'decisions'])
const PATIENCE_MS = 30_000

/** Gives all commands in their order; what did not go as the runbook says. Stops at the first block that fails. */
export async function follow(book: Runbook, stand: Stand): Promise<readonly string[]> {
  for (const block of book.blocks) {
    const fault = await followed(block, stand)
    if (fault !== null) return [`line ${block.line}: ${fault}`]
  }
  return []
}

async function followed(block: Block, stand: Stand): Promise<string | null> {
  const wantedCode = Number(/^exit code (\d)$/.exec(block.seen.at(-1) ?? '')?.[1] ?? 0)
  const seen = block.seen.filter((line) => !/^exit code \d$/.test(line))
  const orders: { readonly command: string; readonly args: readonly string[]; output: string }[] = []
  for (const command of block.commands) {
    const args = argsOf(command, stand.values)
    if (typeof args === 'string') return args
    orders.push({ command, args, output: '' })
  }
  const given = async (order: (typeof orders)[number]): Promise<Ended> => {
    const ended = await stand.run(order.args)
    order.output = flat(`${ended.stdout} ${ended.stderr}`)
    return ended
  }
  for (const [n, order] of orders.entries()) {
    const isLast = n === orders.length - 1
    const until = Date.now() + PATIENCE_MS
    for (;;) {
      const ended = await given(order)
      const shown = orders.map(({ output }) => output).join(' ')
      const found = isLast ? matched(shown, seen, stand.values) : new Map<string, string>()
      if (ended.code === (isLast ? wantedCode : 0) && typeof found !== 'string') {
        for (const [name, value] of found) stand.values.set(name, value)
        await stand.then?.(order.command)
        break
      }
      if (!looks(order.args) || Date.now() > until) return told(order.command, { ...ended, stdout: shown }, found)
      await new Promise((resolve) => setTimeout(resolve, 100))
      // What an earlier command showed may have changed as well.
      for (const earlier of orders.slice(0, n)) if (looks(earlier.args)) await given(earlier)
    }
  }
  return null
}

function told(command: string, { code, stdout, stderr }: Ended, found: Map<string, string> | string): string {
  const missing = typeof found === 'string' ? `, and does not show \`${found}\`` : ''
  return `\`${command}\` ends with ${code}${missing}:\n${stdout}${stderr}`
}

function looks([first = '', second = '']: readonly string[]): boolean {
  return LOOKS.has(first) || LOOKING_WORDS.has(second)
}

/** The words of a command line, with names replaced; what is wrong, as text. */
function argsOf(command: string, values: ReadonlyMap<string, string>): readonly string[] | string {
  let unknown = ''
  const line = command.replace(/^signalbox /, '').replace(/<([^<>]+)>/g, (all, name: string) => {
    const value = values.get(name)
    if (value === undefined) unknown = all
    return value ?? ''
  })
  if (unknown !== '') return `nothing says what ${unknown} is in \`${command}\``
  return [...line.matchAll(/"((?:[^"\\]|\\.)*)"|'([^']*)'|(\S+)/g)].map(
    ([, double, single, bare]) => double?.replace(/\\(.)/g, '$1') ?? single ?? bare ?? '',
  )
}

function flat(text: string): string {
  return text.replace(/\s+/g, ' ')
}

/** The names that the lines find in an output, where a known one stands for itself; the first line missing, as text. */
function matched(
  output: string,
  seen: readonly string[],
  known: ReadonlyMap<string, string>,
): Map<string, string> | string {
  const found = new Map<string, string>()
  for (const line of seen) {
    const names: string[] = []
    const pattern = flat(line)
      .split(/(<[^<>]+>|…)/)
      .map((part) => {
        if (part === '…') return '.*?'
        const name = /^<([^<>]+)>$/.exec(part)?.[1]
        const text = name === undefined ? part : (known.get(name) ?? found.get(name))
        if (name === undefined || text !== undefined) return literal(text ?? '')
        names.push(name)
        return '([\\w-]+(?:[./:@][\\w-]+)*)'
      })
      .join('')
    const match = new RegExp(pattern).exec(output)
    if (match === null) return line
    for (const [n, name] of names.entries()) found.set(name, match[n + 1] ?? '')
  }
  return found
}

function literal(text: string): string {
  return text.replace(/[.*+?^${}()|[\]\\]/g, '\\$&')
}
