import type { KillSwitchView } from '@signalbox/protocol'
import { useState } from 'react'
import { useChange, useKillSwitches, useSignedIn } from '../../api/queries.ts'
import { useTitle } from '../../lib/hooks.ts'
import { killSwitchBlocked } from '../../lib/permissions.ts'
import type { Phrase } from '../../lib/words.ts'
import { GuardedButton, State } from '../../ui/basics.tsx'
import { ConfirmDialog } from '../../ui/dialog.tsx'
import { Empty, Loaded } from '../../ui/states.tsx'
import { type Column, Table } from '../../ui/table.tsx'
import { Age, Clock } from '../../ui/time.tsx'
import { EngageDialog } from './engage.tsx'

/** Kill switches: what is stopped, by whom and why; engage and lift. */
export function KillSwitchesPage() {
  useTitle('Kill switches')
  const me = useSignedIn()
  const query = useKillSwitches()
  const [engaging, setEngaging] = useState(false)
  const [lifting, setLifting] = useState<KillSwitchView | null>(null)
  const blocked = killSwitchBlocked(me)
  return (
    <>
      <div className="mb-4 flex flex-wrap items-center justify-between gap-3">
        <div>
          <h1 className="text-xl font-semibold tracking-tight">Kill switches</h1>
          <p className="text-sm text-muted">They are checked at every send, also for runs under way.</p>
        </div>
        <GuardedButton kind="danger" blocked={blocked} onClick={() => setEngaging(true)}>
          Engage a kill switch…
        </GuardedButton>
      </div>
      <div className="card">
        <Loaded query={query} what="kill switches">
          {({ kill_switches: rows }) =>
            rows.length === 0 ? (
              <Empty title="No kill switch was ever engaged" icon="check">
                Engage one to refuse new runs, or every send of a tool, class, workflow or the whole tenant.
              </Empty>
            ) : (
              <Table
                label="Kill switches"
                columns={columnsFor(blocked, setLifting)}
                rows={rows}
                rowKey={(row) => row.id}
              />
            )
          }
        </Loaded>
      </div>
      {engaging ? <EngageDialog onClose={() => setEngaging(false)} /> : null}
      {lifting ? <LiftDialog row={lifting} onClose={() => setLifting(null)} /> : null}
    </>
  )
}

function phraseOf(row: KillSwitchView): Phrase {
  if (row.engaged) return { word: 'Engaged', tone: 'bad', icon: 'stop' }
  if (row.lifted_at) return { word: 'Lifted', tone: 'idle', icon: 'check' }
  return { word: 'Expired', tone: 'idle', icon: 'clock' }
}

function columnsFor(blocked: string | null, lift: (row: KillSwitchView) => void): readonly Column<KillSwitchView>[] {
  return [
    { name: 'State', cell: (row) => <State phrase={phraseOf(row)} /> },
    {
      name: 'Stops',
      cell: (row) => (
        <span className="breakable">
          {row.scope === 'tenant' ? 'everything' : `${row.scope} `}
          {row.scope === 'tenant' ? null : <span className="font-mono text-xs font-semibold">{row.target}</span>}
          <span className="block text-xs text-muted">
            {{ stop_now: 'every send, now', pause: 'held up until lifted', stop_new: 'new runs only' }[row.mode]}
          </span>
        </span>
      ),
    },
    { name: 'Reason', cell: (row) => <span className="untrusted">{row.reason}</span> },
    {
      name: 'Engaged',
      cell: (row) => (
        <span>
          by {row.by}, <Age at={row.created_at} />
        </span>
      ),
    },
    { name: 'Ends', cell: (row) => <Ends row={row} /> },
    {
      name: 'Lift',
      cell: (row) =>
        row.engaged ? (
          <GuardedButton showWhy={false} blocked={blocked} onClick={() => lift(row)}>
            Lift<span className="sr-only"> the switch on {row.target}</span>
          </GuardedButton>
        ) : (
          <span className="text-muted">not engaged</span>
        ),
    },
  ]
}

function Ends({ row }: { row: KillSwitchView }) {
  if (row.lifted_at) {
    return (
      <span>
        lifted by {row.lifted_by ?? 'someone'}, <Age at={row.lifted_at} />
      </span>
    )
  }
  return row.expires_at ? <Clock at={row.expires_at} /> : <span>when lifted</span>
}

function LiftDialog({ row, onClose }: { row: KillSwitchView; onClose: () => void }) {
  const lift = useChange<string>((client, reason) =>
    client.liftKillSwitch({ params: { id: row.id }, body: { reason } }),
  )
  return (
    <ConfirmDialog
      title="Lift this kill switch"
      action="Lift"
      pending={lift.isPending}
      error={lift.error}
      onClose={onClose}
      onConfirm={(reason) => lift.mutate(reason, { onSuccess: onClose })}
    >
      <p>
        Sends that it refused are allowed again, as far as policy and budgets allow them. It was engaged by {row.by}:
      </p>
      <p className="untrusted rounded-md bg-sunken px-3 py-2">{row.reason}</p>
    </ConfirmDialog>
  )
}
