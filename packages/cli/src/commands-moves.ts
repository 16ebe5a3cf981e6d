import { confirm, isCancel } from '@clack/prompts'
import type { LaterEffectView, MovePlanView } from '@signalbox/protocol'
import type { Command } from 'commander'
import { SignalboxError } from 'signalbox/errors'
import { intOption } from './ask.ts'
import { type CommandContext, type Shell, withClient, withShared } from './context.ts'
import { time } from './format.ts'
import { folded, type Output, printable } from './output.ts'
import { restorePointsText } from './run-views.ts'

interface Options {
  readonly at?: number
  readonly to?: number
  readonly reason?: string
  readonly plan?: readonly string[]
  readonly requestId?: string
  readonly dryRun?: boolean
  readonly yes?: boolean
}

type Kind = MovePlanView['kind']
type Choice = { readonly run_id?: string; readonly seq: number; readonly action: Action }
type Action = (typeof ACTIONS)[number]

const ACTIONS = ['reuse', 'ask', 'repeat'] as const

/** Adds the commands that take a run up again from one of its records. */
export function addMoveCommands(program: Command, shell: Shell): void {
  move(program, shell, 'restore')
    .description('move a run back to any of its records, as a new branch; without --at the checkpoints are listed')
    .option('--to <record>', 'the same as --at', intOption('--to', 1, Number.MAX_SAFE_INTEGER))
  move(program, shell, 'fork')
    .description(
      'make a new run from any record of a run, which stays as it is; without --at the checkpoints are listed',
    )
    .option('--plan <effect=what...>', 'for a later effect: `12=ask`, `12=repeat`, or a tool or `all` instead of 12')
    .option('--request-id <id>', 'equal ids make one fork only')
}

function move(program: Command, shell: Shell, kind: Kind): Command {
  return withShared(program.command(`${kind} <run>`))
    .option('--at <record>', 'the last record that is kept', intOption('--at', 1, Number.MAX_SAFE_INTEGER))
    .option('--reason <text>', 'why; stored with your name')
    .option('--dry-run', 'show what would happen, and change nothing')
    .option('--yes', 'do not ask back on a terminal')
    .action(async (id: string, options: Options, command: Command) => {
      await withClient(command, shell, async (context) => await run(kind, id, options, context))
    })
}

async function run(kind: Kind, id: string, options: Options, context: CommandContext): Promise<void> {
  const { client, out } = context
  const seq = options.at ?? options.to
  if (seq === undefined) {
    const { checkpoints } = await client.checkpoints({ params: { id } })
    out.data({ checkpoints })
    out.text(restorePointsText(checkpoints, out))
    out.text(
      out.color.dim(
        `any record will do: signalbox events ${id}; then signalbox ${kind} ${id} --at <record> --reason "…"`,
      ),
    )
    return
  }
  const plan = await client.movePlan({ params: { id }, query: { kind, seq } })
  const choices = choicesOf(options.plan ?? [], plan)
  out.text(planText(plan, choices, out))
  if (options.dryRun) {
    out.data({ ...plan, plan: choices })
    return
  }
  if (options.reason === undefined)
    throw new SignalboxError('USAGE', '`--reason` is missing: say why, it is stored with your name')
  await askBack(kind, plan, options, context)
  const body = { seq, reason: options.reason }
  if (kind === 'restore') {
    out.data(await client.restore({ params: { id }, body }))
    out.text(`${id} will go on from record ${seq}`)
    return
  }
  const more = options.requestId === undefined ? {} : { request_id: options.requestId }
  const made = await client.fork({ params: { id }, body: { ...body, plan: [...choices], ...more } })
  out.data(made)
  out.text(`${made.existed ? 'was made before' : 'made'}: ${made.run_id}, a fork of ${id} at record ${seq}`)
}

async function askBack(
  kind: Kind,
  plan: MovePlanView,
  { yes }: Options,
  { out, terminal }: CommandContext,
): Promise<void> {
  if (yes || out.json || !terminal.stdout.isTTY || plan.refused) return
  const message = kind === 'restore' ? 'Move the run back to there?' : 'Make this fork?'
  const sure = await confirm({ message, initialValue: false })
  if (isCancel(sure) || !sure) throw new SignalboxError('CANCELLED', 'nothing was changed')
}

/** Reads `12=ask`, `run_…#12=ask`, `payments.pay=repeat` and `all=ask`; later ones go before earlier ones. */
function choicesOf(texts: readonly string[], plan: MovePlanView): readonly Choice[] {
  const chosen = new Map<string, Choice>()
  for (const text of texts) {
    const [, target = '', what = ''] = /^(.+)=(\w+)$/.exec(text) ?? []
    const action = ACTIONS.find((each) => each === what)
    if (!action)
      throw new SignalboxError(
        'USAGE',
        `\`--plan ${text}\` must be such as \`12=ask\`, with one of ${ACTIONS.join(', ')}`,
      )
    const effects = plan.effects.filter((effect) => isMeant(effect, target, plan) && isChoosable(effect))
    if (effects.length === 0)
      throw new SignalboxError('USAGE', `\`--plan ${text}\` names no effect that happened after record ${plan.seq}`)
    for (const { effect_id, run_id, seq } of effects) chosen.set(effect_id, { run_id, seq, action })
  }
  return [...chosen.values()]
}

function isMeant(effect: LaterEffectView, target: string, plan: MovePlanView): boolean {
  if (target === 'all' || target === effect.tool || target === placeOf(effect, plan)) return true
  return effect.run_id === plan.run_id && target === String(effect.outcome_seq)
}

function isChoosable({ handling }: LaterEffectView): boolean {
  return handling === 'ledger' || handling === 'waits'
}

function placeOf({ run_id: run, seq }: LaterEffectView, plan: MovePlanView): string {
  return run === plan.run_id ? String(seq) : `${run}#${seq}`
}

const HANDLING: Readonly<Record<LaterEffectView['handling'], string>> = {
  ledger: 'answered from the ledger when it is asked for again; with other arguments a person is asked',
  asked: 'a person is asked',
  repeated: 'done again, after a new approval',
  again: 'did not happen; it is done when it is asked for',
  kept: 'was open there; takes the end that it had',
  waits: 'open in another run; waited for',
  blocks: 'open; its end has to be known first',
}

const PLANNED: Readonly<Record<Action, LaterEffectView['handling']>> = {
  reuse: 'ledger',
  ask: 'asked',
  repeat: 'repeated',
}

/** What a restore or fork would do, in lines. */
export function planText(plan: MovePlanView, choices: readonly Choice[], out: Output): string {
  const { color } = out
  const what = plan.kind === 'restore' ? 'restore' : 'fork'
  const lines = [
    `${color.bold(what)} of ${plan.run_id} at record ${plan.seq} (${plan.type}, ${time(plan.at)} UTC): superstep ${plan.superstep}, from checkpoint ${plan.checkpoint_seq}`,
  ]
  if (plan.refused)
    lines.push(color.red(folded(`not now: ${plan.refused.code}, ${printable(plan.refused.message)}`, out.width, '  ')))
  lines.push(plan.effects.length === 0 ? 'no effect came later' : 'effects that came later:')
  for (const effect of plan.effects) {
    const choice = choices.find((each) => each.run_id === effect.run_id && each.seq === effect.seq)
    const handling = choice ? PLANNED[choice.action] : effect.handling
    lines.push(
      folded(
        `  record ${placeOf(effect, plan)}  ${printable(effect.tool)} ${effect.state}: ${HANDLING[handling]}`,
        out.width,
        '    ',
      ),
    )
  }
  const { model_calls: models, reads } = plan.again
  if (models + reads > 0) lines.push(`made again when asked for: ${models} model calls, ${reads} reads`)
  if (plan.asked_anew.length > 0) lines.push(`asked for approval anew: ${plan.asked_anew.map(printable).join(', ')}`)
  return lines.join('\n')
}
