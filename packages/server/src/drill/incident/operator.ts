/** The scripted operator: answers the eight questions about an incident from the API that the console uses. */
import type { Activity, Client, DecisionRow, MovePlanView, RunDetail } from '@signalbox/protocol'
import { SignalboxError } from 'signalbox'
import type { Answers, Change, Lead } from './truth.ts'

/** Names of the endpoints that the operator may call: each is one that a page of the console reads. */
export const OPERATOR_ENDPOINTS = [
  'alert',
  'eventsOverRuns',
  'lookUp',
  'run',
  'decisions',
  'approvals',
  'approval',
  'checkpoints',
  'movePlan',
] as const

/** The part of a client that the operator holds. */
export type OperatorClient = Pick<Client, (typeof OPERATOR_ENDPOINTS)[number]>

/** What an operator found out, and where the answer to "where can we resume" can be tried. */
export interface Found {
  readonly runId: string
  readonly answers: Answers
  /** The record to which the run can be restored; null when it cannot. */
  readonly resumeSeq: number | null
}

/** Finds the run of a lead and answers the eight questions about it. Throws NOT_FOUND for a lead that leads nowhere. */
export async function investigate(client: OperatorClient, lead: Lead): Promise<Found> {
  const runId = await runOf(client, lead)
  const detail = await client.run({ params: { id: runId } })
  const { decisions } = await client.decisions({ query: { run_id: runId, limit: 500 } })
  const approval = await approvalOf(client, runId)
  const { checkpoints } = await client.checkpoints({ params: { id: runId } })
  // Every run begins with a record that it could be restored to; where no point is left the plan says why.
  const first = checkpoints.at(-1)?.seq ?? 1
  const resume = await resumeFrom(client, runId, first)
  const answers: Answers = {
    who: detail.principal.id,
    ran: { workflow: detail.run.workflow, version: detail.run.version, status: detail.run.status },
    why: whyOf(detail, decisions),
    approval,
    model: modelOf(detail),
    outside: outsideOf(detail),
    resume,
    cost: detail.cost_nano_usd,
  }
  return { runId, answers, resumeSeq: resume.safe ? first : null }
}

/** The run behind an alert, or the last one that changed an invoice or tried to. Throws NOT_FOUND for a lead that leads nowhere. */
async function runOf(client: OperatorClient, lead: Lead): Promise<string> {
  const found = lead.from === 'alert' ? await behindAlert(client, lead.id) : await changed(client, lead.number)
  if (found !== null) return found
  const what = lead.from === 'alert' ? `alert \`${lead.id}\`` : `invoice \`${lead.number}\``
  throw new SignalboxError('NOT_FOUND', `no run is known behind ${what}`)
}

/** The newest record that opened it; of a switch, which has none, the newest run that met it since it was thrown. */
async function behindAlert(client: OperatorClient, id: string): Promise<string | null> {
  const { inputs, workflow } = await client.alert({ params: { id } })
  const newest = inputs.refs.at(-1)
  if (newest) return newest.run_id
  const openFor = Number(inputs.values.seconds ?? 0) + 1
  const at = Date.parse(inputs.at)
  const since = new Date(at - openFor * 1_000).toISOString()
  const until = new Date(at + 1).toISOString()
  const of = workflow === null ? {} : { workflow }
  const { events } = await client.eventsOverRuns({ query: { ...of, code: 'KILL_SWITCH', since, until, limit: 10 } })
  return events[0]?.run_id ?? null
}

async function changed(client: OperatorClient, number: string): Promise<string | null> {
  const { found } = await client.lookUp({ query: { term: 'object', value: `invoice:${number}`, limit: 10 } })
  const ended = found.filter((one) => one.type === 'activity.outcome' && one.tool !== null)
  // What was kept back is looked into only where nothing changed the invoice.
  return (ended.find((one) => one.happened !== false) ?? ended[0])?.run_id ?? null
}

/** What kept an effect back; else what ended the run against its will; else what was asked of people, or permitted. */
function whyOf({ run }: RunDetail, decisions: readonly DecisionRow[]): Answers['why'] {
  const first = (verdict: string): Answers['why'] | null => {
    const found = decisions.find((one) => one.kind === 'tool' && one.effect !== 'none' && one.verdict === verdict)
    return found ? { verdict, reason: found.reason_code, rule: found.policies.join(', ') } : null
  }
  const ended = run.code === null || run.status === 'completed' ? null : { ended: run.code }
  return first('deny') ?? ended ?? first('require_approval') ?? first('allow') ?? { ended: run.status }
}

/** The last approval of the run, and what its reviewer saw. */
async function approvalOf(client: OperatorClient, runId: string): Promise<Answers['approval']> {
  const { approvals } = await client.approvals({ query: { run_id: runId } })
  const last = approvals.at(-1)
  if (!last) return null
  const { state, decided_by: by, packet } = await client.approval({ params: { id: last.id } })
  const saw = packet && { target: packet.target.id, amountMinor: packet.impact.money?.minor ?? null }
  return { answer: state, by, saw }
}

function modelOf({ timeline, build }: RunDetail): Answers['model'] {
  // One that did not answer worked on nothing; where none was asked it is told which would have been.
  const answered = activities(timeline).filter((one) => one.kind === 'model' && one.status === 'succeeded')
  const names = answered.map((one) => one.name)
  const models = [...new Set(names.length > 0 ? names : Object.values(build?.models ?? {}))].sort()
  return { models, prompts: [...new Set(Object.values(build?.prompts ?? {}))].sort() }
}

/** What the run itself changed outside, in the order in which it was asked for. */
function outsideOf({ timeline }: RunDetail): readonly Change[] {
  return activities(timeline).flatMap((one) => {
    const happened = one.kind === 'tool' && one.parent === null && one.effect !== 'none' && one.status === 'succeeded'
    return happened && one.from_ledger === null ? [changeOf(one)] : []
  })
}

function activities(timeline: RunDetail['timeline']): readonly Activity[] {
  return timeline.flatMap((step) => step.activities)
}

function changeOf({ name, arguments: text }: Activity): Change {
  if (text === null) return { tool: name, invoice: null, amountMinor: null }
  // Arguments of the desk's tools; a field that is not there is not told.
  const args = JSON.parse(text) as { readonly invoice?: string; readonly amount_minor?: number }
  return { tool: name, invoice: args.invoice ?? null, amountMinor: args.amount_minor ?? null }
}

/** What a restore to this record would do; a run of which nothing is left to restore says so with an error. */
async function resumeFrom(client: OperatorClient, runId: string, seq: number): Promise<Answers['resume']> {
  try {
    return resumeOf(await client.movePlan({ params: { id: runId }, query: { kind: 'restore', seq } }))
  } catch (error) {
    if (error instanceof SignalboxError) return { safe: false, refused: error.code, effects: [] }
    throw error
  }
}

function resumeOf({ effects, refused }: MovePlanView): Answers['resume'] {
  if (refused) return { safe: false, refused: refused.code, effects: [] }
  const told = [...new Set(effects.map((one) => `${one.tool}: ${one.handling}`))].sort()
  return { safe: !effects.some((one) => one.handling === 'blocks'), refused: null, effects: told }
}
