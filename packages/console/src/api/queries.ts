import type { Client, Me, RunStatusView } from '@signalbox/protocol'
import { useInfiniteQuery, useMutation, useQuery, useQueryClient } from '@tanstack/react-query'
import { useSession } from './session.tsx'

/** Keys of everything that is read; the first word is what a change makes stale. */
export const keys = {
  me: ['me'] as const,
  workflows: ['workflows'] as const,
  runs: (statuses: readonly RunStatusView[]) => ['runs', statuses.join(',')] as const,
  run: (id: string) => ['run', id] as const,
  checkpoints: (id: string) => ['run', id, 'checkpoints'] as const,
  move: (id: string, kind: 'restore' | 'fork', seq: number) => ['run', id, 'move', kind, seq] as const,
  explanation: (id: string) => ['run', id, 'explanation'] as const,
  cost: (id: string, seq: number) => ['run', id, 'cost', seq] as const,
  approvals: ['approvals'] as const,
  approval: (id: string) => ['approvals', id] as const,
  questions: ['questions'] as const,
  question: (id: string) => ['questions', id] as const,
  requests: ['requests'] as const,
  request: (id: string) => ['requests', id] as const,
  review: ['review'] as const,
  killSwitches: ['kill-switches'] as const,
  schedules: ['schedules'] as const,
  schedule: (name: string) => ['schedules', name] as const,
  status: ['status'] as const,
}

/** How often lists are read again while they are on screen. */
const LIST_MS = 2500
const SLOW_MS = 15_000

/** Who is signed in and what they may do. */
export function useMe() {
  const { client } = useSession()
  return useQuery({ queryKey: keys.me, queryFn: () => client.me(), staleTime: 60_000 })
}

/** Who is signed in, below the shell that waits for it. */
export function useSignedIn(): Me {
  const { data } = useMe()
  if (!data) throw new Error('useSignedIn needs the shell')
  return data
}

/** Workflows with their models; tells which models answer from a script. */
export function useWorkflows() {
  const { client } = useSession()
  return useQuery({ queryKey: keys.workflows, queryFn: () => client.workflows(), staleTime: 60_000 })
}

/** Whether a model's answers come from a script. False while it is not known. */
export function useScripted(): (model: string) => boolean {
  const { data } = useWorkflows()
  const scripted = new Set(data?.workflows.flatMap((each) => each.models.filter((m) => m.scripted).map((m) => m.id)))
  return (model) => scripted.has(model)
}

/** Runs, newest first, by page; the first pages are read again as they grow old. */
export function useRuns(statuses: readonly RunStatusView[]) {
  const { client } = useSession()
  return useInfiniteQuery({
    queryKey: keys.runs(statuses),
    queryFn: ({ pageParam }) =>
      client.listRuns({
        query: { limit: 50, status: statuses.length > 0 ? statuses.join(',') : undefined, before: pageParam },
      }),
    initialPageParam: undefined as string | undefined, // the first page has no cursor
    getNextPageParam: (page) => page.next ?? undefined,
    refetchInterval: LIST_MS,
  })
}

/** One run with its timeline. The live stream makes it stale; the interval catches what the stream missed. */
export function useRun(id: string) {
  const { client } = useSession()
  return useQuery({
    queryKey: keys.run(id),
    queryFn: () => client.run({ params: { id } }),
    refetchInterval: SLOW_MS,
  })
}

/** Restore points of a run, newest first. */
export function useCheckpoints(id: string, enabled: boolean) {
  const { client } = useSession()
  return useQuery({
    queryKey: keys.checkpoints(id),
    queryFn: () => client.checkpoints({ params: { id } }),
    enabled,
  })
}

/** What a restore to a record, or a fork from it, would do. */
export function useMovePlan(id: string, kind: 'restore' | 'fork', seq: number) {
  const { client } = useSession()
  return useQuery({
    queryKey: keys.move(id, kind, seq),
    queryFn: () => client.movePlan({ params: { id }, query: { kind, seq } }),
  })
}

/** What a run cost up to that record: estimates, costs and where they are from. */
export function useRunCost(id: string, seq: number) {
  const { client } = useSession()
  return useQuery({ queryKey: keys.cost(id, seq), queryFn: () => client.runCost({ params: { id } }) })
}

/** Approvals of the tenant: those that are open, oldest first, then the newest others. */
export function useApprovals() {
  const { client } = useSession()
  return useQuery({
    queryKey: keys.approvals,
    queryFn: async () => {
      const [open, newest] = await Promise.all([
        client.approvals({ query: { state: 'open', limit: 500 } }),
        client.approvals({ query: { limit: 200 } }),
      ])
      const all = new Map([...open.approvals, ...newest.approvals].map((each) => [each.id, each]))
      return { approvals: [...all.values()] }
    },
    refetchInterval: LIST_MS,
  })
}

/** One approval with its packet. */
export function useApproval(id: string) {
  const { client } = useSession()
  return useQuery({
    queryKey: keys.approval(id),
    queryFn: () => client.approval({ params: { id } }),
    refetchInterval: LIST_MS,
  })
}

/** All questions about effects, oldest first. */
export function useQuestions() {
  const { client } = useSession()
  return useQuery({
    queryKey: keys.questions,
    queryFn: () => client.questions({ query: { limit: 500 } }),
    refetchInterval: LIST_MS,
  })
}

/** One question with its packet. */
export function useQuestion(id: string) {
  const { client } = useSession()
  return useQuery({
    queryKey: keys.question(id),
    queryFn: () => client.question({ params: { id } }),
    refetchInterval: LIST_MS,
  })
}

/** All requests of port nodes, oldest first. */
export function useRequests() {
  const { client } = useSession()
  return useQuery({
    queryKey: keys.requests,
    queryFn: () => client.requests({ query: { limit: 500 } }),
    refetchInterval: LIST_MS,
  })
}

/** One request of a port node. */
export function useRequest(id: string) {
  const { client } = useSession()
  return useQuery({
    queryKey: keys.request(id),
    queryFn: () => client.request({ params: { id } }),
    refetchInterval: LIST_MS,
  })
}

/** Kill switches, newest first. */
export function useKillSwitches() {
  const { client } = useSession()
  return useQuery({
    queryKey: keys.killSwitches,
    queryFn: () => client.killSwitches(),
    refetchInterval: LIST_MS,
  })
}

/** Schedules with their newest firings. */
export function useSchedules() {
  const { client } = useSession()
  return useQuery({ queryKey: keys.schedules, queryFn: () => client.schedules(), refetchInterval: LIST_MS })
}

/** One schedule with its history. */
export function useSchedule(name: string) {
  const { client } = useSession()
  return useQuery({
    queryKey: keys.schedule(name),
    queryFn: () => client.schedule({ params: { id: name }, query: { limit: 100 } }),
    refetchInterval: LIST_MS,
  })
}

/** What is wrong with the server's store or clock now. */
export function useStatus() {
  const { client } = useSession()
  return useQuery({ queryKey: keys.status, queryFn: () => client.status(), refetchInterval: LIST_MS })
}

/** What a change may be shown in. */
const SHOWN = [
  ...['runs', 'run', 'approvals', 'questions', 'requests', 'review', 'kill-switches', 'schedules', 'policy'],
  ...['alerts', 'events', 'effects'],
]

/** Something that a person changes. Whatever may show it is read again afterwards, after a refusal too. */
export function useChange<V, R = unknown>(change: (client: Client, input: V) => Promise<R>) {
  const { client } = useSession()
  const queries = useQueryClient()
  return useMutation({
    mutationFn: (input: V) => change(client, input),
    onSettled: () => Promise.all(SHOWN.map((first) => queries.invalidateQueries({ queryKey: [first] }))),
  })
}
