import type { DelegationView, ReviewStatsView, StandingView } from '@signalbox/protocol'
import { useState } from 'react'
import { useDelegations, useReviewStats, useStanding } from '../../api/inbox.ts'
import { useChange, useSignedIn } from '../../api/queries.ts'
import { useTitle } from '../../lib/hooks.ts'
import { type Blocked, reviewBlocked } from '../../lib/permissions.ts'
import { constraintText } from '../../lib/standing-form.ts'
import type { Phrase } from '../../lib/words.ts'
import { Card, GuardedButton, State } from '../../ui/basics.tsx'
import { ConfirmDialog } from '../../ui/dialog.tsx'
import { Empty, Loaded } from '../../ui/states.tsx'
import { type Column, Table } from '../../ui/table.tsx'
import { Age, Clock } from '../../ui/time.tsx'
import { DelegateDialog } from './delegate.tsx'
import { StandingDialog } from './standing.tsx'
import { ReviewStats } from './stats.tsx'

const DAYS = 30

type Open =
  | { readonly what: 'delegate' }
  | { readonly what: 'standing' }
  | { readonly what: 'revoke'; readonly row: Mandate }
type Mandate = DelegationView | StandingView

/** What people allow ahead, who answers for whom, and how reviewers answer. */
export function ReviewPage() {
  useTitle('Standing approvals and reviewers')
  const me = useSignedIn()
  const [standing, delegations, stats] = [useStanding(), useDelegations(), useReviewStats(DAYS)]
  const [open, setOpen] = useState<Open | null>(null)
  const blocked = reviewBlocked(me)
  const close = () => setOpen(null)
  const revoke = (row: Mandate) => setOpen({ what: 'revoke', row })
  return (
    <>
      <h1 className="mb-4 text-xl font-semibold tracking-tight">Standing approvals and reviewers</h1>
      <div className="flex flex-col gap-4">
        <Card
          flush
          title="Standing approvals"
          extra={
            <GuardedButton blocked={blocked} onClick={() => setOpen({ what: 'standing' })}>
              Give a standing approval…
            </GuardedButton>
          }
        >
          <Loaded query={standing} what="standing approvals">
            {({ standing: rows }) => <StandingTable rows={rows} blocked={blocked} revoke={revoke} />}
          </Loaded>
        </Card>
        <Card
          flush
          title="Stand-ins"
          extra={
            <GuardedButton blocked={blocked} showWhy={false} onClick={() => setOpen({ what: 'delegate' })}>
              Name a stand-in…
            </GuardedButton>
          }
        >
          <Loaded query={delegations} what="stand-ins">
            {({ delegations: rows }) => <DelegationTable rows={rows} blocked={blocked} revoke={revoke} />}
          </Loaded>
        </Card>
        <Loaded query={stats} what="statistics">
          {(data: ReviewStatsView) => <ReviewStats stats={data} days={DAYS} />}
        </Loaded>
      </div>
      {open?.what === 'delegate' ? <DelegateDialog onClose={close} /> : null}
      {open?.what === 'standing' ? <StandingDialog onClose={close} /> : null}
      {open?.what === 'revoke' ? <RevokeDialog row={open.row} onClose={close} /> : null}
    </>
  )
}

function phraseOf(row: Mandate): Phrase {
  if (row.in_force) return { word: 'In force', tone: 'ok', icon: 'check' }
  if (row.revoked_at) return { word: 'Revoked', tone: 'idle', icon: 'ban' }
  if ('max_uses' in row && row.used >= row.max_uses) return { word: 'Used up', tone: 'idle', icon: 'stop' }
  return Date.parse(row.starts_at) > Date.parse(row.created_at)
    ? { word: 'Not in force', tone: 'idle', icon: 'clock' }
    : { word: 'Ended', tone: 'idle', icon: 'clock' }
}

interface RowsProps<T> {
  readonly rows: readonly T[]
  readonly blocked: Blocked
  readonly revoke: (row: T) => void
}

function shared<T extends Mandate>({ blocked, revoke }: RowsProps<T>, name: (row: T) => string): readonly Column<T>[] {
  return [
    {
      name: 'Given',
      cell: (row) => (
        <span className="breakable">
          by {row.created_by}, <Age at={row.created_at} />
          <span className="untrusted block text-xs text-muted">{row.reason}</span>
        </span>
      ),
    },
    {
      name: 'Ends',
      cell: (row) =>
        row.revoked_at ? (
          <span className="breakable">
            revoked by {row.revoked_by ?? 'someone'}, <Age at={row.revoked_at} />
          </span>
        ) : (
          <Clock at={row.expires_at} />
        ),
    },
    {
      name: 'Revoke',
      cell: (row) =>
        row.in_force ? (
          <GuardedButton showWhy={false} blocked={blocked} onClick={() => revoke(row)}>
            Revoke<span className="sr-only"> {name(row)}</span>
          </GuardedButton>
        ) : (
          <span className="text-muted">not in force</span>
        ),
    },
  ]
}

function StandingTable(props: RowsProps<StandingView>) {
  if (props.rows.length === 0) {
    return (
      <Empty title="There is no standing approval" icon="check">
        People are asked each time. One is given for a tool, a workflow and a requester, with limits.
      </Empty>
    )
  }
  const columns: readonly Column<StandingView>[] = [
    { name: 'State', cell: (row) => <State phrase={phraseOf(row)} /> },
    {
      name: 'Allows',
      cell: (row) => (
        <span className="breakable">
          <code className="text-xs font-semibold">{row.tool}</code> in {row.workflow}, requested by {row.principal}
          {row.constraints.map((one) => (
            <span key={constraintText(one)} className="block text-xs text-muted">
              {constraintText(one)}
            </span>
          ))}
        </span>
      ),
    },
    {
      name: 'Used',
      cell: (row) => (
        <span>
          {row.used} of {row.max_uses}
          {row.max_amount === null ? null : (
            <span className="block text-xs text-muted">
              {row.amount_field} {row.used_amount} of {row.max_amount}
            </span>
          )}
        </span>
      ),
    },
    ...shared(props, (row) => `the standing approval for ${row.tool}`),
  ]
  return <Table label="Standing approvals" columns={columns} rows={props.rows} rowKey={(row) => row.id} />
}

function DelegationTable(props: RowsProps<DelegationView>) {
  if (props.rows.length === 0) {
    return (
      <Empty title="Nobody stands in for anybody" icon="person">
        A reviewer who is away names somebody who answers in their place.
      </Empty>
    )
  }
  const columns: readonly Column<DelegationView>[] = [
    { name: 'State', cell: (row) => <State phrase={phraseOf(row)} /> },
    {
      name: 'Stand-in',
      cell: (row) => (
        <span className="breakable">
          <strong>{row.delegate}</strong> for {row.created_by}
          <span className="block text-xs text-muted">as {row.roles.join(', ')}</span>
        </span>
      ),
    },
    ...shared(props, (row) => `the stand-in ${row.delegate}`),
  ]
  return <Table label="Stand-ins" columns={columns} rows={props.rows} rowKey={(row) => row.id} />
}

function RevokeDialog({ row, onClose }: { row: Mandate; onClose: () => void }) {
  const change = useChange<string>((client, reason) =>
    client.revokeMandate({ params: { id: row.id }, body: { reason } }),
  )
  return (
    <ConfirmDialog
      title={'tool' in row ? 'Revoke this standing approval' : 'End this standing-in'}
      action="Revoke"
      kind="danger"
      pending={change.isPending}
      error={change.error}
      onClose={onClose}
      onConfirm={(reason) => change.mutate(reason, { onSuccess: onClose })}
    >
      <p>
        {'tool' in row
          ? `From now on a person is asked again before ${row.tool}.`
          : `From now on ${row.delegate} answers for nobody but themselves.`}
      </p>
    </ConfirmDialog>
  )
}
