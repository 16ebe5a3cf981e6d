import { explanationMarkdown } from '@signalbox/protocol'
import type { Command } from 'commander'
import { renderExplanation } from 'signalbox'
import { SignalboxError } from 'signalbox/errors'
import { type CommandContext, type Shell, withClient, withShared } from './context.ts'
import { folded } from './output.ts'

interface ExplainOptions {
  readonly all?: boolean
  readonly markdown?: boolean
  readonly json?: boolean
}

/** Adds `explain`: a run as a story, for a terminal, a ticket or a program. */
export function addExplainCommand(program: Command, shell: Shell): void {
  withShared(program.command('explain <run>'))
    .description('tell in plain language what happened, why, and how to go on safely')
    .option('--all', 'every sentence, also where many tell the same')
    .option('--markdown', 'as Markdown for a ticket: content from outside cannot make links or headings in it')
    .action(async (id: string, options: ExplainOptions, command: Command) => {
      if (options.markdown && options.json) throw new SignalboxError('USAGE', 'give one of --markdown and --json')
      await withClient(command, shell, (context) => tell(context, id, options))
    })
}

async function tell({ client, out, url }: CommandContext, id: string, options: ExplainOptions): Promise<void> {
  const explanation = await client.explain({ params: { id } })
  const all = options.all === true
  out.data(explanation)
  if (options.markdown) {
    const linkOf = url === null ? {} : { linkOf: (seq: number): string => recordUrl(url, id, String(seq)) }
    out.text(explanationMarkdown(explanation, { all, ...linkOf }).trimEnd())
    return
  }
  const lines = renderExplanation(explanation, { all }).trimEnd().split('\n')
  out.text(lines.map((line) => folded(line, out.width, '  ')).join('\n'))
  const hidden = all ? 0 : explanation.chapters.flatMap((chapter) => chapter.lines).filter((line) => line.text).length
  if (hidden > 0) out.text(out.color.dim(`\n${hidden} lines stand for several sentences: --all tells each`))
  if (url !== null) out.text(out.color.dim(`\nrecord [n]: ${recordUrl(url, id, '<n>')}`))
}

/** The page of a record in the console. */
function recordUrl(url: string, run: string, seq: string): string {
  return `${url.replace(/\/$/, '')}/runs/${encodeURIComponent(run)}/events?at=${seq}`
}
