import type { FoundEffectView } from '@signalbox/protocol'
import { type FormEvent, useState } from 'react'
import { Link } from 'react-router'
import { type LookUp, useLookUp } from '../../api/record.ts'
import { useAddressFilter } from '../../lib/address.ts'
import { shortId } from '../../lib/format.ts'
import { type Place, placeText } from '../../lib/place.ts'
import { ACTIVITY_STATUS } from '../../lib/words.ts'
import { paths } from '../../paths.ts'
import { Button, Card, State } from '../../ui/basics.tsx'
import { RecordLink } from '../../ui/record-link.tsx'
import { Empty, Loaded } from '../../ui/states.tsx'
import { type Column, Table } from '../../ui/table.tsx'
import { Age } from '../../ui/time.tsx'
import { Choice, TextField } from '../policy/fields.tsx'

const TERMS: readonly (readonly [LookUp['term'], string, string])[] = [
  ['object', 'Object', 'invoice:4711'],
  ['approver', 'Approver', 'user:ana'],
  ['rule', 'Rule', 'payables.approval-above-limit'],
  ['tool', 'Tool', 'payments.pay'],
  ['response', 'Answer of a model', ''],
  ['trace', 'Trace', ''],
  ['effect_hash', 'Effect hash', ''],
  ['idempotency_key', 'Idempotency key', ''],
]

/** Who changed an object or tried to, and by which approval: the look-up from outside into the record. */
export function LookUpPart({ onOpen }: { onOpen: (row: Place) => void }) {
  const { values, set } = useAddressFilter(['by', 'find'] as const)
  const term = TERMS.find(([name]) => name === values.by)?.[0] ?? 'object'
  const [typed, setTyped] = useState(values.find)
  const submit = (event: FormEvent) => {
    event.preventDefault()
    set({ find: typed.trim() })
  }
  return (
    <div className="mb-4 flex flex-col gap-3">
      <search aria-label="Look up">
        <form onSubmit={submit} className="grid grid-cols-1 items-end gap-3 sm:grid-cols-[12rem_minmax(0,1fr)_auto]">
          <Choice
            label="Look up by"
            value={term}
            options={TERMS.map(([name, label]) => [name, label] as const)}
            onChange={(by) => set({ by: by === 'object' ? '' : by })}
          />
          <TextField
            label="Who changed it?"
            value={typed}
            placeholder={TERMS.find(([name]) => name === term)?.[2] ?? ''}
            onChange={setTyped}
          />
          <Button type="submit" kind="primary">
            Look up
          </Button>
        </form>
      </search>
      {values.find === '' ? null : (
        <Found
          what={{ term, value: values.find }}
          onOpen={onOpen}
          onClear={() => {
            setTyped('')
            set({ find: '', by: '' })
          }}
        />
      )}
    </div>
  )
}

interface FoundProps {
  readonly what: LookUp
  readonly onOpen: (row: Place) => void
  readonly onClear: () => void
}

function Found({ what, onOpen, onClear }: FoundProps) {
  const query = useLookUp(what)
  return (
    <Card title={`Found for ${what.value}`} extra={<Button onClick={onClear}>Clear the look-up</Button>} flush>
      <Loaded query={query} what="what it leads to">
        {({ pages }) => {
          const rows = pages.flatMap(({ found }) => found)
          return rows.length === 0 ? (
            <Empty title="Nothing on record leads from it" icon="search">
              Write an object as type and id, such as <code>invoice:4711</code>, or its id alone.
            </Empty>
          ) : (
            <Table label="Found" columns={columnsFor(onOpen)} rows={rows} rowKey={placeText} />
          )
        }}
      </Loaded>
      {query.hasNextPage ? (
        <div className="flex justify-center border-t border-line p-2">
          <Button onClick={() => void query.fetchNextPage()}>More that was found</Button>
        </div>
      ) : null}
    </Card>
  )
}

function columnsFor(onOpen: (row: Place) => void): readonly Column<FoundEffectView>[] {
  return [
    { name: 'When', cell: (row) => <Age at={row.at} /> },
    { name: 'State', cell: (row) => <Status row={row} /> },
    {
      name: 'Effect',
      cell: (row) => <span className="font-mono text-xs font-semibold">{row.tool ?? row.type ?? 'pruned'}</span>,
    },
    { name: 'For', cell: (row) => <span className="breakable">{row.principal}</span> },
    { name: 'Approved by', cell: (row) => row.approved_by ?? <span className="text-muted">nobody</span> },
    {
      name: 'Run',
      cell: (row) => (
        <span>
          {row.workflow}{' '}
          <Link className="link font-mono text-xs" to={paths.explain(row.run_id)} title={row.run_id}>
            {shortId(row.run_id)}
          </Link>{' '}
          <RecordLink run={row.run_id} seq={row.seq} />
        </span>
      ),
    },
    {
      name: 'Where from',
      cell: (row) => (
        <Button onClick={() => onOpen(row)}>
          Where from
          <span className="sr-only">
            {' '}
            {row.tool} of {row.run_id}, record {row.seq}
          </span>
        </Button>
      ),
    },
  ]
}

/** How the call ended, why, and that nothing changed where that is known; what has no end yet says so. */
function Status({ row: { type, status, code, happened } }: { row: FoundEffectView }) {
  if (status === null) return type === 'activity.intent' ? <State phrase={ACTIVITY_STATUS.sent} /> : null
  const phrase = Object.entries(ACTIVITY_STATUS).find(([name]) => name === status)?.[1]
  return (
    <span>
      <State phrase={phrase ?? { word: status, tone: 'idle', icon: 'dot' }} />
      <span className="block text-xs text-muted">
        {code ? <code className="breakable">{code}</code> : null}
        {happened === false ? <span className="block">nothing changed</span> : null}
      </span>
    </span>
  )
}
