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
import { ApprovalAnswer } from '../run/explain/answers.tsx'

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
          ['Superstep', `${effect.superstep}, node ${effect.node}`],
          [
            effect.deterministic ? 'Asked by' : 'Model call',
            effect.deterministic ? 'a node that is a plain function' : at(effect.model_seq, 'not on record'),
          ],
          ['Tool call', at(effect.intent_seq, 'never sent')],
          ['Outcome', at(effect.outcome_seq, 'none yet')],
          ['Decision', <DecisionOf key="d" run={run} id={effect.decision_id} />],
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

function DecisionOf({ run, id }: { run: string; id: string | null }) {
  return id === null ? <span className="text-muted">none on record</span> : <Decided run={run} id={id} />
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

/** Who, why and what they saw, from the explanation; the bare id while that is not there. */
function Approved({ run, approval }: { run: string; approval: NonNullable<Effect['approval']> }) {
  const answers: AnswersView | undefined = useExplanation(run).data?.answers
  const told = answers?.approved.approvals.find((each) => each.approval === approval.approval_id)
  return (
    <span>
      {told ? <ApprovalAnswer approval={told} /> : <code className="text-xs">{approval.approval_id}</code>}
      <span className="block text-xs text-muted">
        <RecordLink run={run} seq={approval.seq} />
        {approval.by ? ` by ${approval.by}` : ''}
        {approval.seen ? (
          <>
            , saw <code>{approval.seen.slice(0, 24)}</code>
          </>
        ) : null}
      </span>
    </span>
  )
}
