/** What is read about the review of approvals: who stands in for whom, standing approvals, statistics. */
import type { ApprovalDetail } from '@signalbox/protocol'
import { useQuery, useQueryClient } from '@tanstack/react-query'
import { useEffect, useRef } from 'react'
import { keys, useSignedIn } from './queries.ts'
import { useSession } from './session.tsx'

const REVIEW_MS = 5000

/** Who stands in for whom, oldest first. */
export function useDelegations() {
  const { client } = useSession()
  return useQuery({
    queryKey: [...keys.review, 'delegations'],
    queryFn: () => client.delegations(),
    refetchInterval: REVIEW_MS,
  })
}

/** Standing approvals with their uses, oldest first. */
export function useStanding() {
  const { client } = useSession()
  return useQuery({
    queryKey: [...keys.review, 'standing'],
    queryFn: () => client.standingApprovals(),
    refetchInterval: REVIEW_MS,
  })
}

/** Load and decision times over the last days. */
export function useReviewStats(days: number) {
  const { client } = useSession()
  return useQuery({
    queryKey: [...keys.review, 'stats', days],
    queryFn: () => client.reviewStats({ query: { days } }),
    refetchInterval: REVIEW_MS,
  })
}

/** Tells the server once that this person has the details of an approval on screen which they may answer. */
export function useSeen(approval: ApprovalDetail): void {
  const { client } = useSession()
  const queries = useQueryClient()
  const me = useSignedIn().principal.id
  const told = useRef<string | null>(null)
  const { id, life, can_decide: can } = approval
  const unseen = can && life !== null && !Object.hasOwn(life.seen, me)
  useEffect(() => {
    if (!unseen || told.current === id) return
    told.current = id
    // What cannot be told now is told when the page is opened again; deciding does not depend on it.
    client
      .seeApproval({ params: { id }, body: {} })
      .then(() => queries.invalidateQueries({ queryKey: keys.approval(id) }))
      .catch(() => undefined)
  }, [unseen, id, client, queries])
}
