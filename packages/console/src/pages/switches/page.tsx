import type { KillSwitchView, Me, SwitchStatusView } from '@signalbox/protocol'
import { useState } from 'react'
import { useChange, useKillSwitches, useSignedIn } from '../../api/queries.ts'
import { useSwitchStatus } from '../../api/switches.ts'
import { useTitle } from '../../lib/hooks.ts'
import { killSwitchBlocked, liftBlocked } from '../../lib/permissions.ts'
import type { Phrase } from '../../lib/words.ts'
import { GuardedButton, State } from '../../ui/basics.tsx'
import { ConfirmDialog } from '../../ui/dialog.tsx'
import { Empty, Loaded } from '../../ui/states.tsx'
import { type Column, Table } from '../../ui/table.tsx'
import { Age, Clock } from '../../ui/time.tsx'
import { EngageDialog } from './engage.tsx'
import { SwitchHistory } from './history.tsx'
import { Overrides } from './overrides.tsx'
import { Workers } from './workers.tsx'

/** Kill switches: what is stopped, by whom and why, and which workers act on it; engage and lift; overrides; history. */
export function KillSwitchesPage() {
  useTitle('Kill switches')
  const me = useSignedIn()
  const query = useKillSwitches()
  const status = useSwitchStatus().data
  const [engaging, setEngaging] = useState(false)
  const [lifting, setLifting] = useState<KillSwitchView | null>(null)
  const blocked = killSwitchBlocked(me)
  return (
    <>
      <div className="mb-4 flex flex-wrap items-center justify-between gap-3">
        <div>
          <h1 className="text-xl font-semibold tracking-tight">Kill switches</h1>
          <p className="text-sm text-muted">
            Workers hold them under a lease; one that cannot read them sends nothing.
          </p>
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
                Engage one to refuse or hold up new runs and sends of a tool, class, server, workflow, run or the whole
                tenant.
              </Empty>
            ) : (
              <Table
                label="Kill switches"
                columns={columnsFor(me, status, setLifting)}
                rows={rows}
                rowKey={(row) => row.id}
              />
            )
          }
        </Loaded>
      </div>
      <div className="mt-4 grid gap-4">
        <Overrides />
        <SwitchHistory />
      </div>
      {engaging ? <EngageDialog onClose={() => setEngaging(false)} /> : null}
      {lifting ? <LiftDialog row={lifting} onClose={() => setLifting(null)} /> : null}
    </>
  )
}

function phraseOf(row: KillSwitchView): Phrase {
  if (row.engaged && row.lift_asked_by) return { word: 'Lift asked for', tone: 'bad', icon: 'person' }
  if (row.engaged) return { word: 'Engaged', tone: 'bad', icon: 'stop' }
  if (row.lifted_at) return { word: 'Lifted', tone: 'idle', icon: 'check' }
  return { word: 'Expired', tone: 'idle', icon: 'clock' }
}

function columnsFor(
  me: Me,
  status: SwitchStatusView | undefined,
  lift: (row: KillSwitchView) => void,
): readonly Column<KillSwitchView>[] {
  return [
    { name: 'State', cell: (row) => <State phrase={phraseOf(row)} /> },
    {
      name: 'Stops',
      cell: (row) => (
        <span className="breakable">
          {isWhole(row) ? WHOLE[row.scope] : `${row.scope} `}
          {isWhole(row) ? null : <span className="font-mono text-xs font-semibold">{row.target}</span>}
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
          by {row.by}
          {{ api: '', file: ' with the file STOP', signal: ' with a signal' }[row.channel]}, <Age at={row.created_at} />
        </span>
      ),
    },
    {
      name: 'Workers',
      cell: (row) => <Workers status={status?.switches.find((one) => one.kill_switch.id === row.id)} />,
    },
    { name: 'Ends', cell: (row) => <Ends row={row} /> },
    {
      name: 'Lift',
      cell: (row) =>
        row.engaged ? (
          <GuardedButton showWhy={false} blocked={liftBlocked(me, row)} onClick={() => lift(row)}>
            {row.lift_asked_by ? 'Confirm the lift' : 'Lift'}
            <span className="sr-only"> the switch on {row.target}</span>
          </GuardedButton>
        ) : (
          <span className="text-muted">not engaged</span>
        ),
    },
  ]
}

const WHOLE: Readonly<Record<string, string>> = { tenant: 'everything', global: 'everything of every tenant' }

function isWhole({ scope }: KillSwitchView): boolean {
  return scope === 'tenant' || scope === 'global'
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
  const [asked, setAsked] = useState(false)
  const lift = useChange<string, { readonly lifted: boolean }>((client, reason) =>
    client.liftKillSwitch({ params: { id: row.id }, body: { reason } }),
  )
  return (
    <ConfirmDialog
      title={asked ? 'A second person has to confirm' : 'Lift this kill switch'}
      action={row.lift_asked_by ? 'Confirm the lift' : 'Lift'}
      pending={lift.isPending}
      error={lift.error}
      onClose={onClose}
      onConfirm={(reason) => lift.mutate(reason, { onSuccess: ({ lifted }) => (lifted ? onClose() : setAsked(true)) })}
    >
      {asked ? (
        <p role="status" className="font-semibold">
          It still stands: it takes two persons to lift it, and you are the first.
        </p>
      ) : null}
      {row.lift_asked_by ? <p>{row.lift_asked_by} asked to lift it.</p> : null}
      <p>
        Sends that it refused are allowed again, as far as policy and budgets allow them. It was engaged by {row.by}:
      </p>
      <p className="untrusted rounded-md bg-sunken px-3 py-2">{row.reason}</p>
    </ConfirmDialog>
  )
}
