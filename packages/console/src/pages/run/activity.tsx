import type { Activity, Superstep } from '@signalbox/protocol'
import type { ReactNode } from 'react'
import { Link } from 'react-router'
import { useScripted } from '../../api/queries.ts'
import { clock, dollars, duration, grouped, prettyJson } from '../../lib/format.ts'
import { useNow } from '../../lib/hooks.ts'
import { ACTIVITY_STATUS, EFFECT, REQUEST_STATE, VERDICT } from '../../lib/words.ts'
import { paths } from '../../paths.ts'
import { CodeBlock, Facts, ScriptedTag, State, Tag } from '../../ui/basics.tsx'
import { Icon } from '../../ui/icon.tsx'
import { FromHere } from './from-here.tsx'

/** Reads that an activity made for facts, a preview or a look-up. */
export function childrenOf(step: Superstep, activity: Activity): readonly Activity[] {
  return step.activities.filter((each) => each.parent?.key === activity.key)
}

/** One activity as a row that opens: state, what it was, who allowed it, what it cost. */
export function ActivityRow({ activity, reads }: { activity: Activity; reads: readonly Activity[] }) {
  const scripted = useScripted()
  return (
    <li className="border-b border-line last:border-b-0">
      <details className="group">
        <summary className="-outline-offset-2! grid grid-cols-[auto_minmax(0,1fr)] items-start gap-x-2 px-4 py-2.5 hover:bg-sunken md:grid-cols-[auto_minmax(0,1fr)_auto]">
          <Icon
            name="chevron"
            className="mt-1 size-3 text-muted motion-safe:transition-transform group-open:rotate-90"
          />
          <span className="flex min-w-0 flex-col gap-0.5">
            <span className="flex flex-wrap items-center gap-x-2 gap-y-0.5">
              <span className="font-mono text-sm font-semibold breakable">{activity.name}</span>
              <Tag>{activity.kind}</Tag>
              {activity.kind === 'model' && scripted(activity.name) ? <ScriptedTag /> : null}
              {activity.class ? <Tag mono>{activity.class}</Tag> : null}
              {activity.effect === 'none' ? null : <EffectTag effect={activity.effect} />}
              {activity.attempt > 1 ? <Tag>attempt {activity.attempt}</Tag> : null}
            </span>
            <Verdicts activity={activity} />
          </span>
          <span className="col-start-2 flex flex-wrap items-center gap-x-3 text-xs text-muted tabular-nums md:col-start-3 md:flex-col md:items-end">
            <State phrase={ACTIVITY_STATUS[activity.status]} />
            <Numbers activity={activity} />
          </span>
        </summary>
        <ActivityDetail activity={activity} reads={reads} />
      </details>
    </li>
  )
}

function EffectTag({ effect }: { effect: Activity['effect'] }) {
  const tone = effect === 'irreversible' ? 'border-bad text-bad' : 'border-warn text-warn'
  return (
    <span className={`rounded border px-1.5 text-2xs font-semibold whitespace-nowrap ${tone}`}>{EFFECT[effect]}</span>
  )
}

function Numbers({ activity }: { activity: Activity }) {
  const parts = [
    activity.latency_ms === null ? null : duration(activity.latency_ms),
    activity.tokens > 0 ? `${grouped(String(activity.tokens))} tokens` : null,
    activity.cost_nano_usd === '0' ? null : dollars(activity.cost_nano_usd),
  ].filter((part) => part !== null)
  return parts.length > 0 ? <span>{parts.join(' · ')}</span> : null
}

/** What policy said and what a person answered, on one line. */
function Verdicts({ activity }: { activity: Activity }) {
  const { decision, approval, code, from_ledger: ledger, resolved_by: resolved } = activity
  return (
    <span className="flex flex-wrap gap-x-3 text-xs text-muted">
      {decision ? (
        <span>
          {VERDICT[decision.verdict].word} <code className="breakable">{decision.reason_code}</code>
        </span>
      ) : null}
      {approval && approval.answer !== 'open' ? (
        <span>
          {REQUEST_STATE[approval.answer].word}
          {approval.by ? ` by ${approval.by}` : ''}
        </span>
      ) : null}
      {code && code !== decision?.reason_code ? <code className="text-bad breakable">{code}</code> : null}
      {ledger ? <span>answered from the ledger</span> : null}
      {resolved ? <span>{RESOLVED[resolved]}</span> : null}
    </span>
  )
}

const RESOLVED = {
  lookup: 'outcome found by look-up',
  same_key: 'sent again under the same key',
  person: 'outcome told by a person',
} as const

function ActivityDetail({ activity, reads }: { activity: Activity; reads: readonly Activity[] }) {
  return (
    <div className="flex flex-col gap-3 border-t border-line bg-canvas px-4 py-3 md:pl-9">
      <div className="grid gap-x-8 gap-y-3 xl:grid-cols-2">
        <Facts rows={decisionRows(activity)} />
        <RecordFacts activity={activity} />
      </div>
      <Payload label="Arguments" text={activity.arguments} />
      {hasResult(activity) ? <Payload label="Result" text={activity.result} /> : null}
      {reads.length > 0 ? (
        <div>
          <p className="eyebrow mb-1">Reads made for it</p>
          <ul className="flex flex-col gap-1 text-sm">
            {reads.map((read) => (
              <li key={read.key} className="flex flex-wrap items-center gap-x-2">
                <span className="font-mono text-xs">{read.name}</span>
                <span className="text-xs text-muted">for {PHASE[read.parent?.phase ?? 'facts']}</span>
                <State phrase={ACTIVITY_STATUS[read.status]} />
              </li>
            ))}
          </ul>
        </div>
      ) : null}
    </div>
  )
}

/** What was never sent has no result to show. */
function hasResult(activity: Activity): boolean {
  return activity.result !== null || activity.status === 'succeeded' || activity.status === 'failed'
}

const PHASE = { facts: 'facts for policy', preview: 'the preview', reconcile: 'the look-up' } as const

function decisionRows(activity: Activity): (readonly [string, ReactNode])[] {
  const { decision, approval } = activity
  const rows: (readonly [string, ReactNode])[] = []
  if (decision) {
    rows.push(['Decision', <State key="v" phrase={VERDICT[decision.verdict]} />])
    rows.push(['Reason code', <code key="c">{decision.reason_code}</code>])
    rows.push(['Policies', decision.policies.length > 0 ? decision.policies.join(', ') : 'none named'])
    rows.push(['Bundle', <code key="b">{decision.bundle}</code>])
  } else rows.push(['Decision', 'none recorded'])
  if (approval) {
    rows.push([
      'Approval',
      <span key="a" className="inline-flex flex-wrap items-center gap-x-2">
        <State phrase={REQUEST_STATE[approval.answer]} />
        <Link
          className="link"
          to={paths.approval(approval.approval_id, approval.answer === 'open' ? 'open' : 'decided')}
        >
          look
        </Link>
      </span>,
    ])
    if (approval.by) rows.push(['Answered by', approval.by])
    if (approval.reason)
      rows.push([
        'Their reason',
        <span key="r" className="untrusted">
          {approval.reason}
        </span>,
      ])
  }
  return rows
}

function RecordFacts({ activity }: { activity: Activity }) {
  const now = useNow(60_000)
  const mono = (text: string) => <span className="font-mono text-xs">{text}</span>
  const rows: (readonly [string, ReactNode])[] = [
    ['Node', `${activity.node}${activity.agent ? `, agent ${activity.agent}` : ''}`],
    ['Started', clock(activity.started_at, now)],
    [
      'Records',
      <span key="r">
        <FromHere seq={activity.seq} />
        {activity.outcome_seq === null ? (
          ', no outcome yet'
        ) : (
          <>
            {' '}
            to <FromHere seq={activity.outcome_seq} />
          </>
        )}
      </span>,
    ],
    ['Key', mono(activity.key)],
  ]
  if (activity.idempotency_key) rows.push(['Idempotency key', mono(activity.idempotency_key)])
  if (activity.effect_id) rows.push(['Effect', mono(activity.effect_id)])
  if (activity.effect_hash) rows.push(['Effect hash', mono(activity.effect_hash)])
  if (activity.from_ledger)
    rows.push([
      'From the ledger',
      <Link key="l" className="link" to={paths.run(activity.from_ledger.run_id)}>
        record #{activity.from_ledger.seq} of {activity.from_ledger.run_id}
      </Link>,
    ])
  return <Facts rows={rows} />
}

function Payload({ label, text }: { label: string; text: string | null }) {
  return (
    <div>
      <p className="eyebrow mb-1">{label}</p>
      {text === null ? (
        <p className="text-sm text-muted">Not shown: erased, sealed, or too long.</p>
      ) : (
        <CodeBlock label={label} text={prettyJson(text)} />
      )}
    </div>
  )
}
