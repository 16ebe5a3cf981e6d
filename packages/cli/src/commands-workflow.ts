import { writeFileSync } from 'node:fs'
import { defaultConfigPath, loadProject } from '@signalbox/server'
import { type Command, Option } from 'commander'
import { decisionRecord, reviewWorkflow, SignalboxError, toDot, toMermaid, type WorkflowSpec } from 'signalbox'
import { ERROR_TABLE } from 'signalbox/errors'
import type { Shell } from './context.ts'
import { type Output, outputOf, printable } from './output.ts'

interface WorkflowOptions {
  readonly config?: string
  readonly json?: boolean
}

/** Adds `workflow`: what the definitions of a project say, read from its file. No server is asked. */
export function addWorkflowCommands(program: Command, shell: Shell): void {
  const group = program.command('workflow').description('review, describe and draw the workflows of a project')
  shared(group.command('check [workflow]'))
    .description('what production does not do without; exit code 2 when something is missing')
    .action(async (name: string | undefined, options: WorkflowOptions) => {
      const out = outputOf(shell.terminal, options.json === true)
      const reviews = (await chosen(options, name)).map((spec) => ({
        workflow: spec.name,
        version: spec.version,
        ...reviewWorkflow(spec),
      }))
      out.data({
        workflows: reviews.map(({ sideEffects, ...rest }) => ({
          ...rest,
          side_effects: sideEffects.map(({ whenLost, ...effect }) => ({ ...effect, when_lost: whenLost })),
        })),
      })
      for (const review of reviews) out.text(reviewText(review, out))
      if (reviews.some(({ missing }) => missing.length > 0)) shell.setExitCode(ERROR_TABLE.WORKFLOW_INVALID.exit)
    })
  shared(group.command('adr <workflow>'))
    .description('write the decision record: superstep boundaries, event model, state ownership, termination')
    .option('--out <file>', 'write it to a file')
    .action(async (name: string, options: WorkflowOptions & { readonly out?: string }) => {
      const out = outputOf(shell.terminal, options.json === true)
      const [spec] = await chosen(options, name)
      if (spec) tell(out, options.out, decisionRecord(spec), 'record')
    })
  shared(group.command('diagram <workflow>'))
    .description('draw it as text')
    .addOption(
      new Option('--format <format>', 'language of the drawing').choices(['mermaid', 'dot']).default('mermaid'),
    )
    .option('--out <file>', 'write it to a file')
    .action(
      async (
        name: string,
        options: WorkflowOptions & { readonly out?: string; readonly format: 'mermaid' | 'dot' },
      ) => {
        const out = outputOf(shell.terminal, options.json === true)
        const [spec] = await chosen(options, name)
        if (spec) tell(out, options.out, options.format === 'dot' ? toDot(spec) : toMermaid(spec), 'diagram')
      },
    )
}

function shared(command: Command): Command {
  return command
    .option('--config <file>', 'project file; default ./signalbox.config.ts')
    .option('--json', 'write one JSON value to stdout and nothing else')
}

/** The workflows that are meant, `name` or `name@version`. Throws WORKFLOW_UNKNOWN with what there is. */
async function chosen({ config }: WorkflowOptions, name: string | undefined): Promise<readonly WorkflowSpec[]> {
  const path = config ?? defaultConfigPath(process.cwd())
  if (path === null)
    throw new SignalboxError(
      'CONFIG_INVALID',
      'there is no signalbox.config.ts in this folder: write one with defineProject, or name it with --config',
    )
  const specs = (await loadProject(path)).workflows.map(({ spec }) => spec)
  const found = specs.filter(
    (spec) => name === undefined || spec.name === name || `${spec.name}@${spec.version}` === name,
  )
  if (found.length > 0) return name === undefined ? found : found.slice(-1)
  const known = specs.map((spec) => `\`${spec.name}\``).join(', ')
  throw new SignalboxError('WORKFLOW_UNKNOWN', `there is no workflow \`${name ?? ''}\`; there is ${known || 'none'}`)
}

function tell(out: Output, file: string | undefined, text: string, what: string): void {
  if (file === undefined) {
    out.data({ [what]: text })
    out.text(text.trimEnd())
    return
  }
  try {
    writeFileSync(file, text)
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause)
    throw new SignalboxError('USAGE', `--out \`${file}\` cannot be written: ${why}`, { cause })
  }
  out.data({ file })
  out.text(`written to ${file}`)
}

function reviewText(
  review: { readonly workflow: string; readonly version: string } & ReturnType<typeof reviewWorkflow>,
  out: Output,
): string {
  const { color } = out
  const ready = review.missing.length === 0
  const lines = [
    `${color.bold(review.workflow)} ${review.version}  ${ready ? color.green('ready for production') : color.red('not ready for production')}`,
    ...review.missing.map((line) => `  ${color.red('missing')}  ${printable(line)}`),
    ...review.doubts.map((line) => `  ${color.yellow('look at')}  ${printable(line)}`),
    ...review.sideEffects.map(
      (one) =>
        `  effect   ${one.tool} (${one.class}, ${one.effect}) by ${one.nodes.join(', ')}; lost answer: ${one.whenLost}`,
    ),
    ...review.stops.map((line) => `  ends     ${line}`),
  ]
  return lines.join('\n')
}
