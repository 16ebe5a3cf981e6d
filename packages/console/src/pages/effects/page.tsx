import type { EffectLogRow } from '@signalbox/protocol'
import { useMemo } from 'react'
import { Link, useSearchParams } from 'react-router'
import { type Filter as Given, rowsOnce, useEffects } from '../../api/record.ts'
import { sinceDays, useAddressFilter } from '../../lib/address.ts'
import { shortId } from '../../lib/format.ts'
import { useTitle } from '../../lib/hooks.ts'
import { useListKeys } from '../../lib/list-keys.ts'
import { type Place, placeOf, placeText } from '../../lib/place.ts'
import { EFFECT, EFFECT_PHASE } from '../../lib/words.ts'
import { paths } from '../../paths.ts'
import { Button, State, Tag } from '../../ui/basics.tsx'
import { Empty, Loaded, StillReading } from '../../ui/states.tsx'
import { type Column, Table } from '../../ui/table.tsx'
import { Age } from '../../ui/time.tsx'
import { SPANS } from '../events/filter.tsx'
import { Choice, TextField } from '../policy/fields.tsx'
import { EffectDialog } from './effect.tsx'
import { LookUpPart } from './look-up.tsx'

const FILTERS = ['tool', 'class', 'phase', 'workflow', 'run_id', 'approver', 'days'] as const
const PHASES: readonly (readonly [string, string])[] = [
  ['', 'Every state'],
  ...Object.entries(EFFECT_PHASE).map(([name, { word }]) => [name, word] as const),
]

/** What the runs changed outside, or were kept from: with filters, a look-up by object, and where each came from. */
export function EffectsPage() {
  useTitle('Effects')
  const filter = useAddressFilter(FILTERS)
  const query = useEffects(useEffectsFilter(filter.given))
  const [params, setParams] = useSearchParams()
  const opened = placeOf(params.get('open'))
  const open = (row: Place | null) =>
    setParams(
      (before) => {
        const next = new URLSearchParams(before)
        if (row) next.set('open', placeText(row))
        else next.delete('open')
        return next
      },
      { replace: true },
    )
  useListKeys('[data-effect-link]')
  return (
    <>
      <div className="mb-3 flex flex-wrap items-end justify-between gap-3">
        <h1 className="text-xl font-semibold tracking-tight">Effects</h1>
        <Link className="link text-sm" to={paths.policy('decisions')}>
          Decisions of the policy
        </Link>
      </div>
      <LookUpPart onOpen={open} />
      <Filter values={filter.values} set={filter.set} />
      <div className="card">
        <Loaded query={query} what="effects">
          {({ pages }) => (
            <>
              {pages.at(-1)?.complete === false ? <StillReading /> : null}
              <Rows
                rows={rowsOnce(pages.flatMap(({ effects }) => effects))}
                filtered={Object.keys(filter.given).length > 0}
                onOpen={open}
              />
            </>
          )}
        </Loaded>
      </div>
      {query.hasNextPage ? (
        <div className="mt-3 flex justify-center">
          <Button onClick={() => void query.fetchNextPage()} aria-disabled={query.isFetchingNextPage}>
            {query.isFetchingNextPage ? 'Loading…' : 'Older effects'}
          </Button>
        </div>
      ) : null}
      {opened ? <EffectDialog run={opened.run_id} seq={opened.seq} onClose={() => open(null)} /> : null}
    </>
  )
}

function useEffectsFilter({ days, ...rest }: Partial<Record<(typeof FILTERS)[number], string>>): Given {
  const since = useMemo(() => sinceDays(days ?? '', Date.now()), [days])
  return { ...rest, ...(since === undefined ? {} : { since }) }
}

interface FilterProps {
  readonly values: Readonly<Record<(typeof FILTERS)[number], string>>
  readonly set: (change: Readonly<Partial<Record<string, string>>>) => void
}

function Filter({ values, set }: FilterProps) {
  return (
    <search
      aria-label="Filter of effects"
      className="mb-3 grid grid-cols-2 gap-3 sm:grid-cols-3 lg:grid-cols-4 xl:grid-cols-7"
    >
      <Choice label="State" value={values.phase} options={PHASES} onChange={(phase) => set({ phase })} />
      <Choice label="Time" value={values.days} options={SPANS} onChange={(days) => set({ days })} />
      <TextField label="Tool" value={values.tool} onChange={(tool) => set({ tool })} />
      <TextField label="Tool class" value={values.class} onChange={(name) => set({ class: name })} />
      <TextField
        label="Approved by"
        value={values.approver}
        placeholder="user:ana"
        onChange={(approver) => set({ approver })}
      />
      <TextField label="Workflow" value={values.workflow} onChange={(workflow) => set({ workflow })} />
      <TextField label="Run" value={values.run_id} onChange={(run) => set({ run_id: run })} />
    </search>
  )
}

interface RowsProps {
  readonly rows: readonly EffectLogRow[]
  readonly filtered: boolean
  readonly onOpen: (row: Place) => void
}

function Rows({ rows, filtered, onOpen }: RowsProps) {
  if (rows.length > 0) return <Table label="Effects" columns={columnsFor(onOpen)} rows={rows} rowKey={placeText} />
  if (filtered) return <Empty title="No such effect">A wider filter shows more.</Empty>
  return (
    <Empty title="No effect yet" icon="play">
      Every call that may change something outside is listed here, also what was denied or waits.
    </Empty>
  )
}

function noApprover({ approval_id: id, phase }: EffectLogRow): string {
  if (id === null && phase !== 'waiting') return 'nobody was asked'
  return phase === 'waiting' ? 'not yet' : 'nobody'
}

function columnsFor(onOpen: (row: Place) => void): readonly Column<EffectLogRow>[] {
  return [
    { name: 'When', cell: (row) => <Age at={row.at} /> },
    { name: 'State', cell: (row) => <State phrase={EFFECT_PHASE[row.phase]} /> },
    {
      name: 'Effect',
      cell: (row) => (
        <span className="breakable">
          <span className="font-mono text-xs font-semibold">{row.tool}</span> <Tag mono>{row.class}</Tag>
          <span className="block text-xs text-muted">
            {EFFECT[row.effect]}
            {row.from_ledger ? ', answered from the ledger' : ''}
            {row.code ? (
              <>
                , <code>{row.code}</code>
              </>
            ) : null}
          </span>
        </span>
      ),
    },
    { name: 'For', cell: (row) => <span className="breakable">{row.principal}</span> },
    { name: 'Approved by', cell: (row) => row.approver ?? <span className="text-muted">{noApprover(row)}</span> },
    {
      name: 'Run',
      cell: (row) => (
        <span>
          {row.workflow}{' '}
          <Link className="link font-mono text-xs" to={paths.explain(row.run_id)} title={row.run_id}>
            {shortId(row.run_id)}
          </Link>
        </span>
      ),
    },
    {
      name: 'Where from',
      cell: (row) => (
        <Button data-effect-link onClick={() => onOpen(row)}>
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
