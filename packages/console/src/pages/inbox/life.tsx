import type { ApprovalDetail, ApprovalEventView, ApprovalLifeView } from '@signalbox/protocol'
import type { ReactNode } from 'react'
import { useSignedIn } from '../../api/queries.ts'
import { useNow } from '../../lib/hooks.ts'
import { claimOf, progressText, snoozedUntil, stageNumber } from '../../lib/inbox.ts'
import type { Phrase } from '../../lib/words.ts'
import { State } from '../../ui/basics.tsx'
import { type Column, Table } from '../../ui/table.tsx'
import { Age, Clock } from '../../ui/time.tsx'

type Demand = ApprovalLifeView['demands'][number]
const CLOCK_MS = 5000

/** Who has to say yes, who has, and what stands in between. Nothing for an approval without a life on record. */
export function LifePanel({ approval }: { approval: ApprovalDetail }) {
  const { life } = approval
  if (!life) return null
  return (
    <section aria-label="Who has to say yes" className="border-b border-line">
      <div className="flex flex-wrap items-center justify-between gap-2 px-4 pt-3">
        <h3 className="eyebrow">Who has to say yes</h3>
        {approval.state === 'open' ? <p className="text-sm font-semibold">{progressText(life)}</p> : null}
      </div>
      <Table
        label="Who has to say yes"
        columns={columnsFor(life, approval.state === 'open')}
        rows={life.demands}
        rowKey={(row) => `${row.stage} ${row.policy}`}
      />
      <Notes approval={approval} life={life} />
    </section>
  )
}

function stateOf(row: Demand, life: ApprovalLifeView, open: boolean): Phrase {
  if (row.given.length >= row.quorum) return { word: 'Given', tone: 'ok', icon: 'check' }
  if (!open) return { word: 'Not given', tone: 'idle', icon: 'ban' }
  return row.stage === life.stage
    ? { word: 'Waits', tone: 'warn', icon: 'clock' }
    : { word: 'Later', tone: 'idle', icon: 'dot' }
}

const plain = (roles: readonly string[]) => roles.map((role) => role.replace(/^role:/, '')).join(' or ')

function columnsFor(life: ApprovalLifeView, open: boolean): readonly Column<Demand>[] {
  return [
    { name: 'Stage', cell: (row) => `${stageNumber(life, row.stage)} of ${life.stages}` },
    { name: 'Asked by', cell: (row) => <code className="text-xs breakable">{row.policy}</code> },
    {
      name: 'May answer',
      cell: (row) => (
        <span className="breakable">
          {plain(row.approvers)}
          {row.escalated_to.length > 0 ? (
            <span className="block text-xs text-muted">escalated to {plain(row.escalated_to)}</span>
          ) : null}
        </span>
      ),
    },
    {
      name: 'Said yes',
      cell: (row) => (
        <span className="breakable">
          {Math.min(row.given.length, row.quorum)} of {row.quorum}
          {row.given.length > 0 ? <span className="block text-xs text-muted">{row.given.join(', ')}</span> : null}
        </span>
      ),
    },
    { name: 'State', cell: (row) => <State phrase={stateOf(row, life, open)} /> },
  ]
}

function Notes({ approval, life }: { approval: ApprovalDetail; life: ApprovalLifeView }) {
  const now = useNow(CLOCK_MS)
  const me = useSignedIn().principal.id
  const open = approval.state === 'open'
  const claim = open ? claimOf(life, now) : null
  const snoozed = open ? snoozedUntil(life, me, now) : null
  const seen = Object.entries(life.seen)
  const notes: (readonly [string, ReactNode])[] = [
    ...(claim ? [['claim', <Until key="c" text={`Claimed by ${claim.by} until`} at={claim.until} />] as const] : []),
    ...(snoozed ? [['snoozed', <Until key="s" text="Not now for you, until" at={snoozed} />] as const] : []),
    ...(open && life.information && life.information.given_at === null
      ? [['information', <Asked key="i" by={life.information.by} stops={life.information.stops_deadline} />] as const]
      : []),
    ...(open && life.editing
      ? [['editing', `${life.editing} proposed other arguments; policy has not judged them yet.`] as const]
      : []),
    ...life.escalations.map(
      (each) =>
        [
          `escalated ${each.policy} ${each.at}`,
          <Escalated key={each.policy + each.at} to={each.to} at={each.at} />,
        ] as const,
    ),
    ...(life.edited_by ? [['edited', `${life.edited_by} changed the arguments.`] as const] : []),
    ...(life.standing ? [['standing', `Answered by the standing approval ${life.standing}.`] as const] : []),
    ...(seen.length > 0 ? [['seen', `Details opened by ${seen.map(([who]) => who).join(', ')}.`] as const] : []),
  ]
  if (notes.length === 0) return null
  return (
    <ul aria-label="So far" className="list-disc px-4 pt-1 pb-3 pl-8 text-sm">
      {notes.map(([key, note]) => (
        <li key={key} className="breakable">
          {note}
        </li>
      ))}
    </ul>
  )
}

function Until({ text, at }: { text: string; at: string }) {
  return (
    <>
      {text} <Clock at={at} />.
    </>
  )
}

function Asked({ by, stops }: { by: string; stops: boolean }) {
  return (
    <>
      {by} asked the requester for information{stops ? '; the deadline stands still until the answer' : ''}.
    </>
  )
}

function Escalated({ to, at }: { to: readonly string[]; at: string }) {
  return (
    <>
      Escalated to {plain(to)}, <Age at={at} />.
    </>
  )
}

const WHAT: Readonly<Record<ApprovalEventView['what'], string>> = {
  voted: 'said yes',
  claimed: 'claimed it',
  unclaimed: 'gave the claim back',
  information_asked: 'asked for information',
  information_given: 'gave the information',
  snoozed: 'said: not now',
  seen: 'opened the details',
  edited: 'changed the arguments',
  edit_refused: 'The changed arguments were refused',
  stage_begun: 'A stage began',
  escalated: 'It was escalated',
  reminded: 'A reminder was sent',
  approved: 'approved it',
  rejected: 'rejected it',
  expired: 'Nobody answered in time',
  cancelled: 'took it back',
  void: 'It became void',
}

/** What happened to an approval, in order; texts are shown as text. */
export function ApprovalHistory({ events }: { events: readonly ApprovalEventView[] }) {
  if (events.length === 0) return null
  return (
    <section>
      <h3 className="eyebrow mb-1">What happened</h3>
      <ol aria-label="What happened" className="flex flex-col gap-1.5 text-sm">
        {events.map((event) => (
          <li key={`${event.at} ${event.what} ${event.by}`} className="grid grid-cols-[6rem_minmax(0,1fr)] gap-2">
            <span className="text-xs text-muted">
              <Clock at={event.at} />
            </span>
            <span className="breakable">
              {event.by ? <strong>{event.by}</strong> : null} {WHAT[event.what]}
              {event.for ? ` in the place of ${event.for}` : ''}
              {event.detail ? <span className="text-muted"> ({event.detail})</span> : null}
              {event.text ? <span className="untrusted block text-muted">“{event.text}”</span> : null}
            </span>
          </li>
        ))}
      </ol>
    </section>
  )
}
