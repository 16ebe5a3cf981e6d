/** What is read of alerts. */
import { useInfiniteQuery, useQuery } from '@tanstack/react-query'
import type { Filter } from './record.ts'
import { useSession } from './session.tsx'

const LIST_MS = 5000
const KEY = 'alerts'

/** Alerts, the newest opening first, page by page; without `state` those that are not resolved. */
export function useAlerts(filter: Filter) {
  const { client } = useSession()
  return useInfiniteQuery({
    queryKey: [KEY, 'list', filter],
    queryFn: ({ pageParam }) => client.alerts({ query: { ...filter, limit: 50, cursor: pageParam } }),
    initialPageParam: undefined as string | undefined, // the first page has no cursor
    getNextPageParam: (page) => page.next ?? undefined,
    refetchInterval: LIST_MS,
    placeholderData: (before) => before,
  })
}

/** How alerts stand as a whole, for the navigation. */
export function useAlertSummary() {
  const { client } = useSession()
  return useQuery({
    queryKey: [KEY, 'summary'],
    queryFn: async () => (await client.alerts({ query: { limit: 1 } })).summary,
    refetchInterval: LIST_MS,
  })
}

/** One alert with what it saw and its history. */
export function useAlert(id: string) {
  const { client } = useSession()
  return useQuery({
    queryKey: [KEY, 'one', id],
    queryFn: () => client.alert({ params: { id } }),
    refetchInterval: LIST_MS,
  })
}

/** Every kind of alert that there is, for the filter. */
export function useAlertKinds(): readonly string[] {
  const { client } = useSession()
  const { data } = useQuery({ queryKey: ['alert-rules'], queryFn: () => client.alertRules(), staleTime: 60_000 })
  return data?.rules.map(({ kind }) => kind) ?? []
}
