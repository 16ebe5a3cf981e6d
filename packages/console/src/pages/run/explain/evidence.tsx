import { useId, useState } from 'react'
import { useChange, useSignedIn } from '../../../api/queries.ts'
import { download } from '../../../lib/download.ts'
import { evidenceBlocked } from '../../../lib/permissions.ts'
import { GuardedButton } from '../../../ui/basics.tsx'
import { ConfirmDialog } from '../../../ui/dialog.tsx'

/** Takes a signed bundle of all that is on record of a run along; that is put on record itself, with the reason. */
export function EvidenceButton({ run }: { run: string }) {
  const [open, setOpen] = useState(false)
  return (
    <>
      <GuardedButton blocked={evidenceBlocked(useSignedIn())} showWhy={false} onClick={() => setOpen(true)}>
        Download evidence…
      </GuardedButton>
      {open ? <EvidenceDialog run={run} onClose={() => setOpen(false)} /> : null}
    </>
  )
}

function EvidenceDialog({ run, onClose }: { run: string; onClose: () => void }) {
  const me = useSignedIn()
  const id = useId()
  const [content, setContent] = useState(false)
  const make = useChange((client, reason: string) =>
    client.exportEvidence({ params: { id: run }, body: { content, reason } }),
  )
  return (
    <ConfirmDialog
      title="Download evidence"
      action="Download"
      pending={make.isPending}
      error={make.error}
      onClose={onClose}
      onConfirm={(reason) =>
        make.mutate(reason, {
          onSuccess: ({ file, archive }) => {
            download(file, bytesOf(archive), 'application/x-tar')
            onClose()
          },
        })
      }
    >
      <p>
        One signed archive: the story, the records, where each effect came from, the policy in force, approvals, cost
        and alerts. <code className="text-xs">signalbox explain verify</code> checks it anywhere.
      </p>
      {me.permissions.includes('evidence.content') ? (
        <label htmlFor={id} className="flex items-center gap-2">
          <input id={id} type="checkbox" checked={content} onChange={(event) => setContent(event.target.checked)} />
          With contents, as the redaction of the project leaves them
        </label>
      ) : (
        <p className="text-muted">Contents stay sealed: taking them along needs the privacy role.</p>
      )}
    </ConfirmDialog>
  )
}

function bytesOf(base64: string): Uint8Array<ArrayBuffer> {
  return Uint8Array.from(atob(base64), (char) => char.charCodeAt(0))
}
