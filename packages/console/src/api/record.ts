/** What is read of the record: explanations, lineage, records, effects, and what they are looked up by. */
import type { EventRow, lineageTermSchema } from '@signalbox/protocol'
import { useInfiniteQuery, useQuery } from '@tanstack/react-query'
import { keys } from './queries.ts'
import { useSession } from './session.tsx'

const LOG_MS = 5000
const PAGE = 50

/** A run told in plain language. A change of the run makes it stale. */
export function useExplanation(id: string) {
  const { client } = useSession()
  return useQuery({
    queryKey: keys.explanation(id),
    queryFn: () => client.explain({ params: { id } }),
    refetchInterval: LOG_MS,
  })
}

/** Where every effect of a run came from, and what is missing in that. */
export function useLineage(id: string) {
  const { client } = useSession()
  return useQuery({
    queryKey: [...keys.run(id), 'lineage'],
    queryFn: () => client.lineage({ params: { id } }),
    refetchInterval: LOG_MS,
  })
}

/** One record and, once there is one, the record after it: that one holds the hash of this one. */
export function useRecord(id: string, seq: number) {
  const { client } = useSession()
  return useQuery({
    queryKey: [...keys.run(id), 'record', seq],
    queryFn: async () => {
      const { events } = await client.events({ params: { id }, query: { after: Math.max(0, seq - 1), limit: 2 } })
      return {
        record: events.find((each) => each.seq === seq) ?? null,
        next: events.find((each) => each.seq === seq + 1) ?? null,
      }
    },
    refetchInterval: LOG_MS,
  })
}

/** What a lookup takes: by what, and its value. */
export interface LookUp {
  readonly term: (typeof lineageTermSchema.options)[number]
  readonly value: string
}

/** A filter as the address has it: names of the API's query; what is absent filters nothing. */
export type Filter = Readonly<Record<string, string | undefined>>

/** Records of all runs or of one, newest first, page by page. */
export function useEvents(filter: Filter) {
  const { client } = useSession()
  return useInfiniteQuery({
    queryKey: ['events', filter],
    queryFn: ({ pageParam }) => client.eventsOverRuns({ query: { ...filter, limit: PAGE, before: pageParam } }),
    initialPageParam: undefined as string | undefined, // the first page has no cursor
    getNextPageParam: (page) => page.next ?? undefined,
    refetchInterval: LOG_MS,
    placeholderData: (before) => before,
  })
}

/** Effects of all runs, newest first, page by page. */
export function useEffects(filter: Filter) {
  const { client } = useSession()
  return useInfiniteQuery({
    queryKey: ['effects', filter],
    queryFn: ({ pageParam }) => client.effectsOverRuns({ query: { ...filter, limit: PAGE, before: pageParam } }),
    initialPageParam: undefined as string | undefined, // as above
    getNextPageParam: (page) => page.next ?? undefined,
    refetchInterval: LOG_MS,
    placeholderData: (before) => before,
  })
}

/** Effects that an object, a person or an id leads to, newest first, page by page. */
export function useLookUp(what: LookUp) {
  const { client } = useSession()
  return useInfiniteQuery({
    queryKey: ['effects', 'look-up', what],
    queryFn: ({ pageParam }) =>
      client.lookUp({ query: { term: what.term, value: what.value, limit: PAGE, before: pageParam } }),
    initialPageParam: undefined as string | undefined, // as above
    getNextPageParam: (page) => page.next ?? undefined,
  })
}

/** A list of records as it is on screen: pages that moved while they were read name a record once. */
export function rowsOnce<R extends Pick<EventRow, 'run_id' | 'seq'>>(rows: readonly R[]): readonly R[] {
  return [...new Map(rows.map((row) => [`${row.run_id}~${row.seq}`, row])).values()]
}
