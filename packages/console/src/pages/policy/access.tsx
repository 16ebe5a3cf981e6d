import type { MatrixCellView, RoleMatrixView } from '@signalbox/protocol'
import { useState } from 'react'
import { useCredentials, useExemptions, useRoleMatrix } from '../../api/policy.ts'
import { useChange, useSignedIn } from '../../api/queries.ts'
import { signRolesBlocked } from '../../lib/permissions.ts'
import type { Phrase } from '../../lib/words.ts'
import { Card, GuardedButton, State } from '../../ui/basics.tsx'
import { ConfirmDialog } from '../../ui/dialog.tsx'
import { Empty, Loaded } from '../../ui/states.tsx'
import { Table } from '../../ui/table.tsx'
import { Clock } from '../../ui/time.tsx'

/** Who may do what with which tool, who signed that, what runs without an approval, and how tools sign in elsewhere. */
export function AccessView() {
  return (
    <div className="grid gap-4">
      <Matrix />
      <Exemptions />
      <Credentials />
    </div>
  )
}

const CELL: Record<MatrixCellView['verdict'], Phrase> = {
  allowed: { word: 'allowed', tone: 'ok', icon: 'check' },
  asks_sometimes: { word: 'asks sometimes', tone: 'warn', icon: 'question' },
  asks: { word: 'asks', tone: 'warn', icon: 'person' },
  denied: { word: 'denied', tone: 'idle', icon: 'ban' },
}
const SIGNED: Record<RoleMatrixView['sign_off']['state'], Phrase> = {
  not_asked: { word: 'Nobody has to sign it', tone: 'idle', icon: 'dot' },
  missing: { word: 'Not signed', tone: 'bad', icon: 'warning' },
  changed: { word: 'Changed since it was signed', tone: 'bad', icon: 'warning' },
  expired: { word: 'The signature is too old', tone: 'warn', icon: 'clock' },
  signed: { word: 'Signed', tone: 'ok', icon: 'check' },
}

function Matrix() {
  const query = useRoleMatrix()
  const me = useSignedIn()
  const [signing, setSigning] = useState(false)
  const data = query.data
  return (
    <Card
      title="Roles and tools"
      flush
      extra={
        data ? (
          <span className="flex flex-wrap items-center gap-3">
            <State phrase={SIGNED[data.sign_off.state]} />
            {data.sign_off.state === 'not_asked' ? null : (
              <GuardedButton
                blocked={signRolesBlocked(me, data.sign_off.rule?.role ?? null)}
                onClick={() => setSigning(true)}
              >
                Sign…
              </GuardedButton>
            )}
          </span>
        ) : null
      }
    >
      <Loaded query={query} what="roles and tools">
        {(matrix) =>
          matrix.rows.length === 0 ? <Empty title="The catalogue has no tools" /> : <MatrixTable matrix={matrix} />
        }
      </Loaded>
      {signing && data ? <SignDialog matrix={data} onClose={() => setSigning(false)} /> : null}
    </Card>
  )
}

function MatrixTable({ matrix }: { matrix: RoleMatrixView }) {
  return (
    // biome-ignore lint/a11y/useSemanticElements: a labelled scrolling region, not a section of the page
    <div
      // biome-ignore lint/a11y/noNoninteractiveTabindex: a scrolling region must be reachable by keyboard
      tabIndex={0}
      role="group"
      aria-label="Table of roles and tools"
      className="overflow-x-auto"
    >
      <table className="w-full text-sm" aria-label="Roles and tools">
        <thead>
          <tr className="border-b border-line text-left text-xs text-muted">
            <th scope="col" className="px-4 py-2">
              Tool
            </th>
            {matrix.roles.map((role) => (
              <th key={role} scope="col" className="px-3 py-2 whitespace-nowrap">
                {role}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {matrix.rows.map((row) => (
            <tr key={row.tool} className="border-b border-line align-top">
              <th scope="row" className="px-4 py-2 text-left font-normal">
                <span className="font-mono text-xs font-semibold">{row.tool}</span>
                <span className="block text-xs text-muted">
                  {row.class}, {row.effect === 'none' ? 'no effect' : row.effect}
                </span>
              </th>
              {row.cells.map((cell, at) => (
                <td key={matrix.roles[at]} className="px-3 py-2">
                  <Cell cell={cell} />
                </td>
              ))}
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  )
}

function Cell({ cell }: { cell: MatrixCellView }) {
  if (cell.conditions.length === 0) return <State phrase={CELL[cell.verdict]} />
  return (
    <details>
      <summary className="cursor-pointer whitespace-nowrap">
        <State phrase={CELL[cell.verdict]} />
      </summary>
      <ul className="mt-1 max-w-xs text-xs">
        {cell.approvers.length > 0 ? <li>answered by {cell.approvers.join(', ')}</li> : null}
        {cell.conditions.map((one) => (
          <li key={one.policy} className="breakable">
            <code className="text-2xs">{one.policy}</code> ({one.kind.replace('_', ' ')}): {one.sentence ?? one.reason}{' '}
            {one.when.map((when) => (
              <code key={when} className="block text-2xs text-muted">
                {when}
              </code>
            ))}
          </li>
        ))}
      </ul>
    </details>
  )
}

function SignDialog({ matrix, onClose }: { matrix: RoleMatrixView; onClose: () => void }) {
  const sign = useChange<string>((client, reason) => client.signRoles({ body: { matrix: matrix.hash, reason } }))
  return (
    <ConfirmDialog
      title="Sign the table of roles and tools"
      action="Sign"
      word="sign"
      pending={sign.isPending}
      error={sign.error}
      onClose={onClose}
      onConfirm={(reason) => sign.mutate(reason, { onSuccess: onClose })}
    >
      <p>
        You say that these {matrix.roles.length} roles may do with these {matrix.rows.length} tools what the table
        tells. A changed table has to be signed again.
      </p>
    </ConfirmDialog>
  )
}

type Exempt = 'in_force' | 'unsigned' | 'not_yet' | 'expired'
const EXEMPT: Record<Exempt, Phrase> = {
  in_force: { word: 'In force', tone: 'warn', icon: 'flag' },
  unsigned: { word: 'Not signed', tone: 'idle', icon: 'ban' },
  not_yet: { word: 'Not yet', tone: 'idle', icon: 'clock' },
  expired: { word: 'Expired', tone: 'idle', icon: 'clock' },
}

function Exemptions() {
  const query = useExemptions()
  return (
    <Card title="Exemptions from approval" flush>
      <Loaded query={query} what="exemptions">
        {({ exemptions: rows }) =>
          rows.length === 0 ? (
            <Empty title="Nothing is exempt" icon="check" />
          ) : (
            <Table
              label="Exemptions"
              rows={rows}
              rowKey={(row) => `${row.tool} ${row.condition} ${row.expires_at}`}
              columns={[
                { name: 'State', cell: (row) => <State phrase={EXEMPT[row.state]} /> },
                { name: 'Tool', cell: (row) => <span className="font-mono text-xs breakable">{row.tool}</span> },
                { name: 'Where', cell: (row) => (row.workflows ? row.workflows.join(', ') : 'every workflow') },
                { name: 'Condition', cell: (row) => row.condition },
                { name: 'Reason', cell: (row) => row.reason },
                { name: 'Owner', cell: (row) => `${row.owner}${row.signed_by ? `, signed by ${row.signed_by}` : ''}` },
                { name: 'Ends', cell: (row) => <Clock at={row.expires_at} /> },
              ]}
            />
          )
        }
      </Loaded>
    </Card>
  )
}

function resolved(resolves: boolean | null): Phrase {
  if (resolves === null) return { word: 'Not asked for yet', tone: 'idle', icon: 'dot' }
  return resolves
    ? { word: 'Resolves', tone: 'ok', icon: 'check' }
    : { word: 'Does not resolve', tone: 'bad', icon: 'warning' }
}

function Credentials() {
  const query = useCredentials()
  return (
    <Card title="Credentials of tools" flush>
      <Loaded query={query} what="credentials">
        {({ credentials: rows, without, faults }) => (
          <>
            {faults.length > 0 ? (
              <div role="alert" className="m-4 rounded-md bg-bad-soft px-4 py-2 text-sm">
                <ul>
                  {faults.map((fault) => (
                    <li key={fault}>{fault}</li>
                  ))}
                </ul>
              </div>
            ) : null}
            {rows.length === 0 ? (
              <Empty title="No tool has a credential" />
            ) : (
              <Table
                label="Credentials"
                rows={rows}
                rowKey={(row) => row.tool}
                columns={[
                  { name: 'State', cell: (row) => <State phrase={resolved(row.resolves)} /> },
                  { name: 'Tool', cell: (row) => <span className="font-mono text-xs breakable">{row.tool}</span> },
                  { name: 'From', cell: (row) => <span className="breakable">{`${row.kind} ${row.source}`}</span> },
                  { name: 'Sent to', cell: (row) => <span className="breakable">{row.hosts.join(', ')}</span> },
                  { name: 'Ends', cell: (row) => (row.expires_at ? <Clock at={row.expires_at} /> : 'not told') },
                ]}
              />
            )}
            {without.length > 0 ? (
              <p className="px-4 py-2 text-xs text-muted breakable">Without a credential: {without.join(', ')}.</p>
            ) : null}
          </>
        )}
      </Loaded>
    </Card>
  )
}
