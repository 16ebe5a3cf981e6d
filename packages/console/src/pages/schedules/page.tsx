import type { FiringView, ScheduleView } from '@signalbox/protocol'
import { useState } from 'react'
import { Link, useParams } from 'react-router'
import { useChange, useSchedule, useSchedules, useSignedIn } from '../../api/queries.ts'
import { duration } from '../../lib/format.ts'
import { useTitle } from '../../lib/hooks.ts'
import { type Blocked, scheduleBlocked } from '../../lib/permissions.ts'
import { FIRING_STATE } from '../../lib/words.ts'
import { paths } from '../../paths.ts'
import { Card, Facts, GuardedButton, State } from '../../ui/basics.tsx'
import { ConfirmDialog } from '../../ui/dialog.tsx'
import { Empty, FormError, Loaded } from '../../ui/states.tsx'
import { type Column, Table } from '../../ui/table.tsx'
import { Age, Clock } from '../../ui/time.tsx'

/** Schedules: what is due next, and how the last firings ended. */
export function SchedulesPage() {
  useTitle('Schedules')
  const query = useSchedules()
  return (
    <>
      <div className="mb-4">
        <h1 className="text-xl font-semibold tracking-tight">Schedules</h1>
        <p className="text-sm text-muted">What happens at set times. One server process of all fires them.</p>
      </div>
      <div className="card">
        <Loaded query={query} what="schedules">
          {({ schedules }) =>
            schedules.length === 0 ? (
              <Empty title="The project declares no schedules" icon="clock">
                Give it <code>schedules</code> in its <code>signalbox.config.ts</code>.
              </Empty>
            ) : (
              <Table label="Schedules" columns={LIST} rows={schedules} rowKey={(row) => row.name} />
            )
          }
        </Loaded>
      </div>
    </>
  )
}

/** Firings that are worth a look; changes of the schedule are not. */
function firedOf(schedule: ScheduleView): readonly FiringView[] {
  return schedule.firings.filter((each) => each.kind !== 'change')
}

const LIST: readonly Column<ScheduleView>[] = [
  {
    name: 'Schedule',
    cell: (row) => (
      <span>
        <Link to={paths.schedule(row.name)} className="font-semibold underline-offset-2 hover:underline">
          {row.name}
        </Link>
        <span className="block text-xs text-muted">{row.when}</span>
      </span>
    ),
  },
  { name: 'Does', cell: (row) => <Does row={row} /> },
  { name: 'Next', cell: (row) => <Next row={row} /> },
  {
    name: 'Last outcomes',
    cell: (row) => {
      const fired = firedOf(row)
      if (fired.length === 0) return <span className="text-muted">none yet</span>
      return (
        <span className="flex flex-wrap gap-x-3 gap-y-1">
          {fired.slice(0, 3).map((each) => (
            <span key={each.id} className="inline-flex items-center gap-1.5">
              <State phrase={FIRING_STATE[each.state]} />
              <span className="text-xs text-muted">
                <Age at={each.ended_at ?? each.due_at} />
              </span>
            </span>
          ))}
        </span>
      )
    },
  },
]

function Does({ row }: { row: ScheduleView }) {
  return (
    <span className="breakable">
      {row.does.kind === 'job' ? 'job ' : 'starts '}
      <span className="font-mono text-xs font-semibold">{row.does.name}</span>
    </span>
  )
}

function Next({ row }: { row: ScheduleView }) {
  if (row.paused) return <State phrase={{ word: 'Paused', tone: 'warn', icon: 'pause' }} />
  return row.next_at === null ? <span className="text-muted">never</span> : <Clock at={row.next_at} />
}

/** One schedule: its rules and its history; fire it, pause it, resume it. */
export function SchedulePage() {
  const { name = '' } = useParams()
  useTitle(name)
  const query = useSchedule(name)
  return (
    <Loaded query={query} what={`the schedule ${name}`}>
      {(schedule) => (
        <>
          <div className="mb-4 flex flex-wrap items-center justify-between gap-3">
            <h1 className="breakable text-xl font-semibold tracking-tight">{schedule.name}</h1>
            <Actions schedule={schedule} />
          </div>
          <div className="grid gap-4">
            <Card title="Rules">
              <Facts
                rows={[
                  ['When', schedule.when],
                  ['Does', <Does key="does" row={schedule} />],
                  ['Next', <Next key="next" row={schedule} />],
                  ['Missed', MISSED[schedule.catch_up]],
                  ['Overlap', schedule.overlap === 'skip' ? 'skipped while the one before goes on' : 'waits its turn'],
                  ['At most', duration(schedule.timeout_seconds * 1_000)],
                ]}
              />
            </Card>
            <Card title="History" flush>
              {schedule.firings.length === 0 ? (
                <Empty title="No server has seen it yet" icon="clock" />
              ) : (
                <Table label="History" columns={HISTORY} rows={schedule.firings} rowKey={(row) => row.id} />
              )}
            </Card>
          </div>
        </>
      )}
    </Loaded>
  )
}

const MISSED: Record<ScheduleView['catch_up'], string> = {
  all: 'each fires when a server is back, the newest hundred',
  last: 'the newest one fires when a server is back',
  skip: 'passed over',
}

const CAUSE: Record<FiringView['kind'], string> = { slot: 'was due', manual: 'asked for', change: 'change' }

const HISTORY: readonly Column<FiringView>[] = [
  { name: 'When', cell: (row) => <Clock at={row.due_at} /> },
  {
    name: 'Cause',
    cell: (row) => (
      <span className="breakable">
        {CAUSE[row.kind]}
        {row.by === 'schedule' ? null : <span className="block text-xs text-muted">by {row.by}</span>}
      </span>
    ),
  },
  { name: 'End', cell: (row) => <State phrase={FIRING_STATE[row.state]} /> },
  { name: 'Took', num: true, cell: (row) => (row.duration_ms === null ? '' : duration(row.duration_ms)) },
  {
    name: 'Told',
    wide: true,
    cell: (row) => (
      <span className="breakable">
        {row.run_id ? (
          <Link to={paths.run(row.run_id)} className="mr-2 font-mono text-xs underline underline-offset-2">
            {row.run_id}
          </Link>
        ) : null}
        {row.code ? <code className="mr-2 text-xs font-semibold text-bad">{row.code}</code> : null}
        <span className="untrusted">{row.detail}</span>
      </span>
    ),
  },
]

function Actions({ schedule }: { schedule: ScheduleView }) {
  const blocked: Blocked = scheduleBlocked(useSignedIn())
  const [asking, setAsking] = useState(false)
  const params = { id: schedule.name }
  const fire = useChange<void>((client) => client.runSchedule({ params, body: {} }))
  return (
    <div className="flex flex-wrap items-center gap-2">
      {fire.error ? <FormError error={fire.error} /> : null}
      <GuardedButton showWhy={false} blocked={blocked} onClick={() => fire.mutate()}>
        Fire now
      </GuardedButton>
      <GuardedButton blocked={blocked} onClick={() => setAsking(true)}>
        {schedule.paused ? 'Resume…' : 'Pause…'}
      </GuardedButton>
      {asking ? <PauseDialog schedule={schedule} onClose={() => setAsking(false)} /> : null}
    </div>
  )
}

function PauseDialog({ schedule, onClose }: { schedule: ScheduleView; onClose: () => void }) {
  const { name, paused } = schedule
  const change = useChange<string>((client, reason) => {
    const call = { params: { id: name }, body: { reason } }
    return paused ? client.resumeSchedule(call) : client.pauseSchedule(call)
  })
  return (
    <ConfirmDialog
      title={paused ? `Resume ${name}` : `Pause ${name}`}
      action={paused ? 'Resume' : 'Pause'}
      pending={change.isPending}
      error={change.error}
      onClose={onClose}
      onConfirm={(reason) => change.mutate(reason, { onSuccess: onClose })}
    >
      <p>
        {paused
          ? 'It fires again from now on. What was due while it was paused does not fire.'
          : 'Its due times pass without firing until it is resumed. What is under way goes on.'}
      </p>
    </ConfirmDialog>
  )
}
