import type { RestorePointView, RunDetail } from '@signalbox/protocol'
import { useState } from 'react'
import { useNavigate } from 'react-router'
import { useChange, useCheckpoints, useSignedIn } from '../../api/queries.ts'
import { restoreBlocked } from '../../lib/permissions.ts'
import { ACTIVITY_STATUS, count, RESTORE_POINT } from '../../lib/words.ts'
import { paths } from '../../paths.ts'
import { GuardedButton, State, Tag } from '../../ui/basics.tsx'
import { ConfirmDialog } from '../../ui/dialog.tsx'
import { Empty, Loaded } from '../../ui/states.tsx'
import { type Column, Table } from '../../ui/table.tsx'
import { Clock } from '../../ui/time.tsx'

/** Where the run can be restored to, newest first, with the effects that came after each point. */
export function CheckpointsView({ detail }: { detail: RunDetail }) {
  const me = useSignedIn()
  const query = useCheckpoints(detail.run.run_id, true)
  const [chosen, setChosen] = useState<RestorePointView | null>(null)
  const blocked = restoreBlocked(me, detail.run)
  return (
    <div className="card">
      {blocked ? <p className="border-b border-line px-4 py-2 text-sm text-muted">{blocked}</p> : null}
      <Loaded query={query} what="checkpoints">
        {({ checkpoints }) =>
          checkpoints.length === 0 ? (
            <Empty title="No checkpoint yet" icon="flag">
              The first is written when the run starts, then one at the end of each superstep and one after each turn.
            </Empty>
          ) : (
            <Table
              label="Checkpoints and save points"
              columns={columnsFor(blocked, setChosen)}
              rows={checkpoints}
              rowKey={(point) => String(point.seq)}
            />
          )
        }
      </Loaded>
      {chosen ? <RestoreDialog id={detail.run.run_id} point={chosen} onClose={() => setChosen(null)} /> : null}
    </div>
  )
}

function columnsFor(
  blocked: string | null,
  choose: (point: RestorePointView) => void,
): readonly Column<RestorePointView>[] {
  return [
    { name: 'Record', cell: (point) => <span className="font-mono font-semibold">#{point.seq}</span> },
    {
      name: 'Point',
      cell: (point) => (
        <span className="flex flex-wrap items-center gap-x-2">
          {RESTORE_POINT[point.kind]}
          {point.node ? <span className="text-muted">{place(point)}</span> : null}
          {point.current ? null : <Tag>left branch</Tag>}
        </span>
      ),
    },
    { name: 'Superstep', num: true, cell: (point) => point.superstep },
    { name: 'Time', num: true, cell: (point) => <Clock at={point.at} /> },
    { name: 'Later effects', cell: (point) => <LaterEffects point={point} /> },
    {
      name: 'Restore',
      cell: (point) => (
        <GuardedButton showWhy={false} blocked={blocked} onClick={() => choose(point)}>
          Restore<span className="sr-only"> to record {point.seq}</span>
        </GuardedButton>
      ),
    },
  ]
}

function place(point: RestorePointView): string {
  return point.position === null ? `${point.node}` : `${point.node}, turn ${point.position}`
}

function LaterEffects({ point }: { point: RestorePointView }) {
  if (point.later_effects.length === 0) return <span className="text-muted">none</span>
  return (
    <ul className="flex flex-col">
      {point.later_effects.map((effect) => (
        <li key={effect.seq} className="flex flex-wrap items-center gap-x-2">
          <span className="font-mono text-xs breakable">{effect.tool}</span>
          <State phrase={ACTIVITY_STATUS[effect.status]} />
        </li>
      ))}
    </ul>
  )
}

function RestoreDialog({ id, point, onClose }: { id: string; point: RestorePointView; onClose: () => void }) {
  const navigate = useNavigate()
  const restore = useChange<string>((client, reason) =>
    client.restore({ params: { id }, body: { seq: point.seq, reason } }),
  )
  const done = () => {
    onClose()
    navigate(paths.run(id), { replace: true })
  }
  const later = point.later_effects.length
  return (
    <ConfirmDialog
      title={`Restore to record #${point.seq}`}
      action="Restore"
      kind={later > 0 ? 'danger' : 'primary'}
      {...(later > 0 ? { word: 'restore' } : {})}
      pending={restore.isPending}
      error={restore.error}
      onClose={onClose}
      onConfirm={(reason) => restore.mutate(reason, { onSuccess: done })}
    >
      <p>
        The run goes on from {RESTORE_POINT[point.kind].toLowerCase()} of superstep {point.superstep} as a new branch.
        Later records are kept. Budgets are not refilled.
      </p>
      {later > 0 ? (
        <div className="rounded-md bg-warn-soft px-3 py-2">
          <p className="font-semibold text-warn">
            {count(later, 'effect')} came after this point and {later === 1 ? 'stays' : 'stay'} in the outside world:
          </p>
          <LaterEffects point={point} />
          <p className="mt-1 text-muted">The same request is answered from the ledger; another one asks a person.</p>
        </div>
      ) : null}
    </ConfirmDialog>
  )
}
