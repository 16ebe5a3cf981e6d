import type { ApprovalDetail } from '@signalbox/protocol'
import { useState } from 'react'
import { useSeen } from '../../api/inbox.ts'
import { hasCode, shown } from '../../api/problem.ts'
import { useApproval, useChange, useSignedIn } from '../../api/queries.ts'
import { useKeys } from '../../lib/hooks.ts'
import { confirmWord, progressText } from '../../lib/inbox.ts'
import { decideBlocked } from '../../lib/permissions.ts'
import { Button, GuardedButton } from '../../ui/basics.tsx'
import { ConfirmDialog } from '../../ui/dialog.tsx'
import { Loaded } from '../../ui/states.tsx'
import { Icon } from '../../ui/icon.tsx'
import { ApprovalActs } from './acts.tsx'
import { ItemFrame, Sent, SomeoneElse } from './frame.tsx'
import { ApprovalHistory, LifePanel } from './life.tsx'
import { ApprovalPacket } from './packet.tsx'

type Answer = 'approved' | 'rejected'

/** One approval: what is asked, and the two answers. */
export function ApprovalDetailView({ id }: { id: string }) {
  const query = useApproval(id)
  return (
    <div className={query.data ? '' : 'card'}>
      <Loaded query={query} what="the approval">
        {(approval) => <Approval approval={approval} />}
      </Loaded>
    </div>
  )
}

function Approval({ approval }: { approval: ApprovalDetail }) {
  // The dialog keeps what was on screen when it was opened: that is what the decision says was seen.
  const [asked, setAsked] = useState<{ answer: Answer; seen: ApprovalDetail } | null>(null)
  // What was sent, and how much had happened before: arguments that are refused leave it to be answered again.
  const [last, setLast] = useState<{ readonly word: Answer | 'edited'; readonly events: number } | null>(null)
  const setSent = (word: Answer | 'edited') => setLast({ word, events: approval.history.length })
  const [conflict, setConflict] = useState<{ readonly by: string | null } | null>(null)
  useSeen(approval)
  const me = useSignedIn().principal.id
  const voted = approval.life?.votes.some((vote) => vote.by === me) ?? false
  const refused = last && approval.history.slice(last.events).some((event) => event.what === 'edit_refused')
  const sent = refused ? null : (last?.word ?? null)
  const blocked = decideBlocked(approval)
  const ask = (answer: Answer) => (blocked === null && !sent ? setAsked({ answer, seen: approval }) : undefined)
  useKeys({ a: () => ask('approved'), r: () => ask('rejected') })
  const open = approval.state === 'open'
  return (
    <ItemFrame item={approval} title={approval.packet?.summary ?? approval.summary ?? approval.tool}>
      {conflict ? <SomeoneElse item={approval} by={conflict.by} /> : null}
      {open && sent && !voted ? <Sent word={sent} /> : null}
      {open && voted && approval.life ? <Voted progress={progressText(approval.life)} /> : null}
      {open && (!sent || voted) ? <Answers blocked={blocked} ask={ask} /> : null}
      {open && approval.acts_for ? (
        <p className="border-b border-line bg-sunken px-4 py-2 text-sm breakable">
          You answer in the place of <strong>{approval.acts_for}</strong>; it is recorded so.
        </p>
      ) : null}
      <ApprovalActs approval={approval} onEdited={() => setSent('edited')} />
      <ApprovalPacket approval={approval} />
      <LifePanel approval={approval} />
      <div className="px-4 py-4 empty:hidden">
        <ApprovalHistory events={approval.history} />
      </div>
      {asked ? (
        <DecideDialog
          answer={asked.answer}
          seen={asked.seen}
          onClose={() => setAsked(null)}
          onDone={() => {
            setSent(asked.answer)
            setAsked(null)
          }}
          onConflict={(by) => {
            setConflict({ by })
            setAsked(null)
          }}
        />
      ) : null}
    </ItemFrame>
  )
}

function Answers({ blocked, ask }: { blocked: string | null; ask: (answer: Answer) => void }) {
  if (blocked === null) {
    return (
      <div className="flex flex-wrap gap-2 border-b border-line px-4 py-3">
        <Button kind="primary" onClick={() => ask('approved')} aria-keyshortcuts="a">
          Approve <Key name="a" />
        </Button>
        <Button onClick={() => ask('rejected')} aria-keyshortcuts="r">
          Reject <Key name="r" />
        </Button>
      </div>
    )
  }
  return (
    <div className="flex flex-wrap items-center gap-2 border-b border-line px-4 py-3">
      <GuardedButton blocked={blocked} showWhy={false} onClick={() => undefined}>
        Approve
      </GuardedButton>
      <GuardedButton blocked={blocked} onClick={() => undefined}>
        Reject
      </GuardedButton>
    </div>
  )
}

/** Said to a person whose yes is one of several that are needed. */
function Voted({ progress }: { progress: string }) {
  return (
    <p
      role="status"
      className="flex items-center gap-2 border-b border-line bg-ok-soft px-4 py-2.5 text-sm font-semibold text-ok"
    >
      <Icon name="check" /> Your yes is recorded. {progress}.
    </p>
  )
}

function firstOf(error: unknown): string | null {
  const by = shown(error).details.decided_by
  return typeof by === 'string' ? by : null
}

function Key({ name }: { name: string }) {
  return (
    <span
      aria-hidden="true"
      className="hidden rounded border border-current px-1 font-mono text-2xs font-normal sm:inline"
    >
      {name}
    </span>
  )
}

interface DecideDialogProps {
  readonly answer: Answer
  readonly seen: ApprovalDetail
  readonly onClose: () => void
  readonly onDone: () => void
  /** With who was first, where the server says so. */
  readonly onConflict: (by: string | null) => void
}

function DecideDialog({ answer, seen, onClose, onDone, onConflict }: DecideDialogProps) {
  const decide = useChange<string>((client, reason) =>
    client.decide({ params: { id: seen.id }, body: { answer, reason, packet_hash: seen.packet_hash } }),
  )
  const approve = answer === 'approved'
  const word = approve && seen.packet?.effect === 'irreversible' ? confirmWord(seen.packet) : null
  return (
    <ConfirmDialog
      title={approve ? 'Approve this action' : 'Reject this action'}
      action={approve ? 'Approve' : 'Reject'}
      kind={approve ? 'primary' : 'danger'}
      {...(word === null ? {} : { word, wordWhy: 'This cannot be undone.' })}
      pending={decide.isPending}
      error={hasCode(decide.error, 'APPROVAL_DECIDED') ? null : decide.error}
      onClose={onClose}
      onConfirm={(reason) =>
        decide.mutate(reason, {
          onSuccess: onDone,
          onError: (error) => (hasCode(error, 'APPROVAL_DECIDED') ? onConflict(firstOf(error)) : undefined),
        })
      }
    >
      <p className="untrusted line-clamp-4 rounded-md bg-sunken px-3 py-2">{seen.packet?.summary ?? seen.tool}</p>
      <p className="text-muted">
        {approve
          ? 'It is carried out once, exactly as shown. If anything of it has changed, it is not carried out.'
          : 'It is not carried out. The run takes the fallback that its workflow declares.'}
      </p>
    </ConfirmDialog>
  )
}
