import type { ApprovalLifeView, RequestSummary } from '@signalbox/protocol'
import { Link } from 'react-router'
import { useSignedIn } from '../../api/queries.ts'
import { money } from '../../lib/format.ts'
import { useNow } from '../../lib/hooks.ts'
import { claimOf, progressText, type Show, snoozedUntil } from '../../lib/inbox.ts'
import { REQUEST_STATE } from '../../lib/words.ts'
import { itemPath } from '../../paths.ts'
import { State, Tag } from '../../ui/basics.tsx'
import { Icon } from '../../ui/icon.tsx'
import { Empty } from '../../ui/states.tsx'
import { Age, Clock, Countdown } from '../../ui/time.tsx'

const CLOCK_MS = 5000

interface InboxListProps {
  readonly items: readonly RequestSummary[]
  readonly selected: string | undefined
  readonly show: Show
}

/** The items, each with what it is about, the money at stake, and the time left or who decided. */
export function InboxList({ items, selected, show }: InboxListProps) {
  if (items.length === 0) {
    const { title, icon, text } = NOTHING[show]
    return (
      <Empty title={title} icon={icon}>
        {text}
      </Empty>
    )
  }
  return (
    <ul>
      {items.map((item) => (
        <li key={item.id} className="border-b border-line last:border-b-0">
          <Link
            id={`item-${item.id}`}
            to={itemPath(item, show)}
            aria-current={item.id === selected ? 'true' : undefined}
            className={`block border-l-4 px-3 py-2.5 -outline-offset-2! hover:bg-sunken ${item.id === selected ? 'border-accent bg-accent-soft' : 'border-transparent'}`}
          >
            <Item item={item} />
          </Link>
        </li>
      ))}
    </ul>
  )
}

const NOTHING: Readonly<
  Record<Show, { readonly title: string; readonly icon: 'check' | 'clock'; readonly text?: string }>
> = {
  open: {
    title: 'Nothing waits for a person',
    icon: 'check',
    text: 'New approvals and questions appear here by themselves.',
  },
  mine: { title: 'Nothing waits for you', icon: 'check', text: 'What your roles may answer appears here by itself.' },
  claimed: {
    title: 'Nobody has claimed anything',
    icon: 'check',
    text: 'A claim tells others that someone is looking.',
  },
  snoozed: {
    title: 'Nothing is put off',
    icon: 'clock',
    text: 'What is not now for you comes back when its time is over.',
  },
  escalated: { title: 'Nothing was escalated', icon: 'check', text: 'A policy says after how long others may answer.' },
  decided: { title: 'Nothing was decided yet', icon: 'clock' },
}

const KINDS = {
  approval: { icon: 'person', word: 'Approval', title: (item: RequestSummary) => item.summary ?? item.tool },
  question: { icon: 'question', word: 'Question', title: (item: RequestSummary) => `Did ${item.tool} happen?` },
  request: { icon: 'person', word: 'Request', title: (item: RequestSummary) => `Answer for ${item.tool}` },
} as const

function Item({ item }: { item: RequestSummary }) {
  const { icon, word, title } = KINDS[item.kind]
  return (
    <span className="flex flex-col gap-0.5">
      <span className="flex items-start justify-between gap-2">
        <span className="untrusted line-clamp-2 text-sm font-semibold">{title(item)}</span>
        {item.impact?.money ? (
          <span className="shrink-0 text-sm font-semibold tabular-nums">
            {money(item.impact.money.minor, item.impact.money.currency)}
          </span>
        ) : null}
      </span>
      <span className="flex flex-wrap items-center gap-x-2 text-xs text-muted">
        <Icon name={icon} className="size-3" />
        {word} · <span className="font-mono breakable">{item.tool}</span>
      </span>
      <span className="flex flex-wrap items-center justify-between gap-x-2 text-xs text-muted">
        {item.state === 'open' ? (
          <>
            <span>
              asked <Age at={item.requested_at} />
            </span>
            <Countdown deadline={item.deadline} />
            {item.life ? <Marks life={item.life} /> : null}
          </>
        ) : (
          <>
            <State phrase={REQUEST_STATE[item.state]} />
            <span>
              {item.decided_by ? `${item.decided_by}, ` : ''}
              {item.decided_at ? <Age at={item.decided_at} /> : null}
            </span>
          </>
        )}
      </span>
    </span>
  )
}

/** What others have done about it so far. */
function Marks({ life }: { life: ApprovalLifeView }) {
  const me = useSignedIn().principal.id
  const now = useNow(CLOCK_MS)
  const claim = claimOf(life, now)
  const snoozed = snoozedUntil(life, me, now)
  return (
    <span className="flex w-full flex-wrap gap-1 pt-0.5">
      {life.votes.length > 0 || life.stages > 1 ? <Tag>{progressText(life)}</Tag> : null}
      {claim ? <Tag>claimed by {claim.by}</Tag> : null}
      {life.information && life.information.given_at === null ? <Tag>information asked</Tag> : null}
      {life.escalations.length > 0 ? <Tag>escalated</Tag> : null}
      {snoozed ? (
        <Tag>
          not now, until <Clock at={snoozed} />
        </Tag>
      ) : null}
    </span>
  )
}
