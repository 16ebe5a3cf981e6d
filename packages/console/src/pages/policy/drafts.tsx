import type { DraftView } from '@signalbox/protocol'
import { useSignedIn } from '../../api/queries.ts'
import { policyActivateBlocked, policyProposeBlocked } from '../../lib/permissions.ts'
import { Card, GuardedButton, State } from '../../ui/basics.tsx'
import { Empty } from '../../ui/states.tsx'
import { Age } from '../../ui/time.tsx'
import { Changes } from './changes.tsx'
import type { Order } from './order.tsx'

/** Drafts that wait for somebody else, each with what it would change. */
export function Drafts({ drafts, onOrder }: { drafts: readonly DraftView[]; onOrder: (order: Order) => void }) {
  return (
    <Card title="Drafts" flush>
      {drafts.length === 0 ? (
        <Empty title="No draft waits" icon="check">
          <p>
            <code>signalbox policy propose</code> stores the folder of a project as a draft for somebody else.
          </p>
        </Empty>
      ) : (
        <ul>
          {drafts.map((draft) => (
            <li key={draft.seq} className="border-b border-line px-4 py-3 last:border-b-0">
              <Draft draft={draft} onOrder={onOrder} />
            </li>
          ))}
        </ul>
      )}
    </Card>
  )
}

function Draft({ draft, onOrder }: { draft: DraftView; onOrder: (order: Order) => void }) {
  const me = useSignedIn()
  const { bundle, changes } = draft
  const give = (act: 'activate' | 'decline' | 'shadow') => () => onOrder({ act, bundle, changes })
  const stale = draft.stale ? 'Another bundle has come into force since: propose it again.' : null
  return (
    <div className="flex flex-col gap-2">
      <p className="flex flex-wrap items-center gap-x-3 text-sm">
        <code className="text-xs breakable">{bundle}</code>
        <span>
          {draft.version}, by {draft.by?.id ?? 'nobody'}, <Age at={draft.at} />
        </span>
        {draft.rollback ? <State phrase={{ word: 'Rollback', tone: 'info', icon: 'back' }} /> : null}
        {stale ? <State phrase={{ word: 'Out of date', tone: 'warn', icon: 'clock' }} /> : null}
      </p>
      <p className="untrusted text-sm">{draft.reason}</p>
      {changes ? <Changes changes={changes} /> : <p className="text-sm text-muted">This version cannot compare it.</p>}
      <div className="flex flex-wrap gap-2">
        <GuardedButton
          kind="primary"
          blocked={policyActivateBlocked(me, draft.by?.id ?? null) ?? stale}
          onClick={give('activate')}
        >
          Activate…
        </GuardedButton>
        <GuardedButton showWhy={false} blocked={policyProposeBlocked(me)} onClick={give('shadow')}>
          Try in shadow…
        </GuardedButton>
        <GuardedButton showWhy={false} blocked={policyProposeBlocked(me)} onClick={give('decline')}>
          Decline…
        </GuardedButton>
      </div>
    </div>
  )
}
