import type { AnswersView, StandingView } from '@signalbox/protocol'
import type { ReactNode } from 'react'
import { Link } from 'react-router'
import { useStanding } from '../../../api/inbox.ts'
import { useApproval } from '../../../api/queries.ts'
import { changedFields } from '../../../lib/changes.ts'
import { duration, money, prettyJson } from '../../../lib/format.ts'
import { constraintText } from '../../../lib/standing-form.ts'
import { count, REQUEST_STATE } from '../../../lib/words.ts'
import { paths } from '../../../paths.ts'
import { CodeBlock, State } from '../../../ui/basics.tsx'
import { RecordLinks } from '../../../ui/record-link.tsx'
import { NotKnown } from '../../../ui/states.tsx'
import { Clock } from '../../../ui/time.tsx'

type Approval = AnswersView['approved']['approvals'][number]

/** One approval: who answered, when, why, and what they were shown; what let it happen without them, and what they changed. */
export function ApprovalAnswer({ run, approval }: { run: string; approval: Approval }) {
  return (
    <div className="flex flex-col gap-1">
      <Head approval={approval} />
      {approval.reason ? <p className="untrusted">“{approval.reason}”</p> : null}
      <p className="untrusted text-muted">{shownText(approval)}</p>
      <Votes approval={approval} />
      {approval.standing ? <Standing id={approval.standing} /> : null}
      {approval.edited_by ? <Edited id={approval.approval} by={approval.edited_by} /> : null}
      {approval.asked_by.map((each) => (
        <p key={`${each.policy} ${each.stage}`} className="text-xs text-muted">
          Asked by {each.policy} (<code>{each.reason_code}</code>): {each.quorum} of {each.approvers.join(', ')}
        </p>
      ))}
      <p className="text-xs text-muted">
        On record: <RecordLinks run={run} seqs={approval.seqs} />
      </p>
      {approval.seen_hash !== null && approval.seen_hash !== approval.packet_hash ? (
        <NotKnown what="They answered another packet than the one that is on record." />
      ) : null}
    </div>
  )
}

function Head({ approval }: { approval: Approval }) {
  return (
    <p className="flex flex-wrap items-center gap-x-2">
      <State phrase={REQUEST_STATE[approval.answer]} />
      <span>
        <span className="font-mono text-xs">{approval.tool}</span>
        {approval.by ? (
          <>
            {' '}
            by <strong>{approval.by}</strong>
          </>
        ) : null}
        {approval.wait_ms === null ? null : ` after ${duration(approval.wait_ms)}`}
      </span>
      <Link className="link" to={paths.approval(approval.approval, approval.answer === 'open' ? 'open' : 'decided')}>
        look<span className="sr-only"> at the approval of {approval.tool}</span>
      </Link>
    </p>
  )
}

function shownText({ shown, by, standing }: Approval): string {
  if (!shown) return 'What was shown is sealed or erased.'
  const parts = [
    shown.summary,
    ...(shown.money ? [money(shown.money.minor, shown.money.currency)] : []),
    ...(shown.target ? [`${shown.target.type} ${shown.target.id}`] : []),
  ]
  const who = standing ? 'It let happen' : by ? 'They saw' : 'They are shown'
  return `${who}: ${parts.join(', ')}`
}

/** Everybody who said yes, with the time and the packet that they had before them; nobody where a standing approval did. */
function Votes({ approval }: { approval: Approval }) {
  if (approval.votes.length === 0 || approval.standing) return null
  return (
    <ul aria-label="Said yes" className="flex flex-col gap-1 border-l-2 border-line pl-2 text-xs">
      {approval.votes.map((vote) => (
        <li key={`${vote.by} ${vote.for} ${vote.at}`}>
          <strong>{vote.by}</strong> said yes at <Clock at={vote.at} />
          {vote.for ? (
            <>
              {' '}
              in the place of <strong>{vote.for}</strong>
            </>
          ) : null}
          , <Seen hash={vote.seen} packet={approval.packet_hash} />
          {vote.reason && vote.reason !== approval.reason ? (
            <span className="untrusted block text-muted">“{vote.reason}”</span>
          ) : null}
        </li>
      ))}
    </ul>
  )
}

function Seen({ hash, packet }: { hash: string | null; packet: string }) {
  if (hash === null) return <>and what they saw is not on record</>
  const which = hash === packet ? 'saw this packet' : 'saw another packet than the one on record'
  return (
    <>
      {which}:{' '}
      <code title={hash} className="breakable">
        {hash.slice(0, 21)}…
      </code>
    </>
  )
}

/** The standing approval that answered in the place of a person: who gave it, for what, and until when. */
function Standing({ id }: { id: string }) {
  const { data, error } = useStanding()
  const found = data?.standing.find((one) => one.id === id)
  const why = data ? 'It is not on the list.' : error ? 'It cannot be read now.' : 'Loading it…'
  return (
    <div className="border-l-2 border-line pl-2 text-xs">
      <p>
        Nobody was asked: the{' '}
        <Link className="link" to={paths.review()}>
          standing approval {id}
        </Link>{' '}
        answered. {found ? null : why}
      </p>
      {found ? <Bounds standing={found} /> : null}
    </div>
  )
}

function Bounds({ standing }: { standing: StandingView }) {
  const { tool, workflow, principal, constraints, max_uses, max_amount, amount_field } = standing
  return (
    <>
      <p className="untrusted">
        Given by <strong>{standing.created_by}</strong> at <Clock at={standing.created_at} />: “{standing.reason}”
      </p>
      <p className="breakable">
        It covers <code>{tool}</code> in {workflow} for {principal}, where{' '}
        {constraints.map(constraintText).join(' and ')}
        {max_amount === null ? '' : `, up to ${max_amount} of ${amount_field ?? 'the amount'} in all`}.
      </p>
      <p>
        Used {standing.used} of {count(max_uses, 'time')}; it holds until <Clock at={standing.expires_at} />.
        {standing.revoked_at ? (
          <>
            {' '}
            Revoked by {standing.revoked_by ?? 'somebody'} at <Clock at={standing.revoked_at} />.
          </>
        ) : null}
      </p>
    </>
  )
}

/** What was proposed, and what a reviewer decided in its place. */
function Edited({ id, by }: { id: string; by: string }) {
  const { data, error } = useApproval(id)
  const decided = data?.history.findLast((event) => event.what === 'edited')?.text ?? null
  // A packet that policy asked about again holds what was decided already.
  const proposed = data?.packet && data.packet.edited_by === undefined ? data.packet.arguments : null
  return (
    <div className="border-l-2 border-line pl-2 text-xs">
      <p>
        <strong>{by}</strong> changed the arguments: what was decided is not what was proposed.
      </p>
      {data || error ? (
        <Difference proposed={proposed} decided={decided} />
      ) : (
        <p className="text-muted">Loading both…</p>
      )}
    </div>
  )
}

function Difference({ proposed, decided }: { proposed: string | null; decided: string | null }) {
  if (decided === null) return <p className="text-muted">The arguments are sealed or erased.</p>
  const fields = proposed === null ? null : changedFields(proposed, decided)
  if (!fields)
    return (
      <>
        {proposed === null ? null : <CodeBlock label="As proposed" text={prettyJson(proposed)} />}
        <CodeBlock label="As decided" text={prettyJson(decided)} />
      </>
    )
  return (
    <dl aria-label="Changed arguments" className="mt-1 grid grid-cols-[auto_minmax(0,1fr)] gap-x-3">
      {fields.map(({ field, proposed: was, decided: is }) => (
        <Pair key={field} name={field}>
          <del>{was ?? 'left out'}</del> <ins className="font-semibold no-underline">{is ?? 'left out'}</ins>
        </Pair>
      ))}
    </dl>
  )
}

function Pair({ name, children }: { name: string; children: ReactNode }) {
  return (
    <>
      <dt className="font-mono text-muted">{name}</dt>
      <dd className="untrusted font-mono">{children}</dd>
    </>
  )
}
