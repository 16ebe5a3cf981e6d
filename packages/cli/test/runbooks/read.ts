/** Runbooks as data: their parts, the commands that they give, and what they say one sees. */

/** One block of commands, with what is to be seen after it. */
export interface Block {
  /** Line of the first command, from 1. */
  readonly line: number
  readonly commands: readonly string[]
  /** Lines of the text block below; empty when there is none. */
  readonly seen: readonly string[]
}

export interface Runbook {
  readonly title: string
  readonly blocks: readonly Block[]
  /** Commands that are named in the middle of a sentence or table. */
  readonly named: readonly string[]
  /** What is wrong with its form. */
  readonly faults: readonly string[]
}

/** The parts that every runbook has, in this order. */
const PARTS = ['When', 'Do', 'It worked when']

/**
 * Reads a runbook. Commands stand in `sh` blocks, one a line, with an optional comment after ` # `; a `text` block
 * right below holds lines that the output has: `…` is any text, `<name>` one word, which later commands can name.
 */
export function readRunbook(text: string): Runbook {
  const faults: string[] = []
  const title = /^# (.+)\n/.exec(text)?.[1] ?? ''
  if (title === '') faults.push('has no title')
  const parts = [...text.matchAll(/^## (.+)$/gm)].map((match) => match[1] ?? '')
  const wanted = parts.filter((part) => PARTS.includes(part))
  if (wanted.join() !== PARTS.join()) faults.push(`needs the parts ${PARTS.map((part) => `"${part}"`).join(', ')}`)
  const blocks: Block[] = []
  const fences = [...text.matchAll(/^( *)```(\w*)\n([\s\S]*?)^ *```$/gm)]
  for (const [n, fence] of fences.entries()) {
    const [all, , language, body = ''] = fence
    const line = text.slice(0, fence.index).split('\n').length + 1
    if (language !== 'sh' && language !== 'text') faults.push(`line ${line - 1}: a block of \`sh\` or \`text\``)
    if (language !== 'sh') continue
    const commands = linesOf(body).map((each) => each.replace(/ +# .*$/, ''))
    const next = fences[n + 1]
    const isBelow = next !== undefined && text.slice(fence.index + all.length, next.index).trim() === ''
    const seen = isBelow && next[2] === 'text' ? linesOf(next[3] ?? '') : []
    for (const each of commands)
      if (!each.startsWith('signalbox ')) faults.push(`line ${line}: \`${each}\` is no command`)
    blocks.push({ line, commands, seen })
  }
  if (!blocks.some((block) => block.seen.length > 0)) faults.push('says nowhere what one sees')
  const prose = text.replace(/^( *)```[\s\S]*?^ *```$/gm, '')
  const named = [...prose.matchAll(/`signalbox ([^`]+)`/g)].map((match) => match[1] ?? '')
  return { title, blocks, named, faults }
}

function linesOf(body: string): readonly string[] {
  return body
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => line !== '')
}
