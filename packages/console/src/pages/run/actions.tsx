import type { RunDetail } from '@signalbox/protocol'
import { useState } from 'react'
import { useNavigate } from 'react-router'
import { useChange, useSignedIn } from '../../api/queries.ts'
import { cancelBlocked, isQuarantined, resumeBlocked, restoreBlocked } from '../../lib/permissions.ts'
import { paths } from '../../paths.ts'
import { GuardedButton } from '../../ui/basics.tsx'
import { ConfirmDialog } from '../../ui/dialog.tsx'

/** Resume, restore and cancel. What is not possible stays visible and says why. */
export function RunActions({ detail }: { detail: RunDetail }) {
  const me = useSignedIn()
  const navigate = useNavigate()
  const [open, setOpen] = useState<'resume' | 'cancel' | null>(null)
  const { run } = detail
  const close = () => setOpen(null)
  const quarantined = isQuarantined(run)
  const goOn = quarantined ? 'Release' : 'Resume'
  const reasons = [
    [goOn, resumeBlocked(me, run)],
    ['Restore', restoreBlocked(me, run)],
    ['Cancel', cancelBlocked(me, run)],
  ] as const
  return (
    <div className="flex max-w-full flex-col gap-1.5 sm:items-end">
      <div className="flex flex-wrap gap-2">
        <GuardedButton showWhy={false} kind="primary" blocked={reasons[0][1]} onClick={() => setOpen('resume')}>
          {goOn}
        </GuardedButton>
        <GuardedButton
          showWhy={false}
          blocked={reasons[1][1]}
          onClick={() => navigate(paths.run(run.run_id, 'checkpoints'), { replace: true })}
        >
          Restore…
        </GuardedButton>
        <GuardedButton showWhy={false} kind="danger" blocked={reasons[2][1]} onClick={() => setOpen('cancel')}>
          Cancel run
        </GuardedButton>
      </div>
      <ul aria-hidden="true" className="text-xs text-muted sm:text-right">
        {reasons.map(([name, why]) => (why === null ? null : <li key={name}>{why}</li>))}
      </ul>
      {open === 'resume' && quarantined ? <ReleaseDialog id={run.run_id} onClose={close} /> : null}
      {open === 'resume' && !quarantined ? <ResumeDialog id={run.run_id} onClose={close} /> : null}
      {open === 'cancel' ? <CancelDialog id={run.run_id} onClose={close} /> : null}
    </div>
  )
}

function ResumeDialog({ id, onClose }: { id: string; onClose: () => void }) {
  const resume = useChange<string>((client, reason) => client.resume({ params: { id }, body: { reason } }))
  return (
    <ConfirmDialog
      title="Resume this run"
      action="Resume"
      pending={resume.isPending}
      error={resume.error}
      onClose={onClose}
      onConfirm={(reason) => resume.mutate(reason, { onSuccess: onClose })}
    >
      <p>The run goes on from its head. Finished activities are answered from the journal; nothing is sent twice.</p>
    </ConfirmDialog>
  )
}

function ReleaseDialog({ id, onClose }: { id: string; onClose: () => void }) {
  const release = useChange<string>((client, reason) => client.release({ params: { id }, body: { reason } }))
  return (
    <ConfirmDialog
      title="Release this run"
      action="Release"
      pending={release.isPending}
      error={release.error}
      onClose={onClose}
      onConfirm={(reason) => release.mutate(reason, { onSuccess: onClose })}
    >
      <p>
        Workers try the run again. Find out first what stood in its way (a missing key, damaged records, a node that
        ends its process): otherwise it is set aside again.
      </p>
    </ConfirmDialog>
  )
}

function CancelDialog({ id, onClose }: { id: string; onClose: () => void }) {
  const [terminate, setTerminate] = useState(false)
  const cancel = useChange<string>((client, reason) =>
    client.cancel({ params: { id }, body: { reason, ...(terminate ? { terminate } : {}) } }),
  )
  return (
    <ConfirmDialog
      title="Cancel this run"
      action={terminate ? 'Terminate run' : 'Cancel run'}
      kind="danger"
      {...(terminate ? { word: 'terminate', wordWhy: 'This cannot be undone.' } : {})}
      pending={cancel.isPending}
      error={cancel.error}
      onClose={onClose}
      onConfirm={(reason) => cancel.mutate(reason, { onSuccess: onClose })}
    >
      <p>Open approvals are cancelled. The run ends when what was sent is settled; it is then over for good.</p>
      <label className="flex items-start gap-2">
        <input
          type="checkbox"
          className="mt-1 size-4 accent-accent"
          checked={terminate}
          onChange={(event) => setTerminate(event.target.checked)}
        />
        <span>
          Terminate: break off the calls under way. What became of an effect that was sent is still found out first.
        </span>
      </label>
    </ConfirmDialog>
  )
}
