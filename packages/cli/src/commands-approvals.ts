import type { Command } from 'commander'
import { isoTime, systemHost } from 'signalbox'
import { SignalboxError } from 'signalbox/errors'
import { delegationsText, standingText, statsText } from './approval-views.ts'
import { intOption, jsonOption, secondsOption } from './ask.ts'
import { type CommandContext, type Shell, withClient, withShared } from './context.ts'

/** Words after `approvals` that are about one approval, or about how approvals are reviewed. */
export const APPROVAL_VERBS: ReadonlySet<string> = new Set([
  ...['claim', 'unclaim', 'ask', 'tell', 'edit', 'snooze', 'withdraw', 'lift'],
  ...['delegate', 'delegations', 'standing', 'revoke', 'stats'],
])

/** Adds what people do with approvals beside saying yes or no; `approvals <word>` is the same as `approval <word>`. */
export function addApprovalCommands(program: Command, shell: Shell): void {
  const group = program
    .command('approval')
    .description('claim, question, edit and postpone approvals; delegates, standing approvals, statistics')
  addQuestions(group, shell)
  addAnswers(group, shell)
  addDelegations(group, shell)
  addStanding(group.command('standing').description('what may happen without asking each time'), shell)
  withShared(group.command('stats'))
    .description('open approvals by role, decision times, and answers that are given without reading')
    .option('--days <n>', 'decided in the last so many days', intOption('--days', 1, 366), 30)
    .action(async ({ days }: { days: number }, command: Command) => {
      await withClient(command, shell, async ({ client, out }) => {
        const stats = await client.reviewStats({ query: { days } })
        out.data(stats)
        out.text(statsText(stats, out))
      })
    })
}

type Client = CommandContext['client']
type Act<O> = (client: Client, id: string, options: O) => Promise<unknown>

function act<O>(command: Command, shell: Shell, done: string, run: Act<O>): void {
  withShared(command).action(async (id: string, options: O, self: Command) => {
    await withClient(self, shell, async ({ client, out }) => {
      const stored = await run(client, id, options)
      out.data(stored)
      out.text(`${done}: ${id}`)
    })
  })
}

const WHY = ['--reason <text>', 'why; stored with your name'] as const

function addQuestions(group: Command, shell: Shell): void {
  act<{ for: number }>(
    group
      .command('claim <approval>')
      .description('say that you are looking at it')
      .option('--for <time>', 'how long, such as 15m', secondsOption('--for', 86_400), 900),
    shell,
    'claimed',
    (client, id, { for: seconds }) => client.claimApproval({ params: { id }, body: { seconds } }),
  )
  act(group.command('unclaim <approval>').description('give a claim back'), shell, 'given back', (client, id) =>
    client.unclaimApproval({ params: { id }, body: {} }),
  )
  act<{ text: string }>(
    group
      .command('ask <approval>')
      .description('put a question to the requester')
      .requiredOption('--text <text>', 'the question'),
    shell,
    'asked',
    (client, id, { text }) => client.askInformation({ params: { id }, body: { text } }),
  )
  act<{ text: string }>(
    group
      .command('tell <approval>')
      .description('answer the question of a reviewer, as the requester')
      .requiredOption('--text <text>', 'the answer'),
    shell,
    'told',
    (client, id, { text }) => client.giveInformation({ params: { id }, body: { text } }),
  )
}

function addAnswers(group: Command, shell: Shell): void {
  act<{ arguments: string; reason: string }>(
    group
      .command('edit <approval>')
      .description('change the arguments and approve them so; policy judges them before anything happens')
      .requiredOption('--arguments <json>', 'all arguments as JSON, or @file')
      .requiredOption(...WHY),
    shell,
    'edited; policy judges it now',
    async (client, id, { arguments: text, reason }) => {
      const value = jsonOption(text, '--arguments')
      const { packet_hash } = await client.approval({ params: { id } })
      return client.editApproval({ params: { id }, body: { arguments: value, reason, packet_hash } })
    },
  )
  act<{ for: number }>(
    group
      .command('snooze <approval>')
      .description('not now: be reminded later')
      .requiredOption('--for <time>', 'when to be reminded, such as 2h', secondsOption('--for', 30 * 86_400)),
    shell,
    'you are reminded of it',
    (client, id, { for: seconds }) => client.snoozeApproval({ params: { id }, body: { seconds } }),
  )
  act<{ reason: string }>(
    group
      .command('withdraw <approval>')
      .description('take your own request back')
      .requiredOption(...WHY),
    shell,
    'taken back',
    (client, id, { reason }) => client.withdrawApproval({ params: { id }, body: { reason } }),
  )
  act<{ reason: string }>(
    group
      .command('lift <approval>')
      .description('let the question be asked again that was rejected')
      .requiredOption(...WHY),
    shell,
    'it can be asked again',
    (client, id, { reason }) => client.liftDecline({ params: { id }, body: { reason } }),
  )
  act<{ reason: string }>(
    group
      .command('revoke <mandate>')
      .description('end a delegation or a standing approval')
      .requiredOption(...WHY),
    shell,
    'revoked',
    (client, id, { reason }) => client.revokeMandate({ params: { id }, body: { reason } }),
  )
}

interface DelegateOptions {
  readonly for: number
  readonly role?: string[]
  readonly reason: string
}

function inSeconds(seconds: number): string {
  return isoTime(systemHost.now() + seconds * 1_000)
}

function addDelegations(group: Command, shell: Shell): void {
  withShared(group.command('delegate <person>'))
    .description('name somebody who answers in your place for a time')
    .requiredOption('--for <time>', 'how long, such as 5d', secondsOption('--for', 366 * 86_400))
    .option('--role <role...>', 'only these of your roles')
    .requiredOption(...WHY)
    .action(async (delegate: string, { for: seconds, role, reason }: DelegateOptions, command: Command) => {
      await withClient(command, shell, async ({ client, out }) => {
        const beside = role === undefined ? {} : { roles: role }
        const body = { delegate, reason, expires_at: inSeconds(seconds), ...beside }
        const made = await client.delegate({ body })
        out.data(made)
        out.text(delegationsText([made], out))
      })
    })
  withShared(group.command('delegations'))
    .description('who stands in for whom')
    .action(async (_options: unknown, command: Command) => {
      await withClient(command, shell, async ({ client, out }) => {
        const found = await client.delegations()
        out.data(found)
        out.text(delegationsText(found.delegations, out))
      })
    })
}

interface StandingOptions {
  readonly workflow: string
  readonly principal: string
  readonly where: string
  readonly uses: number
  readonly amountField?: string
  readonly maxAmount?: number
  readonly for: number
  readonly reason: string
}

function addStanding(group: Command, shell: Shell): void {
  withShared(group.command('list'))
    .description('standing approvals with what was used of them')
    .action(async (_options: unknown, command: Command) => {
      await withClient(command, shell, async ({ client, out }) => {
        const found = await client.standingApprovals()
        out.data(found)
        out.text(standingText(found.standing, out))
      })
    })
  withShared(group.command('give <tool>'))
    .description('let calls of exactly this kind happen without asking each time')
    .requiredOption('--workflow <name>', 'in this workflow only')
    .requiredOption('--principal <id>', 'for runs of this person or service only')
    .requiredOption(
      '--where <json>',
      'what the fields must be: [{"field":"to","equals":"bob"},{"field":"n","at_most":9}]',
    )
    .requiredOption('--uses <n>', 'how often at most', intOption('--uses', 1, 100_000))
    .option('--amount-field <field>', 'the field that counts against --max-amount')
    .option('--max-amount <n>', 'how much all uses together', intOption('--max-amount', 1, Number.MAX_SAFE_INTEGER))
    .requiredOption('--for <time>', 'how long, such as 30d', secondsOption('--for', 366 * 86_400))
    .requiredOption(...WHY)
    .action(async (tool: string, options: StandingOptions, command: Command) => {
      const constraints = jsonOption(options.where, '--where')
      if (!Array.isArray(constraints))
        throw new SignalboxError('USAGE', '`--where` must be a JSON list of what the fields must be')
      const { workflow, principal, uses, amountField, maxAmount, reason } = options
      await withClient(command, shell, async ({ client, out }) => {
        const body = {
          ...{ tool, workflow, principal, constraints, reason, max_uses: uses, expires_at: inSeconds(options.for) },
          ...(amountField === undefined ? {} : { amount_field: amountField }),
          ...(maxAmount === undefined ? {} : { max_amount: maxAmount }),
        }
        const made = await client.giveStanding({ body })
        out.data(made)
        out.text(standingText([made], out))
      })
    })
}
