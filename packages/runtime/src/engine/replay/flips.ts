import { toSignalboxError } from '../../base/errors.ts'
import type { JsonObject, JsonValue } from '../../base/json.ts'
import type { Decision, PolicyRequest } from '../../contracts/policy.ts'
import type { Proposal, RunRecord, RunStarted } from '../../contracts/records.ts'
import type { PolicyFlip } from '../../contracts/replay.ts'
import type { WorkflowSpec } from '../../contracts/workflow.ts'
import type { Contents } from '../contents.ts'
import type { Env } from '../env.ts'
import type { Stretch } from './journal.ts'

/** Flips of one run that are told; the rest is counted. */
const MOST_TOLD = 20

/** Decisions on record, evaluated again under the bundle in force. A flip is no failure of a replay: it is told apart. */
export class Flips {
  readonly told: PolicyFlip[] = []
  flipped = 0
  decisions = 0
  private readonly env: Env
  private readonly started: RunStarted
  private readonly facts = new Map<string, JsonObject>()
  private readonly approvals = new Map<string, PolicyRequest['approval']>()

  constructor(env: Env, started: RunStarted) {
    this.env = env
    this.started = started
  }

  /** Looks at the decisions of one stretch. */
  async look({ records }: Stretch, spec: WorkflowSpec, contents: Contents): Promise<void> {
    for (const record of records) {
      await this.note(record, contents)
      const decided = decidedBy(record)
      if (decided) await this.again(record, decided, spec, contents)
    }
  }

  private async note(record: RunRecord, contents: Contents): Promise<void> {
    if (record.type === 'activity.outcome' && record.ask.parent?.phase === 'facts' && record.status === 'succeeded')
      this.facts.set(record.ask.parent.key, asObject(record.result ? await contents.read(record.result) : {}))
    if (record.type === 'approval.decided' && record.answer === 'approved' && record.by)
      this.approvals.set(record.approval_id, { id: record.approval_id, approver: record.by, bound: true, fresh: true })
  }

  private async again(
    record: RunRecord,
    { proposal, decision, ask, approvalId }: Decided,
    spec: WorkflowSpec,
    contents: Contents,
  ): Promise<void> {
    const { policy } = this.env
    const row = proposal.kind === 'tool' ? policy.tool(proposal.name) : null
    // A tool that is gone is told by the calls themselves.
    if (proposal.kind === 'tool' && !row) return
    const { started } = this
    const request: PolicyRequest = {
      point: decision.point,
      run: { id: started.run, workflow: started.workflow.name, agent: proposal.agent, mode: started.mode },
      principal: started.principal,
      action: {
        name: proposal.name,
        class: row?.class ?? proposal.class,
        effect: row?.effect ?? proposal.effect,
        definition_hash: spec.tools.get(proposal.name)?.definitionHash ?? proposal.definition_hash,
      },
      input: proposal.kind === 'tool' ? asObject(await contents.read(proposal.args)) : {},
      facts: this.facts.get(ask) ?? {},
      labels: proposal.labels,
      approval: approvalId === null ? null : (this.approvals.get(approvalId) ?? null),
    }
    this.decisions += 1
    const [before, after] = [wordOf(decision), this.verdict(request)]
    if (before === after) return
    this.flipped += 1
    if (this.told.length < MOST_TOLD)
      this.told.push({ runId: started.run, seq: record.seq, name: proposal.name, before, after })
  }

  private verdict(request: PolicyRequest): string {
    try {
      return wordOf(this.env.policy.decide(request))
    } catch (thrown) {
      return `malfunction:${toSignalboxError(thrown).code}`
    }
  }
}

interface Decided {
  readonly proposal: Proposal
  readonly decision: Decision
  readonly ask: string
  readonly approvalId: string | null
}

/** The decision that a record holds about a call, with what was proposed; reads of a call for itself are not decided. */
function decidedBy(record: RunRecord): Decided | null {
  if (record.type !== 'activity.intent' && record.type !== 'activity.outcome' && record.type !== 'approval.requested')
    return null
  const { proposal, decision, ask } = record
  // What a fork's plan asks a person for is no policy.
  if (!proposal || !decision || ask.parent !== null || decision.reason_code === 'FORK_REPEAT') return null
  // A call that was not found was never decided.
  if (proposal.definition_hash === '') return null
  // What was approved and had changed meanwhile was decided upon as not approved.
  if (record.type === 'activity.outcome' && record.code === 'APPROVAL_VOID') return null
  const approvalId = record.type === 'approval.requested' ? null : record.approval_id
  return { proposal, decision, ask: ask.key, approvalId }
}

/** A verdict with what makes it another one: its reason, and who has to be asked. */
function wordOf({ verdict, reason_code: code, asks }: Omit<Decision, 'id'>): string {
  const people = asks.map((one) => `${one.id}=${[...one.approvers].sort().join('|')}`).sort()
  if (verdict === 'allow') return people.length === 0 ? 'allow' : `allow after approval:${people.join(',')}`
  return [verdict, code, ...people].join(':')
}

function asObject(value: JsonValue): JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as JsonObject) : {}
}
