import { ENDED, type StreamEvent } from '@signalbox/protocol'
import type { Command } from 'commander'
import { SignalboxError } from 'signalbox/errors'
import { intOption, jsonOption } from './ask.ts'
import { showEventsOverRuns, withEventFilters } from './commands-facts.ts'
import { addContentCommand, addExplainCommand } from './commands-explain.ts'
import { type CommandContext, type Shell, withClient, withShared } from './context.ts'
import { statusText } from './format.ts'
import { folded } from './output.ts'
import { recordText, runsText, runText } from './run-views.ts'

/** Adds the commands that start, show and steer runs. */
export function addRunCommands(program: Command, shell: Shell): void {
  addStart(program, shell)
  addLists(program, shell)
  addViews(program, shell)
  addEvents(program, shell)
  addSteering(program, shell)
  addFeedback(program, shell)
}

function addStart(program: Command, shell: Shell): void {
  withShared(program.command('run <workflow>'))
    .description('start a run')
    .requiredOption('--input <json>', 'input as JSON, or @file')
    .option('--request-id <id>', 'equal ids start one run only')
    .option('--subject <id>', 'the person that it is about; `subject erase` reaches it by this id')
    .option('--wait', 'wait until the run ends or waits for a person; exit code 4 when it ends without its output')
    .action(
      async (
        workflow: string,
        options: { input: string; requestId?: string; subject?: string; wait?: boolean },
        command: Command,
      ) => {
        const input = jsonOption(options.input, '--input')
        await withClient(command, shell, async (context) => {
          const subject = options.subject === undefined ? {} : { subject: options.subject }
          const requestId = options.requestId === undefined ? {} : { request_id: options.requestId }
          if (options.wait && context.direct)
            throw new SignalboxError(
              'SERVER_UNREACHABLE',
              'no server answers, so nothing would run it: start `signalbox dev`, or leave out --wait',
            )
          const started = await context.client.startRun({ body: { workflow, input, ...requestId, ...subject } })
          if (options.wait) await waitForRun(started.run_id, context, shell)
          else {
            context.out.data(started)
            context.out.text(`${started.existed ? 'was started before' : 'started'}: ${started.run_id}`)
          }
        })
      },
    )
}

async function waitForRun(runId: string, context: CommandContext, shell: Shell): Promise<void> {
  const { client, out } = context
  for await (const event of client.streamRun(runId)) {
    if (event.event === 'end') break
    if (waits(event) && (await client.run({ params: { id: runId } })).open.length > 0) break
  }
  const run = await client.run({ params: { id: runId } })
  out.data({ run_id: runId, status: run.run.status, code: run.run.code, output: run.output, open: run.open })
  out.text(`${runId}  ${statusText(run.run.status, out.color)}\n${folded(run.why, out.width)}`)
  if (run.output !== null) out.text(JSON.stringify(run.output, null, 2))
  if (ENDED.includes(run.run.status) && run.run.status !== 'completed') shell.setExitCode(4)
}

function waits(event: StreamEvent): boolean {
  return event.event === 'record' && (event.data.type === 'run.waiting' || event.data.type === 'run.parked')
}

function addLists(program: Command, shell: Shell): void {
  withShared(program.command('runs'))
    .description('list runs, newest first')
    .option('--status <list>', 'only these, such as waiting,parked')
    .option('--workflow <name>', 'only of this workflow')
    .option('--limit <n>', 'at most this many', intOption('--limit', 1, 500), 50)
    .option('--before <cursor>', 'continue after a page (the `next` of --json)')
    .action(
      async (options: { status?: string; workflow?: string; limit: number; before?: string }, command: Command) => {
        await withClient(command, shell, async ({ client, out }) => {
          const { status, workflow, limit, before } = options
          const page = await client.listRuns({ query: { status, workflow, limit, before } })
          out.data(page)
          out.text(runsText(page.runs, out))
          if (page.next !== null) out.text(out.color.dim(`more: --before ${page.next}`))
        })
      },
    )
  withShared(program.command('workflows'))
    .description('list workflows that can be started')
    .action(async (_options: unknown, command: Command) => {
      await withClient(command, shell, async ({ client, out }) => {
        const { workflows } = await client.workflows()
        out.data({ workflows })
        for (const each of workflows) {
          const models = each.models.map(
            (model) => `${model.id}${model.scripted ? ' (scripted: no language model)' : ''}`,
          )
          out.text(`${out.color.bold(each.name)} ${each.version}  ${models.join(', ')}`)
          if (each.contract) out.text(folded(`  ${each.contract.objective}`, out.width, '  '))
        }
      })
    })
}

function addViews(program: Command, shell: Shell): void {
  withShared(program.command('show <run>'))
    .description('show one run: status, why, budgets, timeline by superstep')
    .action(async (id: string, _options: unknown, command: Command) => {
      await withClient(command, shell, async ({ client, out }) => {
        const run = await client.run({ params: { id } })
        out.data(run)
        out.text(runText(run, out))
      })
    })
  addExplainCommand(program, shell)
  addContentCommand(program, shell)
}

function addEvents(program: Command, shell: Shell): void {
  withEventFilters(withShared(program.command('events [run]')))
    .description('stored records of a run, with --json one record a line; with --all those of all runs, newest first')
    .option('--after <seq>', 'of a run: start after this record', intOption('--after', 0, Number.MAX_SAFE_INTEGER), 0)
    .option('--follow', 'of a run: go on with new records until it ends')
    .option('--all', 'of all runs, without content; the filters go with it')
    .action(async (id: string | undefined, options: EventsOptions, command: Command) => {
      if ((id === undefined) !== (options.all === true))
        throw new SignalboxError('USAGE', '`events` takes a run, or --all')
      if (id === undefined) await showEventsOverRuns(command, shell)
      else await showEvents(id, options, command, shell)
    })
}

interface EventsOptions {
  readonly after: number
  readonly follow?: boolean
  readonly all?: boolean
}

async function showEvents(id: string, options: EventsOptions, command: Command, shell: Shell): Promise<void> {
  await withClient(command, shell, async ({ client, out }) => {
    let after: number | null = options.after
    if (options.follow) {
      for await (const event of client.streamRun(id, { after })) {
        if (event.event !== 'record') continue
        out.data(event.data)
        out.text(recordText(event.data))
      }
      return
    }
    while (after !== null) {
      const page: Awaited<ReturnType<typeof client.events>> = await client.events({
        params: { id },
        query: { after, limit: 500 },
      })
      for (const record of page.events) {
        out.data(record)
        out.text(recordText(record))
      }
      after = page.next_after
    }
  })
}

const VERDICTS = ['accepted', 'edited', 'rejected', 'reopened'] as const

function verdictOf(text: string): (typeof VERDICTS)[number] {
  const verdict = VERDICTS.find((one) => one === text)
  if (verdict) return verdict
  throw new SignalboxError('USAGE', `\`${text}\` is not a verdict: use one of ${VERDICTS.join(', ')}`)
}

function addFeedback(program: Command, shell: Shell): void {
  withShared(program.command('feedback <run> <verdict>'))
    .description('say what became of the result: accepted, edited, rejected or reopened')
    .requiredOption('--reason <text>', 'why; stored with your name')
    .action(async (id: string, verdict: string, { reason }: { reason: string }, command: Command) => {
      await withClient(command, shell, async ({ client, out }) => {
        const answer = await client.feedback({ params: { id }, body: { verdict: verdictOf(verdict), reason } })
        out.data(answer)
        out.text(`${id}: ${verdict} is on record`)
      })
    })
}

function addSteering(program: Command, shell: Shell): void {
  withShared(program.command('resume <run>'))
    .description('let a parked run go on')
    .requiredOption('--reason <text>', 'why; stored with your name')
    .action(async (id: string, { reason }: { reason: string }, command: Command) => {
      await withClient(command, shell, async ({ client, out }) => {
        const answer = await client.resume({ params: { id }, body: { reason } })
        out.data(answer)
        out.text(`${id} will go on`)
      })
    })
  withShared(program.command('release <run>'))
    .description('let a quarantined run be tried again, once what stood in its way is gone')
    .requiredOption('--reason <text>', 'why; stored with your name')
    .action(async (id: string, { reason }: { reason: string }, command: Command) => {
      await withClient(command, shell, async ({ client, out }) => {
        const answer = await client.release({ params: { id }, body: { reason } })
        out.data(answer)
        out.text(`${id} will be tried again`)
      })
    })
  withShared(program.command('cancel <run>'))
    .description('cancel a run after the calls under way; with --terminate without waiting for its node')
    .requiredOption('--reason <text>', 'why; stored with your name')
    .option('--terminate', 'end it at once; an effect under way is still settled')
    .action(async (id: string, { reason, terminate }: { reason: string; terminate?: boolean }, command: Command) => {
      await withClient(command, shell, async ({ client, out }) => {
        const answer = await client.cancel({ params: { id }, body: { reason, terminate: terminate === true } })
        out.data(answer)
        out.text(`${id} will be ${terminate ? 'terminated' : 'cancelled'}`)
      })
    })
}
