import { readFileSync, writeFileSync } from 'node:fs'
import type { Command } from 'commander'
import { draftCatalogue, SignalboxError } from 'signalbox'
import type { Shell } from './context.ts'
import { outputOf } from './output.ts'

/** Adds `tools`: what a policy is told of tools. No server is asked. */
export function addToolCommands(program: Command, shell: Shell): void {
  program
    .command('tools')
    .description('what a policy is told of tools')
    .command('import <list>')
    .description(
      'draft a catalogue from a JSON list of tools (MCP tools/list, function calling); label each by the guide before it may do anything',
    )
    .option('--out <file>', 'write the draft to a new file; default: stdout')
    .option('--json', 'write one JSON value to stdout and nothing else')
    .action((list: string, options: { readonly out?: string; readonly json?: boolean }) => {
      const draft = draftCatalogue(parsed(list))
      const text = JSON.stringify(draft, null, 2)
      const out = outputOf(shell.terminal, options.json === true)
      if (options.out === undefined) {
        out.data(draft)
        out.text(text)
        return
      }
      writeNew(options.out, `${text}\n`)
      const count = Array.isArray(draft.tools) ? draft.tools.length : 0
      out.data({ file: options.out, tools: count })
      out.text(`${options.out}: ${count} tools, none labelled yet; see docs/guide/labelling-tools.md`)
    })
}

function parsed(file: string): unknown {
  let text: string
  try {
    text = readFileSync(file, 'utf8')
  } catch (cause) {
    throw new SignalboxError('USAGE', `\`${file}\` cannot be read: name a JSON file with a list of tools`, { cause })
  }
  try {
    return JSON.parse(text)
  } catch (cause) {
    throw new SignalboxError('TOOL_LIST_INVALID', `\`${file}\` is not valid JSON`, { cause })
  }
}

function writeNew(file: string, text: string): void {
  try {
    writeFileSync(file, text, { flag: 'wx' })
  } catch (cause) {
    throw new SignalboxError('USAGE', `\`${file}\` cannot be written, or is there already: name a new file`, { cause })
  }
}
