import type { ApprovalDetail } from '@signalbox/protocol'
import { useState } from 'react'
import { hasCode } from '../../api/problem.ts'
import { useApproval, useChange } from '../../api/queries.ts'
import { useKeys } from '../../lib/hooks.ts'
import { decideBlocked } from '../../lib/permissions.ts'
import { Button, GuardedButton } from '../../ui/basics.tsx'
import { ConfirmDialog } from '../../ui/dialog.tsx'
import { Loaded } from '../../ui/states.tsx'
import { ItemFrame, Sent, SomeoneElse } from './frame.tsx'
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
  const [sent, setSent] = useState<Answer | null>(null)
  const [conflict, setConflict] = useState(false)
  const blocked = decideBlocked(approval)
  const ask = (answer: Answer) => (blocked === null && !sent ? setAsked({ answer, seen: approval }) : undefined)
  useKeys({ a: () => ask('approved'), r: () => ask('rejected') })
  return (
    <ItemFrame item={approval} title={approval.packet?.summary ?? approval.summary ?? approval.tool}>
      {conflict ? <SomeoneElse item={approval} /> : null}
      {approval.state === 'open' && sent ? <Sent word={sent} /> : null}
      {approval.state === 'open' && !sent ? <Answers blocked={blocked} ask={ask} /> : null}
      <ApprovalPacket approval={approval} />
      {asked ? (
        <DecideDialog
          answer={asked.answer}
          seen={asked.seen}
          onClose={() => setAsked(null)}
          onDone={() => {
            setSent(asked.answer)
            setAsked(null)
          }}
          onConflict={() => {
            setConflict(true)
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
  readonly onConflict: () => void
}

function DecideDialog({ answer, seen, onClose, onDone, onConflict }: DecideDialogProps) {
  const decide = useChange<string>((client, reason) =>
    client.decide({ params: { id: seen.id }, body: { answer, reason, packet_hash: seen.packet_hash } }),
  )
  const approve = answer === 'approved'
  const irreversible = approve && seen.packet?.effect === 'irreversible'
  return (
    <ConfirmDialog
      title={approve ? 'Approve this action' : 'Reject this action'}
      action={approve ? 'Approve' : 'Reject'}
      kind={approve ? 'primary' : 'danger'}
      {...(irreversible ? { word: 'approve', wordWhy: 'This cannot be undone.' } : {})}
      pending={decide.isPending}
      error={hasCode(decide.error, 'APPROVAL_DECIDED') ? null : decide.error}
      onClose={onClose}
      onConfirm={(reason) =>
        decide.mutate(reason, {
          onSuccess: onDone,
          onError: (error) => (hasCode(error, 'APPROVAL_DECIDED') ? onConflict() : undefined),
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
