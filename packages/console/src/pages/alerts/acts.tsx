import type { AlertView } from '@signalbox/protocol'
import { useState } from 'react'
import { useChange, useSignedIn } from '../../api/queries.ts'
import { alertBlocked } from '../../lib/permissions.ts'
import { GuardedButton } from '../../ui/basics.tsx'
import { ConfirmDialog } from '../../ui/dialog.tsx'
import { FormError } from '../../ui/states.tsx'
import { Clock } from '../../ui/time.tsx'
import { Choice } from '../policy/fields.tsx'

/** Take it up at once; silence it with a reason and an end; say that it is over, with a reason. */
export function AlertActs({ alert }: { alert: AlertView }) {
  const me = useSignedIn()
  const [open, setOpen] = useState<'silence' | 'resolve' | null>(null)
  const acknowledge = useChange<string>((client, id) => client.acknowledgeAlert({ params: { id }, body: {} }))
  const close = () => setOpen(null)
  const blocked = {
    acknowledge: alertBlocked(me, 'acknowledge', alert),
    silence: alertBlocked(me, 'silence', alert),
    resolve: alertBlocked(me, 'resolve', alert),
  }
  return (
    <div className="mt-3 flex flex-col gap-1.5">
      <div className="flex flex-wrap gap-2">
        <GuardedButton
          kind="primary"
          showWhy={false}
          blocked={blocked.acknowledge}
          onClick={() => {
            if (!acknowledge.isPending) acknowledge.mutate(alert.id)
          }}
        >
          {acknowledge.isPending ? 'Sending…' : 'Acknowledge'}
        </GuardedButton>
        <GuardedButton showWhy={false} blocked={blocked.silence} onClick={() => setOpen('silence')}>
          Silence…
        </GuardedButton>
        <GuardedButton showWhy={false} blocked={blocked.resolve} onClick={() => setOpen('resolve')}>
          Resolve…
        </GuardedButton>
      </div>
      <ul aria-hidden="true" className="text-xs text-muted">
        {[...new Set(Object.values(blocked).filter((why) => why !== null))].map((why) => (
          <li key={why}>{why}</li>
        ))}
      </ul>
      {acknowledge.error ? <FormError error={acknowledge.error} /> : null}
      {open === 'silence' ? <SilenceDialog id={alert.id} onClose={close} /> : null}
      {open === 'resolve' ? <ResolveDialog id={alert.id} onClose={close} /> : null}
    </div>
  )
}

const ENDS: readonly (readonly [string, string])[] = [
  ['900', '15 minutes'],
  ['3600', '1 hour'],
  ['14400', '4 hours'],
  ['86400', '1 day'],
  ['604800', '7 days'],
]

function SilenceDialog({ id, onClose }: { id: string; onClose: () => void }) {
  const [seconds, setSeconds] = useState('3600')
  const [opened] = useState(() => Date.now())
  const silence = useChange<string>((client, reason) =>
    client.silenceAlert({ params: { id }, body: { reason, for_seconds: Number(seconds) } }),
  )
  return (
    <ConfirmDialog
      title="Silence this alert"
      action="Silence"
      pending={silence.isPending}
      error={silence.error}
      onClose={onClose}
      onConfirm={(reason) => silence.mutate(reason, { onSuccess: onClose })}
    >
      <p>Nobody is told of it until then. If it still holds then, it opens again and is told.</p>
      <Choice label="For" value={seconds} options={ENDS} onChange={setSeconds} />
      <p>
        Until about <Clock at={new Date(opened + Number(seconds) * 1000).toISOString()} />.
      </p>
    </ConfirmDialog>
  )
}

function ResolveDialog({ id, onClose }: { id: string; onClose: () => void }) {
  const resolve = useChange<string>((client, reason) => client.resolveAlert({ params: { id }, body: { reason } }))
  return (
    <ConfirmDialog
      title="Resolve this alert"
      action="Resolve"
      pending={resolve.isPending}
      error={resolve.error}
      onClose={onClose}
      onConfirm={(reason) => resolve.mutate(reason, { onSuccess: onClose })}
    >
      <p>Say what it was and what was done. When the same is found again, the alert opens again.</p>
    </ConfirmDialog>
  )
}
