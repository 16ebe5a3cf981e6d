import type { Me, OverrideView } from '@signalbox/protocol'
import { useState } from 'react'
import { useChange, useSignedIn } from '../../api/queries.ts'
import { useOverrides } from '../../api/switches.ts'
import { confirmOverrideBlocked, reviewOverrideBlocked } from '../../lib/permissions.ts'
import type { Phrase } from '../../lib/words.ts'
import { Card, GuardedButton, State } from '../../ui/basics.tsx'
import { ConfirmDialog } from '../../ui/dialog.tsx'
import { Empty, Loaded } from '../../ui/states.tsx'
import { type Column, Table } from '../../ui/table.tsx'
import { Age, Countdown } from '../../ui/time.tsx'

type Act = 'confirm' | 'review'

/** Leave for one exact blocked call to pass a switch: asked by one person, confirmed by another, looked at afterwards. */
export function Overrides() {
  const query = useOverrides()
  const me = useSignedIn()
  const [acting, setActing] = useState<Acting | null>(null)
  return (
    <Card title="Overrides" flush>
      <Loaded query={query} what="overrides">
        {({ overrides: rows }) =>
          rows.length === 0 ? (
            <Empty title="Nobody asked to let a call pass" icon="check">
              <p>
                <code>signalbox override</code> asks for one exact blocked call. A second person confirms it; it never
                passes a policy.
              </p>
            </Empty>
          ) : (
            <Table label="Overrides" rows={rows} rowKey={(row) => row.id} columns={columnsFor(me, setActing)} />
          )
        }
      </Loaded>
      {acting ? <ActDialog act={acting.act} row={acting.row} onClose={() => setActing(null)} /> : null}
    </Card>
  )
}

type Acting = { readonly act: Act; readonly row: OverrideView }

function columnsFor(me: Me, setActing: (acting: Acting) => void): readonly Column<OverrideView>[] {
  return [
    { name: 'State', cell: (row) => <State phrase={phraseOf(row)} /> },
    {
      name: 'Call',
      cell: (row) => <span className="font-mono text-xs breakable">{`${row.run_id} ${row.ask}`}</span>,
    },
    { name: 'Reason', cell: (row) => <span className="untrusted">{row.reason}</span> },
    {
      name: 'Persons',
      cell: (row) => (
        <span>
          asked by {row.asked_by}, <Age at={row.created_at} />
          {row.confirmed_by ? `; confirmed by ${row.confirmed_by}` : ''}
          {row.reviewed_by ? `; looked at by ${row.reviewed_by}` : ''}
        </span>
      ),
    },
    {
      name: 'Ends',
      cell: (row) => (row.used_at ? <Age at={row.used_at} /> : <Countdown deadline={row.expires_at} />),
    },
    {
      name: 'Act',
      cell: (row) =>
        row.confirmed_by === null ? (
          <GuardedButton
            blocked={confirmOverrideBlocked(me, row)}
            showWhy={false}
            onClick={() => setActing({ act: 'confirm', row })}
          >
            Confirm<span className="sr-only"> the override of {row.asked_by}</span>
          </GuardedButton>
        ) : row.reviewed_by === null ? (
          <GuardedButton
            blocked={reviewOverrideBlocked(me)}
            showWhy={false}
            onClick={() => setActing({ act: 'review', row })}
          >
            Review<span className="sr-only"> the override of {row.asked_by}</span>
          </GuardedButton>
        ) : (
          <span className="text-muted">done</span>
        ),
    },
  ]
}

function phraseOf(row: OverrideView): Phrase {
  if (row.used_at) return { word: 'Used', tone: row.reviewed_by ? 'idle' : 'warn', icon: 'flag' }
  if (Date.parse(row.expires_at) < Date.now()) return { word: 'Expired', tone: 'idle', icon: 'clock' }
  return row.confirmed_by
    ? { word: 'In force', tone: 'bad', icon: 'warning' }
    : { word: 'Waits for a second person', tone: 'warn', icon: 'person' }
}

const WORDS: Readonly<Record<Act, { readonly title: string; readonly action: string; readonly what: string }>> = {
  confirm: {
    title: 'Let this call pass the switch',
    action: 'Let it pass',
    what: 'This one call may be sent once, although the switch stands. Policies, budgets and approvals still hold. Asked with this reason:',
  },
  review: {
    title: 'This override was looked at',
    action: 'Looked at',
    what: 'You say that somebody looked at what was done by it. It was asked with this reason:',
  },
}

function ActDialog({ act, row, onClose }: { act: Act; row: OverrideView; onClose: () => void }) {
  const change = useChange<string>((client, reason) => {
    const call = { params: { id: row.id }, body: { reason } }
    return act === 'confirm' ? client.confirmOverride(call) : client.reviewOverride(call)
  })
  const { title, action, what } = WORDS[act]
  return (
    <ConfirmDialog
      title={title}
      action={action}
      kind={act === 'confirm' ? 'danger' : 'primary'}
      {...(act === 'confirm' ? { word: 'override' } : {})}
      pending={change.isPending}
      error={change.error}
      onClose={onClose}
      onConfirm={(reason) => change.mutate(reason, { onSuccess: onClose })}
    >
      <p>{what}</p>
      <p className="untrusted rounded-md bg-sunken px-3 py-2">{row.reason}</p>
      <p className="font-mono text-xs breakable">{`${row.run_id} ${row.ask}`}</p>
    </ConfirmDialog>
  )
}
