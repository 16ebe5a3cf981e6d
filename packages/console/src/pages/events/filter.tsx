import { useMemo } from 'react'
import type { Filter } from '../../api/record.ts'
import { type AddressFilter, sinceDays } from '../../lib/address.ts'
import { RECORD_TYPES } from '../../lib/record-types.ts'
import { Choice, TextField } from '../policy/fields.tsx'

/** What the list of records is filtered by, as the address names it. */
export const EVENT_FILTERS = ['type', 'node', 'tool', 'code', 'actor', 'workflow', 'days'] as const
type Name = (typeof EVENT_FILTERS)[number]

/** How far back a list looks. */
export const SPANS: readonly (readonly [string, string])[] = [
  ['', 'All time'],
  ['1', 'Last day'],
  ['7', 'Last 7 days'],
  ['30', 'Last 30 days'],
]

/** The fields of the filter. Of one run its workflow is not asked for. */
export function EventFilter({ filter, run }: { filter: AddressFilter<Name>; run: string | null }) {
  const { values, set } = filter
  // A type in the address that is not in the list is kept, so that the server can say what it thinks of it.
  const types = values.type === '' || RECORD_TYPES.includes(values.type) ? RECORD_TYPES : [...RECORD_TYPES, values.type]
  return (
    <search
      aria-label="Filter of events"
      className="mb-3 grid grid-cols-2 gap-3 sm:grid-cols-3 lg:grid-cols-4 xl:grid-cols-7"
    >
      <Choice
        label="Type"
        value={values.type}
        options={[['', 'Every type'], ...types.map((type) => [type, type] as const)]}
        onChange={(type) => set({ type })}
      />
      <Choice label="Time" value={values.days} options={SPANS} onChange={(days) => set({ days })} />
      <TextField label="Code" value={values.code} placeholder="EFFECT_UNKNOWN" onChange={(code) => set({ code })} />
      <TextField label="Tool, model or point" value={values.tool} onChange={(tool) => set({ tool })} />
      <TextField label="Node" value={values.node} onChange={(node) => set({ node })} />
      <TextField label="Done by" value={values.actor} placeholder="user:ana" onChange={(actor) => set({ actor })} />
      {run === null ? (
        <TextField label="Workflow" value={values.workflow} onChange={(workflow) => set({ workflow })} />
      ) : null}
    </search>
  )
}

/** What the address filters by, as the API takes it. */
export function useEventsFilter({ given }: AddressFilter<Name>, run: string | null): Filter {
  const { days, ...rest } = given
  const since = useMemo(() => sinceDays(days ?? '', Date.now()), [days])
  return { ...rest, ...(since === undefined ? {} : { since }), ...(run === null ? {} : { run_id: run }) }
}
