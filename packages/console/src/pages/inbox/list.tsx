import type { RequestSummary } from '@signalbox/protocol'
import { Link } from 'react-router'
import { money } from '../../lib/format.ts'
import { REQUEST_STATE } from '../../lib/words.ts'
import { itemPath } from '../../paths.ts'
import { State } from '../../ui/basics.tsx'
import { Icon } from '../../ui/icon.tsx'
import { Empty } from '../../ui/states.tsx'
import { Age, Countdown } from '../../ui/time.tsx'

interface InboxListProps {
  readonly items: readonly RequestSummary[]
  readonly selected: string | undefined
  readonly decided: boolean
}

/** The items, each with what it is about, the money at stake, and the time left or who decided. */
export function InboxList({ items, selected, decided }: InboxListProps) {
  if (items.length === 0) {
    return decided ? (
      <Empty title="Nothing was decided yet" icon="clock" />
    ) : (
      <Empty title="Nothing waits for a person" icon="check">
        New approvals and questions appear here by themselves.
      </Empty>
    )
  }
  return (
    <ul>
      {items.map((item) => (
        <li key={item.id} className="border-b border-line last:border-b-0">
          <Link
            id={`item-${item.id}`}
            to={itemPath(item, decided)}
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
