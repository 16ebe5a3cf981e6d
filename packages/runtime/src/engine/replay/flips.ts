import { toSignalboxError } from '../../base/errors.ts'
import type { ContentRef } from '../../contracts/common.ts'
import type { Decision, PolicyRequest } from '../../contracts/policy.ts'
import type { RunStarted } from '../../contracts/records.ts'
import type { PolicyFlip } from '../../contracts/replay.ts'
import type { WorkflowSpec } from '../../contracts/workflow.ts'
import { bundlePart, DecisionReader, type RecordedDecision, requestOf } from '../../policy/index.ts'
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
  private readonly reader: DecisionReader

  constructor(env: Env, started: RunStarted) {
    this.env = env
    this.reader = new DecisionReader(started)
  }

  /** Looks at the decisions of one stretch. */
  async look({ records }: Stretch, spec: WorkflowSpec, contents: Contents): Promise<void> {
    for (const record of records) {
      const found = this.reader.next(record)
      if (found && found.notAgain === null && this.isKnown(found)) await this.again(found, spec, contents)
    }
  }

  /** A tool that is gone is told by the calls themselves. */
  private isKnown({ kind, name, definitionHash }: RecordedDecision): boolean {
    return kind !== 'tool' || (this.env.policy.tool(name) !== null && definitionHash !== '')
  }

  private async again(found: RecordedDecision, spec: WorkflowSpec, contents: Contents): Promise<void> {
    const read = async (ref: ContentRef | null) => (ref === null ? null : await contents.read(ref))
    const opened = { asked: await read(found.asked), facts: await read(found.facts) }
    const request = requestOf(found, opened, this.env.policy)
    if (!request) return
    const hash = spec.tools.get(found.name)?.definitionHash ?? found.definitionHash
    this.decisions += 1
    const after = this.verdict({ ...request, action: { ...request.action, definition_hash: hash } })
    // Controls are not asked again: what the bundle said is compared.
    const before = wordOf(bundlePart(found.decision))
    if (before === after) return
    this.flipped += 1
    const { runId, seq, name } = found
    if (this.told.length < MOST_TOLD) this.told.push({ runId, seq, name, before, after })
  }

  private verdict(request: PolicyRequest): string {
    try {
      return wordOf(this.env.policy.decide(request))
    } catch (thrown) {
      return `malfunction:${toSignalboxError(thrown).code}`
    }
  }
}

/** A verdict with what makes it another one: its reason, and who has to be asked. */
function wordOf({ verdict, reason_code: code, asks }: Pick<Decision, 'verdict' | 'reason_code' | 'asks'>): string {
  const people = asks.map((one) => `${one.id}=${[...one.approvers].sort().join('|')}`).sort()
  if (verdict === 'allow') return people.length === 0 ? 'allow' : `allow after approval:${people.join(',')}`
  return [verdict, code, ...people].join(':')
}
