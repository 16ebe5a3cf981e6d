import type { ApprovalDetail } from '@signalbox/protocol'
import { confirm, isCancel } from '@clack/prompts'
import { Argument, type Command } from 'commander'
import { SignalboxError } from 'signalbox/errors'
import { jsonOption } from './ask.ts'
import type { Output } from './output.ts'
import { type CommandContext, type Shell, withClient, withShared } from './context.ts'
import { approvalText, portRequestText, questionText, requestsText } from './people-views.ts'

/** Adds the commands by which people answer: approvals, questions, port requests. */
export function addPeopleCommands(program: Command, shell: Shell): void {
  addApprovals(program, shell)
  addDecision(program, shell, 'approve', 'approved')
  addDecision(program, shell, 'reject', 'rejected')
  addQuestions(program, shell)
}

function addApprovals(program: Command, shell: Shell): void {
  withShared(program.command('approvals [id]'))
    .description('list what waits for approval, or show one with all that the reviewer has to see')
    .option('--all', 'answered ones too')
    .action(async (id: string | undefined, options: { all?: boolean }, command: Command) => {
      await withClient(command, shell, async ({ client, out }) => {
        if (id !== undefined) {
          const approval = await client.approval({ params: { id } })
          out.data(approval)
          out.text(approvalText(approval, out))
          await markSeen(client, approval, out)
          return
        }
        const list = await client.approvals({ query: options.all ? {} : { state: 'open' } })
        out.data(list)
        out.text(requestsText(list.approvals, out))
      })
    })
}

function addDecision(
  program: Command,
  shell: Shell,
  name: 'approve' | 'reject',
  answer: 'approved' | 'rejected',
): void {
  withShared(program.command(`${name} <approval>`))
    .description(`${name} one action, once; shows what it is first`)
    .requiredOption('--reason <text>', 'why; stored with your name')
    .option('--packet <hash>', 'only if this is still what would be decided (the packet shown by `approvals <id>`)')
    .option('--yes', 'do not ask back on a terminal')
    .action(async (id: string, options: DecisionOptions, command: Command) => {
      await withClient(command, shell, async (context) => await decide(id, answer, options, context))
    })
}

/** The details were on the terminal of somebody who may answer: that is how long they were open before the answer. */
async function markSeen(client: CommandContext['client'], approval: ApprovalDetail, out: Output): Promise<void> {
  if (approval.can_decide && !out.json) await client.seeApproval({ params: { id: approval.id }, body: {} })
}

interface DecisionOptions {
  readonly reason: string
  readonly packet?: string
  readonly yes?: boolean
}

async function decide(
  id: string,
  answer: 'approved' | 'rejected',
  options: DecisionOptions,
  context: CommandContext,
): Promise<void> {
  const { client, out, terminal } = context
  const approval = await client.approval({ params: { id } })
  // Who may not decide is told so by the server, without a page in front of it.
  if (approval.can_decide) {
    out.text(approvalText(approval, out))
    await markSeen(client, approval, out)
  }
  if (approval.can_decide && !options.yes && !out.json && terminal.stdout.isTTY) {
    const sure = await confirm({
      message: answer === 'approved' ? 'Let this happen, once?' : 'Reject this?',
      initialValue: false,
    })
    if (isCancel(sure) || !sure) throw new SignalboxError('CANCELLED', 'nothing was decided')
  }
  // The hash says what was seen: when the packet changed in between, the runtime refuses the answer (Invariant 7).
  const packetHash = options.packet ?? approval.packet_hash
  const stored = await client.decide({
    params: { id },
    body: { answer, reason: options.reason, packet_hash: packetHash },
  })
  out.data({ ...stored, answer, run_id: approval.run_id })
  out.text(`\n${answer}; the run goes on: signalbox show ${approval.run_id}`)
}

function addQuestions(program: Command, shell: Shell): void {
  withShared(program.command('questions [id]'))
    .description('list effects of which nobody knows whether they happened, or show one')
    .option('--all', 'answered ones too')
    .action(async (id: string | undefined, options: { all?: boolean }, command: Command) => {
      await withClient(command, shell, async ({ client, out }) => {
        if (id !== undefined) {
          const question = await client.question({ params: { id } })
          out.data(question)
          out.text(questionText(question, out))
          return
        }
        const list = await client.questions({ query: options.all ? {} : { state: 'open' } })
        out.data(list)
        out.text(requestsText(list.questions, out))
      })
    })
  const answers = new Argument('<answer>', 'what you found out').choices(['happened', 'did_not', 'stop'])
  withShared(program.command('answer <question>').addArgument(answers))
    .description('tell whether an effect happened: `did_not` orders it once more, `stop` ends the run')
    .requiredOption('--reason <text>', 'how you know; stored with your name')
    .action(
      async (id: string, answer: 'happened' | 'did_not' | 'stop', { reason }: { reason: string }, command: Command) => {
        await withClient(command, shell, async ({ client, out }) => {
          const stored = await client.answer({ params: { id }, body: { answer, reason } })
          out.data(stored)
          out.text(`stored: ${answer}`)
        })
      },
    )
  withShared(program.command('requests [id]'))
    .description('list what port nodes ask, or show one with the shape of its answer')
    .option('--all', 'answered ones too')
    .action(async (id: string | undefined, options: { all?: boolean }, command: Command) => {
      await withClient(command, shell, async ({ client, out }) => {
        if (id !== undefined) {
          const request = await client.request({ params: { id } })
          out.data(request)
          out.text(portRequestText(request, out))
          return
        }
        const list = await client.requests({ query: options.all ? {} : { state: 'open' } })
        out.data(list)
        out.text(requestsText(list.requests, out))
      })
    })
  withShared(program.command('respond <request>'))
    .description('answer a request of a port node')
    .requiredOption('--value <json>', 'the answer as JSON, or @file')
    .action(async (id: string, { value }: { value: string }, command: Command) => {
      const parsed = jsonOption(value, '--value')
      await withClient(command, shell, async ({ client, out }) => {
        out.data(await client.respond({ params: { id }, body: { value: parsed } }))
        out.text('stored')
      })
    })
}
