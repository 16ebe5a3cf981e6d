import type { AnswersView, Lineage } from '@signalbox/protocol'
import type { ReactNode } from 'react'
import { Link } from 'react-router'
import { useDecision } from '../../api/policy.ts'
import { useExplanation, useLineage } from '../../api/record.ts'
import { VERDICT } from '../../lib/words.ts'
import { paths } from '../../paths.ts'
import { Button, Facts, State } from '../../ui/basics.tsx'
import { Dialog } from '../../ui/dialog.tsx'
import { RecordLink } from '../../ui/record-link.tsx'
import { Empty, Loaded, NotKnown } from '../../ui/states.tsx'
import { ApprovalAnswer } from '../run/explain/approval.tsx'

type Effect = Lineage['effects'][number]

interface DialogProps {
  readonly run: string
  /** Its latest record, or another one of it. */
  readonly seq: number
  readonly onClose: () => void
}

/** Where one effect came from: every step from the run to the hash of what was sent. */
export function EffectDialog({ run, seq, onClose }: DialogProps) {
  const query = useLineage(run)
  return (
    <Dialog title="Where this effect came from" onClose={onClose} wide>
      <Loaded query={query} what="the lineage">
        {(lineage) => {
          const effect = lineage.effects.find((each) => hasRecord(each, seq))
          return effect ? (
            <OneEffect run={run} effect={effect} lineage={lineage} />
          ) : (
            <Empty title="No lineage leads to this record" icon="question">
              <RecordLink run={run} seq={seq} /> of <code className="breakable">{run}</code> tells more.
            </Empty>
          )
        }}
      </Loaded>
      <div className="mt-3 flex justify-end">
        <Button onClick={onClose}>Close</Button>
      </div>
    </Dialog>
  )
}

function hasRecord(effect: Effect, seq: number): boolean {
  const { intent_seq, outcome_seq, approval } = effect
  return intent_seq === seq || outcome_seq === seq || approval?.seq === seq
}

function OneEffect({ run, effect, lineage }: { run: string; effect: Effect; lineage: Lineage }) {
  const gaps = lineage.gaps.filter((gap) => gap.seq !== null && hasRecord(effect, gap.seq))
  const at = (seq: number | null, none: string): ReactNode =>
    seq === null ? <span className="text-muted">{none}</span> : <RecordLink run={run} seq={seq} />
  return (
    <div className="flex flex-col gap-3 text-sm">
      {gaps.map((gap) => (
        <NotKnown key={`${gap.code} ${gap.text}`} what={gap.text} />
      ))}
      <Facts
        rows={[
          ['Effect', `${effect.tool}, ${effect.status.replaceAll('_', ' ')}`],
          [
            'Run',
            <Link key="r" className="link font-mono text-xs" to={paths.explain(run)}>
              {run}
            </Link>,
          ],
          ['Where', whereText(effect)],
          [
            effect.deterministic ? 'Asked by' : 'Model call',
            effect.deterministic ? 'a node that is a plain function' : at(effect.model_seq, 'not on record'),
          ],
          ['Tool call', at(effect.intent_seq, 'never sent')],
          ['Outcome', <OutcomeOf key="o" run={run} effect={effect} />],
          ['Decision', <DecisionOf key="d" run={run} effect={effect} />],
          ['Approval', <ApprovalOf key="a" run={run} effect={effect} />],
          ['Checkpoint', at(effect.checkpoint_seq, 'not on record')],
          [
            'Effect hash',
            effect.effect_hash ? (
              <code key="h" className="text-xs">
                {effect.effect_hash}
              </code>
            ) : (
              'none: nothing is known to have happened'
            ),
          ],
          ...undoRows(effect),
        ]}
      />
    </div>
  )
}

function undoRows({ undoes, undone_by: by }: Effect): [string, ReactNode][] {
  const rows: [string, ReactNode][] = []
  if (undoes)
    rows.push([
      'Undoes',
      <Link key="u" className="link" to={paths.record(undoes.run_id, undoes.seq)}>
        {undoes.tool}, record #{undoes.seq} of {undoes.run_id}
      </Link>,
    ])
  if (by)
    rows.push([
      'Undone by',
      <Link key="b" className="link" to={by.seq === null ? paths.run(by.run_id) : paths.record(by.run_id, by.seq)}>
        {by.run_id}
        {by.seq === null ? ', under way' : `, record #${by.seq}`}
      </Link>,
    ])
  return rows
}

/** The node and superstep; in nested workflows, the nodes that lead to it. */
function whereText({ superstep, node, path }: Effect): string {
  const nested = path.length === 0 ? '' : `, in the nested workflow of ${path.join(', then ')}`
  return `superstep ${superstep}, node ${node}${nested}`
}

const RESOLVED: Readonly<Record<string, string>> = {
  lookup: 'a look-up in the outside system',
  same_key: 'the same call again under the same key',
  person: 'a person',
}

/** The record of how it ended, what settled an unknown answer, and the effect that answered in its place. */
function OutcomeOf({ run, effect }: { run: string; effect: Effect }) {
  const { outcome_seq: seq, resolved_by: by, from_ledger: ledger } = effect
  if (seq === null) return <span className="text-muted">none yet</span>
  return (
    <span>
      <RecordLink run={run} seq={seq} />
      {by === null ? null : `, settled by ${RESOLVED[by] ?? by}`}
      {ledger === null ? null : (
        <span className="block">
          Answered from the ledger, it happened before:{' '}
          <Link className="link" to={paths.record(ledger.run_id, ledger.seq)}>
            record #{ledger.seq} of {ledger.run_id}
          </Link>
        </span>
      )}
    </span>
  )
}

function DecisionOf({ run, effect: { decision_id: id, decision } }: { run: string; effect: Effect }) {
  if (id === null) return <span className="text-muted">none on record</span>
  return (
    <span>
      <Decided run={run} id={id} />
      {decision ? (
        <span className="block text-xs text-muted">
          bundle <code title={decision.bundle}>{decision.bundle.slice(0, 21)}</code>
          {decision.elements.map((each) => `; ${each.element}: ${each.verdict} (${each.reason_code})`)}
        </span>
      ) : null}
    </span>
  )
}

function Decided({ run, id }: { run: string; id: string }) {
  const { data, error } = useDecision(id, run)
  if (error && !data) return <code className="text-xs">{id}</code>
  if (!data) return <span className="text-muted">Loading the decision…</span>
  const { decision, sentence } = data
  return (
    <span>
      <State phrase={VERDICT[decision.verdict]} /> <code className="text-2xs">{decision.reason_code}</code> {sentence}{' '}
      <span className="block text-xs text-muted">
        by {decision.policies.join(', ') || 'no named policy'}, <RecordLink run={run} seq={decision.seq} />
      </span>
    </span>
  )
}

function ApprovalOf({ run, effect }: { run: string; effect: Effect }) {
  if (effect.approval === null) return <span className="text-muted">nobody was asked</span>
  return <Approved run={run} approval={effect.approval} />
}

/** Who, why and what they saw, from the explanation; what the lineage tells of it while that is not there. */
function Approved({ run, approval }: { run: string; approval: NonNullable<Effect['approval']> }) {
  const answers: AnswersView | undefined = useExplanation(run).data?.answers
  const told = answers?.approved.approvals.find((each) => each.approval === approval.approval_id)
  if (told) return <ApprovalAnswer run={run} approval={told} />
  return (
    <span>
      <code className="text-xs">{approval.approval_id}</code>
      {approval.by ? ` by ${approval.by}` : ''} <RecordLink run={run} seq={approval.seq} />
    </span>
  )
}
