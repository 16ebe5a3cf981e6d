import type { ActivationView, PolicyStatus } from '@signalbox/protocol'
import { useState } from 'react'
import { usePolicyHistory, usePolicyStatus } from '../../api/policy.ts'
import { useSignedIn } from '../../api/queries.ts'
import { policyActivateBlocked, policyProposeBlocked } from '../../lib/permissions.ts'
import type { Phrase } from '../../lib/words.ts'
import { Card, Facts, GuardedButton, State } from '../../ui/basics.tsx'
import { Empty, Loaded } from '../../ui/states.tsx'
import { Table } from '../../ui/table.tsx'
import { Age } from '../../ui/time.tsx'
import { Drafts } from './drafts.tsx'
import { Findings } from './findings.tsx'
import { type Order, OrderDialog } from './order.tsx'
import { Shadow } from './shadow.tsx'

/** The bundle in force and who holds it, drafts that wait for somebody else, a draft in shadow, history. */
export function BundleView() {
  const query = usePolicyStatus()
  const [order, setOrder] = useState<Order | null>(null)
  return (
    <div className="grid gap-4">
      <Loaded query={query} what="the policy">
        {(status) => (
          <>
            <InForce status={status} onOrder={setOrder} />
            <Drafts drafts={status.drafts} onOrder={setOrder} />
            <Shadow shadow={status.shadow} onOrder={setOrder} />
            <Findings />
            <History status={status} onOrder={setOrder} />
          </>
        )}
      </Loaded>
      {order ? <OrderDialog order={order} onClose={() => setOrder(null)} /> : null}
    </div>
  )
}

const WAYS: Record<ActivationView['way'], string> = {
  reviewed: 'activated by a second person',
  bootstrap: 'the first one, by names of the configuration',
  development: 'taken from the folder of a development server',
  emergency: 'brought back by one person in an emergency',
}

interface Part {
  readonly status: PolicyStatus
  readonly onOrder: (order: Order) => void
}

function InForce({ status, onOrder }: Part) {
  const me = useSignedIn()
  const { in_force: now, folder } = status
  return (
    <Card title="In force">
      {now === null ? (
        <Empty title="No bundle is in force" icon="warning">
          Nothing may start before one is activated.
        </Empty>
      ) : (
        <div className="grid gap-4 md:grid-cols-2">
          <Facts
            rows={[
              [
                'Bundle',
                <code key="b" className="text-xs breakable">
                  {now.bundle}
                </code>,
              ],
              ['Version', now.version],
              ['How', `${WAYS[now.way]}${now.rollback ? ', a rollback' : ''}`],
              ['Proposed by', now.author?.id ?? 'nobody'],
              ['Activated by', now.by?.id ?? 'nobody'],
              ['Since', <Age key="s" at={now.at} />],
              [
                'Reason',
                <span key="r" className="untrusted">
                  {now.reason}
                </span>,
              ],
              ['Folder', folder.problem ?? (folder.same ? 'the same' : 'differs: propose it to bring it into force')],
            ]}
          />
          <Holders status={status} />
        </div>
      )}
      {now?.review_open ? (
        <p className="mt-3 flex flex-wrap items-center gap-3 text-sm">
          <State phrase={{ word: 'Somebody else still has to look at this', tone: 'bad', icon: 'warning' }} />
          <GuardedButton
            blocked={policyActivateBlocked(me, now.by?.id ?? null)}
            onClick={() => onOrder({ act: 'review', activation: now.seq, bundle: now.bundle, changes: null })}
          >
            I looked at it…
          </GuardedButton>
        </p>
      ) : null}
    </Card>
  )
}

function Holders({ status }: { status: PolicyStatus }) {
  const reached = status.reached_all_ms
  return (
    <div>
      <p className="mb-1 text-sm font-semibold">
        {reached === null ? 'Processes' : `Every process held it after ${Math.round(reached)} ms`}
      </p>
      <ul aria-label="Processes" className="text-sm">
        {status.holders.map((one) => (
          <li key={one.process} className="flex flex-wrap items-center gap-x-2">
            <span className="font-mono text-xs">{one.process}</span>
            <State phrase={holderPhrase(one)} />
            {one.refused ? <span className="untrusted text-xs">{one.refused.detail}</span> : null}
          </li>
        ))}
      </ul>
      {status.holders.length === 0 ? <p className="text-sm text-muted">No process has told of itself yet.</p> : null}
    </div>
  )
}

function holderPhrase(one: PolicyStatus['holders'][number]): Phrase {
  if (!one.alive) return { word: 'silent', tone: 'idle', icon: 'clock' }
  if (one.refused) return { word: 'refused it, holds the one before', tone: 'bad', icon: 'warning' }
  return one.current
    ? { word: 'holds it', tone: 'ok', icon: 'check' }
    : { word: 'holds another one', tone: 'warn', icon: 'clock' }
}

const EVENTS: Readonly<Record<string, string>> = {
  'bundle.proposed': 'proposed',
  'bundle.declined': 'declined',
  'bundle.activated': 'activated',
  'activation.reviewed': 'looked at afterwards',
  'shadow.started': 'shadow started',
  'shadow.stopped': 'shadow stopped',
  'bundles.imported': 'imported',
  'roles.signed': 'roles and tools signed',
}

function History({ status, onOrder }: Part) {
  const query = usePolicyHistory()
  const me = useSignedIn()
  return (
    <Card title="History" flush>
      <Loaded query={query} what="the history">
        {({ events }) =>
          events.length === 0 ? (
            <Empty title="Nothing was activated yet" />
          ) : (
            <Table
              label="History of the policy"
              rows={events}
              rowKey={(row) => String(row.seq)}
              columns={[
                { name: 'When', cell: (row) => <Age at={row.at} /> },
                { name: 'What', cell: (row) => `${EVENTS[row.type] ?? row.type}${row.way ? `, ${row.way}` : ''}` },
                {
                  name: 'Bundle',
                  cell: (row) => <code className="text-2xs breakable">{row.bundle?.slice(0, 30) ?? ''}</code>,
                },
                { name: 'By', cell: (row) => row.by?.id ?? 'nobody' },
                { name: 'Reason', cell: (row) => <span className="untrusted">{row.reason}</span> },
                {
                  name: 'Go back',
                  cell: (row) =>
                    row.type === 'bundle.activated' && row.bundle !== null && row.bundle !== status.in_force?.bundle ? (
                      <GuardedButton
                        showWhy={false}
                        blocked={policyProposeBlocked(me)}
                        onClick={() => onOrder({ act: 'propose', bundle: row.bundle ?? '', changes: null })}
                      >
                        Go back<span className="sr-only"> to {row.bundle}</span>
                      </GuardedButton>
                    ) : (
                      <span className="text-muted">none</span>
                    ),
                },
              ]}
            />
          )
        }
      </Loaded>
    </Card>
  )
}
