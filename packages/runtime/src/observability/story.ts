import { activationPath, nodePath, scopePath } from '../base/scope-id.ts'
import { changeText, votesText } from './approval-words.ts'
import { buildChanges, buildText } from './build-words.ts'
import type {
  ActivityIntent,
  ActivityOutcome,
  ApprovalRequested,
  AskRef,
  ForkParent,
  RunParked,
  RunRecord,
  RunStarted,
  RunStopped,
  RunUpgraded,
  SegmentStarted,
  RequestAnswered,
} from '../contracts/records.ts'
import type { PruningRecord } from '../contracts/pruning.ts'
import { TELLINGS, type Telling } from './story-table.ts'
import { activitiesOf, isOpen } from './view.ts'
import {
  type ContentLookup,
  count,
  dollars,
  duration,
  listed,
  name,
  opened,
  plainText,
  quoted,
  endWords,
  stopText,
  verdictText,
} from './words.ts'

/** One sentence of an explanation and the record that it comes from; null for what follows from all of them. */
export interface Sentence {
  readonly seq: number | null
  /** ISO 8601 time of the record, or null. */
  readonly at: string | null
  readonly text: string
}

interface Teller {
  readonly records: readonly RunRecord[]
  readonly contents: ContentLookup | undefined
  /** Sequences of intents whose outcome tells all of it: reads and model calls that were answered. */
  readonly answered: ReadonlySet<number>
}

/** Tells a history record by record, in plain English; records that add nothing for a reader are left out. */
export function storyOf(records: readonly RunRecord[], contents?: ContentLookup): readonly Sentence[] {
  const answered = new Set<number>()
  for (const activity of activitiesOf(records)) {
    const free = activity.intent?.proposal.effect === 'none'
    if (activity.intent && free && activity.outcomes.length > 0) answered.add(activity.intent.seq)
  }
  const teller: Teller = { records, contents, answered }
  return records.flatMap((record) => {
    const text = tell(record, teller)
    if (text === null) return []
    const { seq, at, origin } = record
    return [
      { seq, at, text: origin ? `Taken over from record ${origin.seq} of run ${name(origin.run)}: ${text}` : text },
    ]
  })
}

function tell(record: RunRecord, teller: Teller): string | null {
  // A record of a version that this one does not know is told by its type, not left out.
  const telling: Telling | undefined = TELLINGS[record.type]
  if (telling === undefined) return `A record of type ${name(record.type)} that this version cannot tell.`
  if (typeof telling === 'object') return null
  return TELLERS[telling](record, teller)
}

const TELLERS = { run: tellRun, people: tellPeople, work: tellWork } as const

function tellRun(record: RunRecord, teller: Teller): string | null {
  const { contents } = teller
  switch (record.type) {
    case 'run.started':
      return startText(record, contents)
    case 'segment.started':
      return segmentText(record, teller)
    case 'branch.started':
      return `${name(record.by.id)} moved the run back to record ${record.from} (reason: ${quoted(record.reason, contents)}); what came after it is kept and no longer counts for the state.`
    case 'run.upgraded':
      return upgradeText(record)
    case 'budget.slice':
      return record.what === 'debt'
        ? `A call cost more than was reserved: budget ${name(record.scope)} has that much less for everyone.`
        : null
    case 'budget.warning':
      return `${record.percent} per cent of ${record.limit} is used${record.scope === 'run' ? '' : ` of budget ${name(record.scope)}`}.`
    case 'run.waiting':
      return `The run waits for ${listed(record.on.map((each) => `${each.kind} ${name(each.id)}`))}${record.wake_at ? `, at the latest until ${record.wake_at}` : ''}.`
    case 'run.parked':
      if (record.code === 'RUN_QUARANTINED') return quarantineText(record)
      return `The run was parked: ${record.code} (${quoted(record.detail, contents)}). It stands still until a person acts.`
    case 'override.recorded':
      return `${name(record.by.id)} ordered ${name(record.what)} (reason: ${quoted(record.reason, contents)}).`
    case 'feedback.recorded':
      return `${name(record.by.id)} judged the result: ${record.verdict} (reason: ${quoted(record.reason, contents)}).`
    case 'cost.corrected':
      return `${name(record.by.id)} computed the cost of ${record.lines.length} calls again by table ${name(record.table)} (reason: ${quoted(record.reason, contents)}); what was settled stays.`
    case 'history.moved':
      return `${name(record.by.id)} moved the run to another store (export ${name(record.digest.slice(0, 12))}); it goes on there, and nowhere here.`
    case 'history.pruned':
    case 'subject.erased':
      return pruningText(record)
    case 'run.stopping':
      return `The run has to stop because ${stopText(record.reason)}; an effect is still open, so no new work starts.`
    case 'run.completed':
      return `The run completed with ${record.output ? `the output ${quoted(record.output, contents)}` : 'no output'}.`
    case 'run.stopped':
    case 'run.cancelled':
    case 'run.terminated': {
      const left = leftText(record)
      const by = record.by ? ` by ${name(record.by.id)}` : ''
      return `The run was ${record.type.slice(4)}${by} because ${stopText(record.reason)}.${left}`
    }
    default:
      return null
  }
}

/** What was left undone, each with its reason where the record has it, and the nodes of a loop. */
function leftText({ undone, ending }: RunStopped): string {
  const cycle = ending?.cycle ? ` The loop went through ${listed(ending.cycle.map(name))}.` : ''
  const left = ending ? ending.left_undone.map(({ what, why }) => `${name(what)} (${why})`) : undone.map(name)
  return `${cycle}${left.length > 0 ? ` Left undone: ${listed(left)}.` : ''}`
}

/** What was destroyed, on whose word, and what is left. */
export function pruningText(record: PruningRecord): string {
  const left = record.keep === 'metadata' ? 'the records are left' : 'only the hashes of the records are left'
  if (record.type === 'subject.erased')
    return `Its contents were erased by ${name(record.by.id)} because the person that they are about was erased (reason: ${plainText(record.reason)}); ${left}.`
  return `Its ${record.keep === 'metadata' ? 'contents were' : 'history was'} pruned by ${name(record.by.id)} under rule ${record.rule.index} of retention policy ${name(record.rule.policy.slice(0, 12))}; ${left}.`
}

function upgradeText({ from, to, steps, by, checkpoint }: RunUpgraded): string {
  const worker = `Worker ${name(by)}`
  if (steps.length === 0)
    return `${worker} went on with version ${to.version} instead of ${from.version}; code alone changed.`
  const way = [from.version, ...steps.map((step) => step.to)].join(' to ')
  const what = checkpoint === null ? 'from a save point on' : 'and its state with it, by the declared steps'
  return `${worker} took the run over from version ${way}, ${what}.`
}

function quarantineText({ because, attempts }: RunParked): string {
  const why = because ? `it cannot be loaded (${because})` : 'its workers ended each time before anything was on record'
  return `The run was quarantined: it was claimed ${attempts ?? 'several'} times and never got anywhere, because ${why}. It stands still until an operator releases it.`
}

function startText(record: RunStarted, contents: ContentLookup | undefined): string {
  const { workflow, budget } = record
  const limits = `${budget.max_turns} turns, ${budget.max_tool_calls} tool calls, ${budget.max_runtime_seconds} s active, ${budget.max_tokens} tokens, ${dollars(budget.max_cost_nano_usd)}`
  const fork = record.parent ? ` ${forkText(record.parent, contents)}` : ''
  const undoes = record.compensates ? ` It undoes effects of run ${name(record.compensates.run)}.` : ''
  return `${name(record.principal.id)} asked for ${name(workflow.name)} ${workflow.version} (request ${name(record.request_id)}, ${record.mode}); input: ${quoted(record.input, contents)}; budget: ${limits}.${buildText(record.build)}${fork}${undoes}`
}

function forkText(parent: ForkParent, contents: ContentLookup | undefined): string {
  const planned = parent.plan.map((entry) => `${name(entry.tool)} (record ${entry.seq}): ${PLANNED[entry.action]}`)
  const plan = planned.length > 0 ? `; of later effects: ${listed(planned)}` : ''
  return `It is a fork of run ${name(parent.run)} at record ${parent.seq}, made by ${name(parent.by.id)} (reason: ${quoted(parent.reason, contents)})${plan}.`
}

const PLANNED = { ask: 'a person is asked', repeat: 'done again after a new approval' } as const

function segmentText(record: SegmentStarted, teller: Teller): string {
  const first = teller.records[0]
  const changes = buildChanges(first?.type === 'run.started' ? first.build : undefined, record.build)
  const otherwise = changes.length === 0 ? '' : ` It is worked on otherwise than at its start: ${changes.join('; ')}.`
  return `${takenText(record, teller)}${otherwise}`
}

function takenText(record: SegmentStarted, teller: Teller): string {
  const worker = `Worker ${name(record.worker)}`
  if (record.why === 'start') return `${worker} took the run up.`
  if (record.why === 'wake') return `${worker} went on after ${duration(record.idle_ms)}.`
  if (record.why === 'person') return `${worker} went on because a person said so.`
  const before = teller.records.filter((other) => other.seq < record.seq)
  const open = activitiesOf(before).filter(isOpen)
  const names = listed([...new Set(open.map((each) => name(each.intent?.proposal.name ?? '')))])
  const left =
    open.length === 0
      ? 'no call was open'
      : `${count(open.length, 'call was', 'calls were')} open without a recorded answer: ${names}`
  return `${worker} took over after ${duration(record.idle_ms)} because the worker before it stopped answering; ${left}.`
}

function tellPeople(record: RunRecord, { records, contents }: Teller): string | null {
  switch (record.type) {
    case 'approval.requested':
      return requestText(record, contents)
    case 'approval.changed':
      return changeText(record)
    case 'approval.decided': {
      const asked = records.find(
        (other): other is ApprovalRequested =>
          other.type === 'approval.requested' && other.approval_id === record.approval_id,
      )
      const what = asked ? name(asked.proposal.name) : `approval ${name(record.approval_id)}`
      if (record.by === null)
        return `The approval of ${what} ended as ${record.answer}${record.code ? ` (${record.code})` : ''}: nobody let it happen.`
      const saw = record.seen === null ? 'what they saw is not on record' : `they saw the packet ${name(record.seen)}`
      return `${name(record.by.id)} ${record.answer} ${what} after ${duration(record.wait_ms)} (reason: ${quoted(record.reason, contents)}); ${saw}${votesText(record)}.`
    }
    case 'question.asked':
      return record.about === 'unknown_effect'
        ? `A person is asked whether an effect of ${asker(record.ask)} happened (question ${name(record.question_id)}).`
        : `The same effect was asked again ${AGAIN[record.about]} by ${asker(record.ask)}; a person is asked (question ${name(record.question_id)}).`
    case 'question.answered':
      return `${name(record.by.id)} answered question ${name(record.question_id)}: ${answerText(record.answer)} (reason: ${quoted(record.reason, contents)}).`
    case 'activity.late':
      return `${name(record.name)} ${record.how} ${duration(record.late_ms)} after it had been given up; that changes nothing.`
    case 'step.failed':
      return `Step ${name(record.proposal.name)} of ${name(record.ask.node)} failed in attempt ${record.attempt} with ${record.code} (${quoted(record.error, contents)}); it is tried again at ${record.retry_at}.`
    case 'request.answered':
      return answeredText(record, records)
    case 'timer.set':
      return `Node ${asker(record.ask)} sleeps until ${record.due}.`
    case 'request.opened':
      if (record.request.timer)
        return `Timer ${name(nodePath(record.request.scope, record.request.node))} holds a message back until ${record.request.deadline}.`
      return `Port ${name(nodePath(record.request.scope, record.request.node))} asked for an answer until ${record.request.deadline} (request ${name(record.request.request_id)}): ${quoted(record.request.payload, contents)}.`
    case 'response.received':
      if (record.answer === 'fired')
        return `Timer ${name(nodePath(record.scope, record.node))} fired; its message travels on.`
      return record.answer === 'expired'
        ? `Nobody answered port ${name(nodePath(record.scope, record.node))} in time.`
        : `${name(record.by?.id ?? 'unknown')} answered port ${name(nodePath(record.scope, record.node))}.`
    default:
      return null
  }
}

function answeredText(record: RequestAnswered, records: readonly RunRecord[]): string {
  const opened = records.find((one) => one.type === 'request.opened' && one.request.request_id === record.request_id)
  const port = opened?.type === 'request.opened' ? `port ${name(opened.request.node)}` : 'a port'
  if (record.answer === 'expired') return `Nobody answered ${port} in time.`
  if (record.answer === 'cancelled') return `The request at ${port} was taken back: nobody needs its answer any more.`
  return `${name(record.by?.id ?? 'unknown')} answered ${port}.`
}

const AGAIN = {
  other_arguments: 'with other arguments',
  undone_effect: 'after it was undone',
  asked_again: 'in a fork whose plan leaves it to a person',
} as const

function answerText(answer: 'happened' | 'did_not' | 'stop'): string {
  if (answer === 'happened') return 'it happened'
  return answer === 'did_not' ? 'it did not happen, so it may be sent again under a new key' : 'stop the run'
}

function requestText(record: ApprovalRequested, contents: ContentLookup | undefined): string {
  const ids = listed(record.asks.map((ask) => `${name(ask.id)} (${ask.reason_code})`))
  const roles = listed([...new Set(record.asks.flatMap((ask) => ask.approvers))].map(name))
  const shown = packetText(opened(record.packet, contents)) ?? quoted(record.packet, contents)
  return `${name(record.proposal.name)} needs a person: ${ids} asked; one with the role ${roles} may answer until ${record.deadline}, silence denies. Shown to the reviewer: ${shown}.`
}

/** The four parts of a packet, or null when it is not one. */
function packetText(packet: unknown): string | null {
  if (typeof packet !== 'object' || packet === null) return null
  const part = (key: string): unknown => Reflect.get(packet, key)
  const summary = part('summary')
  if (typeof summary !== 'string') return null
  const target = JSON.stringify(part('target') ?? null)
  const impact = JSON.stringify(part('impact') ?? null)
  return `"${plainText(summary)}", target ${plainText(target)}, impact ${plainText(impact)}, rollback "${plainText(String(part('rollback') ?? ''))}"`
}

function tellWork(record: RunRecord, teller: Teller): string | null {
  const { contents } = teller
  switch (record.type) {
    case 'activity.intent':
      return teller.answered.has(record.seq) ? null : intentText(record)
    case 'activity.outcome':
      return outcomeText(record, teller)
    case 'activation.failed': {
      const next = record.retry_at ? `it is tried again at ${record.retry_at}` : 'it is not tried again'
      return `Node ${name(activationPath(record.activation, record.node))} failed in attempt ${record.attempt} with ${record.code} (${quoted(record.error, contents)}); ${next}.`
    }
    case 'message.dropped':
      return `A message of node ${name(nodePath(record.scope, record.from))} was dropped (${record.reason}${record.edge ? ` at edge ${name(record.edge)}` : ''}).`
    case 'superstep.completed': {
      const next = [...new Set(record.checkpoint.queue.map((message) => message.to))]
      const of = record.scope === undefined ? '' : ` of the workflow in ${name(scopePath(record.scope).join('/'))}`
      return `Superstep ${record.superstep}${of} was committed${next.length > 0 ? `; next: ${listed(next.map(name))}` : ''}.`
    }
    case 'decision.recorded':
      return `At ${name(record.decision.point)} ${verdictText(record.decision)}.`
    case 'unmediated.call':
      return `A call to ${name(record.host)} was seen that went out beside the door, in a ${record.where}.`
    default:
      return null
  }
}

/** The node of an ask, with the nodes around it. */
function asker({ activation, node }: AskRef): string {
  return name(activationPath(activation, node))
}

/** Who asked for a call. */
export function askerText(
  proposal: { readonly agent: string | null; readonly model_seq: number | null },
  node: string,
): string {
  if (proposal.agent === null) return `node ${name(node)}, which is plain code`
  return `agent ${name(proposal.agent)}${proposal.model_seq === null ? '' : ` (model answer in record ${proposal.model_seq})`}`
}

function intentText(record: ActivityIntent): string {
  const { proposal } = record
  const until = `, not to be sent after ${record.not_after}`
  if (proposal.kind === 'model')
    return `Agent ${name(proposal.agent ?? '')} was about to call model ${name(proposal.name)}, with ${dollars(record.reserved.cost_nano_usd)} reserved${until}.`
  const approved = record.approval_id ? ` under approval ${name(record.approval_id)}` : ''
  if (record.opens)
    return `Workflow ${name(record.opens.workflow)} ${record.opens.version} was entered as ${name(proposal.name)} (${proposal.class}) by ${askerText(proposal, activationPath(record.ask.activation, record.ask.node))}${approved}: ${verdictText(record.decision)}.`
  const { undoes } = proposal
  const what = undoes ? ` to undo ${name(undoes.tool)} of record ${undoes.seq} in run ${name(undoes.run)}` : ''
  return `About to send ${name(proposal.name)} (${proposal.class}, ${proposal.effect})${what} for ${askerText(proposal, activationPath(record.ask.activation, record.ask.node))}${approved}: ${verdictText(record.decision)}; key ${name(record.idempotency_key)}${until}.`
}

function outcomeText(record: ActivityOutcome, { records, contents }: Teller): string {
  const code = record.code ? ` (${record.code})` : ''
  const ended = `${endWords(record.status, record.code)}${code}`
  const detail = record.status === 'succeeded' ? '' : `: ${quoted(record.result, contents)}`
  if (record.ledger)
    return `${name(record.name)} was not sent again: it was answered from the ledger, where record ${record.ledger.seq} of run ${name(record.ledger.run)} holds it.`
  if (record.kind === 'model') {
    const used = `${record.usage?.input_tokens ?? 0} tokens in, ${record.usage?.output_tokens ?? 0} out, ${dollars(record.settled.cost_nano_usd)}`
    const again = record.retry ? `; attempt ${record.retry.attempt + 1} follows, not before ${record.retry.at}` : ''
    const why = record.trouble ? `; its provider was in trouble (${record.trouble})` : ''
    return `Agent ${name(record.agent ?? '')} called model ${name(record.name)}${insteadText(record, records)}, which ${ended} in ${duration(record.latency_ms)} (${used})${detail}${why}${again}.`
  }
  if (record.kind === 'timer') return timerText(record)
  if (record.kind === 'step')
    return `Step ${name(record.name)} of ${name(record.ask.node)} ${ended}, computed in ${duration(record.latency_ms)}${detail}.`
  if (record.kind === 'request')
    return `${name(record.ask.node)} got the end of its request at port ${name(record.name)}: it ${ended}${detail}.`
  // What an activity reads for itself has its name, and is not the activity.
  if (record.ask.parent)
    return `A read for ${PHASES[record.ask.parent.phase]} of ${name(record.name)} ${ended}${detail}; nothing was changed by it.`
  // Only a switch holds such a call up; it comes back by itself.
  if (record.retry)
    return `${name(record.name)} (${record.class}) was held up${code}${detail}; it is tried again when the kill switches allow it.`
  const verdict = record.decision ? `; ${verdictText(record.decision)}` : ''
  const resolved = record.resolved_by ? `, as ${RESOLVED[record.resolved_by]} settled` : ''
  const hash = record.effect_hash ? `; effect hash ${name(record.effect_hash)}` : ''
  return `${name(record.name)} (${record.class}) ${ended}${resolved}${verdict}${hash}${detail}.`
}

/** In whose place a declared fallback model was called, and why. */
function insteadText({ ask, proposal }: ActivityOutcome, records: readonly RunRecord[]): string {
  const intent = records.findLast((record) => record.type === 'activity.intent' && record.ask.key === ask.key)
  const of = (proposal ?? (intent?.type === 'activity.intent' ? intent.proposal : null))?.fallback_of
  return of ? `, a declared fallback in place of ${name(of.model)} (${of.trouble}, record ${of.seq})` : ''
}

function timerText(record: ActivityOutcome): string {
  const node = asker(record.ask)
  if (record.status !== 'succeeded') return `The sleep of node ${node} was broken off (${record.code}).`
  return `Node ${node} woke up, ${duration(record.latency_ms)} after its time.`
}

const PHASES = { facts: 'the policy facts', preview: "the reviewer's preview", reconcile: 'the look-up' } as const

const RESOLVED = {
  lookup: "the tool's own look-up",
  same_key: 'a repeat under the same key',
  person: 'a person',
} as const
