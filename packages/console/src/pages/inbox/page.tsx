import type { RequestSummary } from '@signalbox/protocol'
import { useLayoutEffect, useMemo, useRef } from 'react'
import { Link, useNavigate, useParams, useSearchParams } from 'react-router'
import { useDelegations } from '../../api/inbox.ts'
import { useApprovals, useQuestions, useRequests, useSignedIn } from '../../api/queries.ts'
import { useKeys, useNow, useTitle } from '../../lib/hooks.ts'
import { isShown, SHOWS, type Show, showOf } from '../../lib/inbox.ts'
import { itemPath, paths } from '../../paths.ts'
import { Icon } from '../../ui/icon.tsx'
import { Empty, Loaded } from '../../ui/states.tsx'
import { ApprovalDetailView } from './approval.tsx'
import { InboxList } from './list.tsx'
import { QuestionDetailView } from './question.tsx'
import { RequestDetailView } from './request.tsx'

const SHOW_NAMES: Readonly<Record<Show, string>> = {
  open: 'Open',
  mine: 'Mine to decide',
  claimed: 'Claimed',
  snoozed: 'Not now',
  escalated: 'Escalated',
  decided: 'Decided',
}
/** Claims and pauses of a person end by the clock. */
const CLOCK_MS = 5000

const VIEWS = { approval: ApprovalDetailView, question: QuestionDetailView, request: RequestDetailView } as const

/** Everything that waits for a person, and what was decided: a list beside the item that is open. */
export function InboxPage({ kind }: { kind: keyof typeof VIEWS }) {
  useTitle('Approvals')
  const { id } = useParams()
  const [params] = useSearchParams()
  const show = showOf(params.get('show'))
  const approvals = useApprovals()
  const items = useItems(show)
  useInboxKeys(items, id, show)
  const View = VIEWS[kind]
  return (
    <>
      <div className="mb-4 flex flex-wrap items-center justify-between gap-3">
        <h1 className="text-xl font-semibold tracking-tight">Approvals and questions</h1>
        <nav aria-label="Which items" className="flex flex-wrap items-center gap-1.5">
          {SHOWS.map((each) => (
            <Which key={each} to={paths.inbox(each)} current={each === show}>
              {SHOW_NAMES[each]}
            </Which>
          ))}
          <Link className="link ml-2 text-sm" to={paths.review()}>
            Standing approvals and reviewers
          </Link>
        </nav>
      </div>
      <div className="grid items-start gap-4 lg:grid-cols-[22rem_minmax(0,1fr)]">
        <section aria-label={`${SHOW_NAMES[show]} items`} className={`card ${id ? 'hidden lg:block' : ''}`}>
          <Loaded query={approvals} what="approvals">
            {() => <InboxList items={items} selected={id} show={show} />}
          </Loaded>
        </section>
        {id ? (
          <div className="min-w-0">
            <Link to={paths.inbox(show)} className="link mb-3 inline-flex items-center gap-1 text-sm lg:hidden">
              <Icon name="back" /> All items
            </Link>
            <View key={id} id={id} />
          </div>
        ) : (
          <div className="card hidden lg:block">
            <Empty title="Choose an item" icon="keyboard">
              <kbd>j</kbd> and <kbd>k</kbd> move through the list, <kbd>a</kbd> approves, <kbd>r</kbd> rejects,{' '}
              <kbd>?</kbd> shows all keys.
            </Empty>
          </div>
        )}
      </div>
    </>
  )
}

function Which({ to, current, children }: { to: string; current: boolean; children: string }) {
  return (
    <Link
      to={to}
      aria-current={current ? 'page' : undefined}
      className={`rounded-full border px-3 py-0.5 text-sm font-medium ${current ? 'border-accent bg-accent-soft text-accent' : 'border-line bg-surface text-muted hover:text-ink'}`}
    >
      {children}
    </Link>
  )
}

/** Approvals, questions and ports' requests in one list: open ones by deadline, decided ones newest first. */
function useItems(show: Show): readonly RequestSummary[] {
  const approvals = useApprovals().data?.approvals
  const questions = useQuestions().data?.questions
  const requests = useRequests().data?.requests
  const delegations = useDelegations().data?.delegations
  const me = useSignedIn()
  const now = useNow(CLOCK_MS)
  return useMemo(() => {
    const viewer = { me, delegations: delegations ?? [] }
    const all = [...(approvals ?? []), ...(questions ?? []), ...(requests ?? [])].filter((each) =>
      isShown(each, show, viewer, now),
    )
    const order = (each: RequestSummary) =>
      show === 'decided' ? -Date.parse(each.decided_at ?? each.deadline) : Date.parse(each.deadline)
    return all.sort((a, b) => order(a) - order(b))
  }, [approvals, questions, requests, delegations, me, now, show])
}

/**
 * `j` and `k` step through the list. A step counts from where the steps before it lead: the address changes before the
 * page has rendered it, so keys that follow each other within a frame would otherwise all count from the same place.
 */
function useInboxKeys(items: readonly RequestSummary[], selected: string | undefined, show: Show): void {
  const navigate = useNavigate()
  const onTheWay = useRef<readonly string[]>([])
  useLayoutEffect(() => {
    const arrived = selected === undefined ? -1 : onTheWay.current.lastIndexOf(selected)
    onTheWay.current = arrived < 0 ? [] : onTheWay.current.slice(arrived + 1)
  }, [selected])
  const move = (by: number) => {
    const from = onTheWay.current.at(-1) ?? selected
    const at = items.findIndex((item) => item.id === from)
    const next = items[at < 0 ? (by > 0 ? 0 : items.length - 1) : Math.min(items.length - 1, Math.max(0, at + by))]
    if (!next || next.id === from) return
    onTheWay.current = [...onTheWay.current, next.id]
    navigate(itemPath(next, show), { replace: from !== undefined })
    document.getElementById(`item-${next.id}`)?.focus()
  }
  useKeys({ j: () => move(1), k: () => move(-1) })
}
