import type { RestorePointView, RunDetail } from '@signalbox/protocol'
import { useId, useState } from 'react'
import { useSearchParams } from 'react-router'
import { useCheckpoints, useSignedIn } from '../../api/queries.ts'
import { forkBlocked, restoreBlocked } from '../../lib/permissions.ts'
import { ACTIVITY_STATUS, RESTORE_POINT } from '../../lib/words.ts'
import { GuardedButton, State, Tag } from '../../ui/basics.tsx'
import { Empty, Loaded } from '../../ui/states.tsx'
import { type Column, Table } from '../../ui/table.tsx'
import { Clock } from '../../ui/time.tsx'
import { type Move, MoveDialog } from './moves.tsx'

/** Where the run can be restored to, newest first, with the effects that came after each point. */
export function CheckpointsView({ detail }: { detail: RunDetail }) {
  const me = useSignedIn()
  const query = useCheckpoints(detail.run.run_id, true)
  const [chosen, setChosen] = useState<Move | null>(null)
  const blocked = { restore: restoreBlocked(me, detail.run), fork: forkBlocked(me) }
  return (
    <div className="card">
      {blocked.restore ? <p className="border-b border-line px-4 py-2 text-sm text-muted">{blocked.restore}</p> : null}
      <AnyRecord last={detail.run.seq} blocked={blocked} choose={setChosen} />
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
      {chosen ? <MoveDialog id={detail.run.run_id} move={chosen} onClose={() => setChosen(null)} /> : null}
    </div>
  )
}

interface Choice {
  readonly blocked: { readonly restore: string | null; readonly fork: string | null }
  readonly choose: (move: Move) => void
}

/** Any record will do, not only those of the list: the timeline leads here with the record in the address. */
function AnyRecord({ last, blocked, choose }: Choice & { readonly last: number }) {
  const [params] = useSearchParams()
  const [text, setText] = useState(params.get('at') ?? '')
  const id = useId()
  const seq = Number(text)
  const known = Number.isInteger(seq) && seq >= 1 && seq <= last
  const why = (wanted: string | null) => wanted ?? (known ? null : `Give a record from 1 to ${last}.`)
  return (
    <div className="flex flex-wrap items-end gap-2 border-b border-line px-4 py-3">
      <div>
        <label htmlFor={id} className="label">
          From any record
        </label>
        <input
          id={id}
          className="field w-28 font-mono"
          inputMode="numeric"
          autoComplete="off"
          placeholder={`1 to ${last}`}
          value={text}
          onChange={(event) => setText(event.target.value.trim())}
        />
      </div>
      <GuardedButton showWhy={false} blocked={why(blocked.restore)} onClick={() => choose({ kind: 'restore', seq })}>
        Restore to it…
      </GuardedButton>
      <GuardedButton showWhy={false} blocked={why(blocked.fork)} onClick={() => choose({ kind: 'fork', seq })}>
        Fork from it…
      </GuardedButton>
    </div>
  )
}

function columnsFor(
  { restore, fork }: Choice['blocked'],
  choose: Choice['choose'],
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
      name: 'From here',
      cell: (point) => (
        <span className="flex flex-wrap gap-1.5">
          <GuardedButton showWhy={false} blocked={restore} onClick={() => choose({ kind: 'restore', seq: point.seq })}>
            Restore<span className="sr-only"> to record {point.seq}</span>
          </GuardedButton>
          <GuardedButton showWhy={false} blocked={fork} onClick={() => choose({ kind: 'fork', seq: point.seq })}>
            Fork<span className="sr-only"> from record {point.seq}</span>
          </GuardedButton>
        </span>
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
