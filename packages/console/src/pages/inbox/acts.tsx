import type { ApprovalDetail, Client, Me } from '@signalbox/protocol'
import { useState } from 'react'
import { useChange, useSignedIn } from '../../api/queries.ts'
import { useNow } from '../../lib/hooks.ts'
import { claimOf } from '../../lib/inbox.ts'
import { type Blocked, decideBlocked } from '../../lib/permissions.ts'
import { Button, GuardedButton } from '../../ui/basics.tsx'
import { ConfirmDialog, Dialog } from '../../ui/dialog.tsx'
import { FormError } from '../../ui/states.tsx'
import { DelegateDialog } from '../review/delegate.tsx'
import { StandingDialog } from '../review/standing.tsx'
import { EditDialog } from './edit.tsx'

const CLOCK_MS = 5000

interface Said {
  readonly title: string
  readonly action: string
  readonly label: string
  readonly text: string
  readonly send: (client: Client, id: string, text: string) => Promise<unknown>
}

/** What takes a text and nothing else. */
const SAID = {
  ask: {
    title: 'Ask the requester',
    action: 'Ask',
    label: 'Your question',
    text: 'The requester is told. The approval stays open meanwhile, and anyone who may can still answer it.',
    send: (client, id, text) => client.askInformation({ params: { id }, body: { text } }),
  },
  inform: {
    title: 'Answer the question of the reviewer',
    action: 'Answer',
    label: 'Your answer',
    text: 'It is shown to every reviewer beside what is asked.',
    send: (client, id, text) => client.giveInformation({ params: { id }, body: { text } }),
  },
  withdraw: {
    title: 'Take the request back',
    action: 'Take it back',
    label: 'Reason',
    text: 'It is not carried out. The run takes the fallback that its workflow declares.',
    send: (client, id, reason) => client.withdrawApproval({ params: { id }, body: { reason } }),
  },
  lift: {
    title: 'Let it be asked again',
    action: 'Let it be asked',
    label: 'Reason',
    text: 'Where policy remembers this no, the same question is denied at once. Afterwards people are asked again.',
    send: (client, id, reason) => client.liftDecline({ params: { id }, body: { reason } }),
  },
} as const satisfies Record<string, Said>

type Open = keyof typeof SAID | 'snooze' | 'edit' | 'delegate' | 'standing'

/** Everything that a person can do with an approval beside saying yes or no. */
export function ApprovalActs({ approval, onEdited }: { approval: ApprovalDetail; onEdited: () => void }) {
  const me = useSignedIn()
  const [open, setOpen] = useState<{ readonly what: Open; readonly seen: ApprovalDetail } | null>(null)
  const ask = (what: Open) => () => setOpen({ what, seen: approval })
  const close = () => setOpen(null)
  if (approval.state !== 'open' && approval.state !== 'rejected') return null
  return (
    <section aria-label="Other acts" className="border-b border-line px-4 py-3">
      <div className="flex flex-wrap gap-2">
        {approval.state === 'open' ? <ReviewerActs approval={approval} me={me} ask={ask} /> : null}
        {approval.state === 'open' && approval.requester === me.principal.id ? (
          <RequesterActs approval={approval} me={me} ask={ask} />
        ) : null}
        {approval.state === 'rejected' ? (
          <GuardedButton blocked={liftBlocked(approval, me)} showWhy={false} onClick={ask('lift')}>
            Let it be asked again…
          </GuardedButton>
        ) : null}
      </div>
      {open ? <OpenDialog what={open.what} approval={open.seen} onClose={close} onEdited={onEdited} /> : null}
    </section>
  )
}

function liftBlocked(approval: ApprovalDetail, me: Me): Blocked {
  if (approval.requester === me.principal.id) return 'You requested this run: another person has to allow it.'
  return me.permissions.includes('approvals.decide') ? null : 'Your role does not decide approvals.'
}

interface ActsProps {
  readonly approval: ApprovalDetail
  readonly me: Me
  readonly ask: (what: Open) => () => void
}

function ReviewerActs({ approval, me, ask }: ActsProps) {
  const now = useNow(CLOCK_MS)
  const claim = claimOf(approval.life, now)
  const mine = claim?.by === me.principal.id
  const blocked =
    approval.life === null
      ? 'It was asked by an earlier version, which knows yes and no only.'
      : decideBlocked(approval)
  const taken = claim && !mine ? `Claimed by ${claim.by}.` : null
  return (
    <>
      <ClaimButton approval={approval} mine={mine} blocked={blocked ?? taken} />
      <GuardedButton blocked={blocked} showWhy={false} onClick={ask('ask')}>
        Ask for information…
      </GuardedButton>
      <GuardedButton
        blocked={blocked ?? (approval.packet ? null : 'The content was erased.')}
        showWhy={false}
        onClick={ask('edit')}
      >
        Edit and approve…
      </GuardedButton>
      <GuardedButton blocked={blocked} showWhy={false} onClick={ask('snooze')}>
        Not now…
      </GuardedButton>
      <GuardedButton blocked={blocked} showWhy={false} onClick={ask('delegate')}>
        Name a stand-in…
      </GuardedButton>
      <GuardedButton blocked={blocked} showWhy={false} onClick={ask('standing')}>
        Standing approval…
      </GuardedButton>
    </>
  )
}

function ClaimButton({ approval, mine, blocked }: { approval: ApprovalDetail; mine: boolean; blocked: Blocked }) {
  const { id } = approval
  const change = useChange<boolean>((client, give) =>
    give ? client.unclaimApproval({ params: { id }, body: {} }) : client.claimApproval({ params: { id }, body: {} }),
  )
  return (
    <>
      <GuardedButton
        blocked={blocked}
        showWhy={false}
        onClick={() => (change.isPending ? undefined : change.mutate(mine))}
      >
        {mine ? 'Give the claim back' : 'Claim for 15 minutes'}
      </GuardedButton>
      {change.error ? <FormError error={change.error} /> : null}
    </>
  )
}

function RequesterActs({ approval, me, ask }: ActsProps) {
  const blocked = me.permissions.includes('runs.cancel_own') ? null : 'Taking it back needs the requester role.'
  return (
    <>
      {approval.can_inform ? (
        <Button kind="primary" onClick={ask('inform')}>
          Answer the question…
        </Button>
      ) : null}
      <GuardedButton
        blocked={approval.can_withdraw ? blocked : 'It cannot be taken back now.'}
        showWhy={false}
        onClick={ask('withdraw')}
      >
        Take it back…
      </GuardedButton>
    </>
  )
}

interface OpenDialogProps {
  readonly what: Open
  readonly approval: ApprovalDetail
  readonly onClose: () => void
  readonly onEdited: () => void
}

function OpenDialog({ what, approval, onClose, onEdited }: OpenDialogProps) {
  if (what === 'snooze') return <SnoozeDialog id={approval.id} onClose={onClose} />
  if (what === 'delegate') return <DelegateDialog onClose={onClose} />
  if (what === 'standing') return <StandingDialog like={approval} onClose={onClose} />
  if (what === 'edit') return <EditDialog seen={approval} onClose={onClose} onDone={onEdited} />
  return <SaidDialog said={SAID[what]} id={approval.id} question={questionOf(what, approval)} onClose={onClose} />
}

function questionOf(what: Open, approval: ApprovalDetail): string | null {
  if (what !== 'inform') return null
  return approval.history.findLast((event) => event.what === 'information_asked')?.text ?? null
}

interface SaidDialogProps {
  readonly said: Said
  readonly id: string
  readonly question: string | null
  readonly onClose: () => void
}

function SaidDialog({ said, id, question, onClose }: SaidDialogProps) {
  const change = useChange<string>((client, text) => said.send(client, id, text))
  return (
    <ConfirmDialog
      title={said.title}
      action={said.action}
      reasonLabel={said.label}
      pending={change.isPending}
      error={change.error}
      onClose={onClose}
      onConfirm={(text) => change.mutate(text, { onSuccess: onClose })}
    >
      {question ? <p className="untrusted rounded-md bg-sunken px-3 py-2">{question}</p> : null}
      <p className="text-muted">{said.text}</p>
    </ConfirmDialog>
  )
}

const LATER: readonly (readonly [number, string])[] = [
  [600, 'In 10 minutes'],
  [3600, 'In 1 hour'],
  [86_400, 'In 24 hours'],
  [3 * 86_400, 'In 3 days'],
]

/** Puts an approval off for this person alone. */
function SnoozeDialog({ id, onClose }: { id: string; onClose: () => void }) {
  const change = useChange<number>((client, seconds) => client.snoozeApproval({ params: { id }, body: { seconds } }))
  return (
    <Dialog title="Not now" onClose={onClose}>
      <p className="mb-3 text-sm text-muted">
        It leaves your list until then and you are reminded. Others still see it, and its deadline does not change.
      </p>
      <div className="flex flex-wrap gap-2">
        {LATER.map(([seconds, label]) => (
          <Button
            key={seconds}
            aria-disabled={change.isPending}
            onClick={() => (change.isPending ? undefined : change.mutate(seconds, { onSuccess: onClose }))}
          >
            {label}
          </Button>
        ))}
        <Button kind="quiet" onClick={onClose}>
          Back
        </Button>
      </div>
      {change.error ? <FormError error={change.error} /> : null}
    </Dialog>
  )
}
