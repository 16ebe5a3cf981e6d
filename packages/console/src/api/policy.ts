/** What is read of the policy: decisions on record, what a bundle would decide, roles and tools, exemptions, credentials. */
import type { Client } from '@signalbox/protocol'
import { useMutation, useQuery } from '@tanstack/react-query'
import { useSession } from './session.tsx'

const LOG_MS = 5000
const SLOW_MS = 30_000
const KEY = 'policy'

/** The bundle in force, who holds it, drafts and a shadow. */
export function usePolicyStatus() {
  const { client } = useSession()
  return useQuery({ queryKey: [KEY, 'status'], queryFn: () => client.policyStatus(), refetchInterval: LOG_MS })
}

/** Who proposed and activated which bundle, newest first. */
export function usePolicyHistory() {
  const { client } = useSession()
  return useQuery({ queryKey: [KEY, 'history'], queryFn: () => client.policyHistory(), refetchInterval: LOG_MS })
}

/** What the draft in shadow would have done otherwise. */
export function useShadowReport() {
  const { client } = useSession()
  return useQuery({ queryKey: [KEY, 'shadow'], queryFn: () => client.shadowReport(), refetchInterval: LOG_MS })
}

/** Filter of the log of decisions; empty texts filter nothing. */
export interface DecisionFilter {
  readonly days: number
  readonly verdict: string
  readonly tool: string
  readonly policy: string
  readonly principal: string
  readonly run: string
}

type DecisionsQuery = NonNullable<NonNullable<Parameters<Client['decisions']>[0]>['query']>

const DAY_MS = 86_400_000

/** Decisions on record, newest first. */
export function useDecisions(filter: DecisionFilter) {
  const { client } = useSession()
  return useQuery({
    queryKey: [KEY, 'decisions', filter],
    queryFn: () => client.decisions({ query: queryOf(filter) }),
    refetchInterval: LOG_MS,
    placeholderData: (before) => before,
  })
}

function queryOf({ days, verdict, tool, policy, principal, run }: DecisionFilter): DecisionsQuery {
  return {
    since: new Date(Date.now() - days * DAY_MS).toISOString(),
    // One of the options of the filter's own list.
    ...(verdict === '' ? {} : { verdict: verdict as NonNullable<DecisionsQuery['verdict']> }),
    ...(tool === '' ? {} : { tool }),
    ...(policy === '' ? {} : { policy }),
    ...(principal === '' ? {} : { principal }),
    ...(run === '' ? {} : { run_id: run }),
  }
}

/** One decision, told. */
export function useDecision(id: string, runId: string) {
  const { client } = useSession()
  return useQuery({
    queryKey: [KEY, 'decision', id],
    queryFn: () => client.decision({ params: { id }, query: { run_id: runId } }),
    staleTime: 60_000,
  })
}

/** A question to the policy that changes nothing: it is asked when a person says so. */
export function usePolicyQuestion<V, R>(ask: (client: Client, input: V) => Promise<R>) {
  const { client } = useSession()
  return useMutation({ mutationFn: (input: V) => ask(client, input) })
}

/** What a check of the bundle in force finds. */
export function usePolicyFindings() {
  const { client } = useSession()
  return useQuery({ queryKey: [KEY, 'findings'], queryFn: () => client.policyFindings(), staleTime: SLOW_MS })
}

/** What each role may do with each tool, and who signed that. */
export function useRoleMatrix() {
  const { client } = useSession()
  return useQuery({ queryKey: [KEY, 'matrix'], queryFn: () => client.roleMatrix(), refetchInterval: SLOW_MS })
}

/** Tools that may run without an approval. */
export function useExemptions() {
  const { client } = useSession()
  return useQuery({ queryKey: [KEY, 'exemptions'], queryFn: () => client.exemptions(), refetchInterval: SLOW_MS })
}

/** How the credentials of tools stand. */
export function useCredentials() {
  const { client } = useSession()
  return useQuery({
    queryKey: [KEY, 'credentials'],
    queryFn: () => client.credentials({ query: {} }),
    refetchInterval: SLOW_MS,
  })
}
