import type { RequestSummary } from '@signalbox/protocol'
import type { ReactNode } from 'react'
import { Link } from 'react-router'
import { shortId } from '../../lib/format.ts'
import { REQUEST_STATE } from '../../lib/words.ts'
import { paths } from '../../paths.ts'
import { Badge } from '../../ui/basics.tsx'
import { Icon } from '../../ui/icon.tsx'
import { Age, Clock, Countdown } from '../../ui/time.tsx'

type Item = RequestSummary & { readonly reason?: string | null }

const NAMES = { approval: 'Approval', question: 'Question', request: 'Request' } as const

/** The frame of an item: its title, state, run, and who decided. */
export function ItemFrame({ item, title, children }: { item: Item; title: string; children: ReactNode }) {
  return (
    <article aria-label={NAMES[item.kind]} className="card">
      <header className="border-b border-line px-4 py-3">
        <div className="flex flex-wrap items-center gap-x-3 gap-y-1 text-xs text-muted">
          <Badge phrase={REQUEST_STATE[item.state]} />
          <span>
            asked <Age at={item.requested_at} />
          </span>
          {item.state === 'open' ? (
            <span>
              <Countdown deadline={item.deadline} />
              {item.kind === 'approval' ? ', then it is denied' : ''}
            </span>
          ) : null}
          <span className="sm:ml-auto">
            {item.workflow} ·{' '}
            <Link className="link font-mono" to={paths.run(item.run_id)} title={item.run_id}>
              {shortId(item.run_id)}
            </Link>
          </span>
        </div>
        <h2 className="untrusted mt-1.5 text-lg font-semibold">{title}</h2>
      </header>
      {item.state === 'open' ? null : <DecidedLine item={item} />}
      {children}
    </article>
  )
}

function DecidedLine({ item }: { item: Item }) {
  const word = REQUEST_STATE[item.state].word
  return (
    <div className="border-b border-line bg-sunken px-4 py-2.5 text-sm">
      <p>
        <strong>{word}</strong>
        {item.decided_by ? (
          <>
            {' by '}
            <strong>{item.decided_by}</strong>
          </>
        ) : null}
        {item.decided_at ? (
          <>
            , <Clock at={item.decided_at} />
          </>
        ) : null}
        .
      </p>
      {item.reason ? <p className="untrusted mt-0.5 text-muted">“{item.reason}”</p> : null}
    </div>
  )
}

/** Said to the second of two people who answered at the same time. */
export function SomeoneElse({ item, by = null }: { item: Item; by?: string | null }) {
  return (
    <div role="alert" className="flex gap-2 border-b border-line bg-warn-soft px-4 py-2.5 text-sm">
      <Icon name="warning" className="mt-0.5 text-warn" />
      <span>
        <strong>Your answer was not taken: someone decided before you.</strong>{' '}
        {item.decided_by
          ? `${REQUEST_STATE[item.state].word} by ${item.decided_by}.`
          : by
            ? `The first was ${by}.`
            : null}
      </span>
    </div>
  )
}

const SENT = {
  approved: 'Your approval is stored. The run checks everything once more and goes on.',
  rejected: 'Your rejection is stored. The run takes its fallback.',
  edited: 'Your arguments are stored. Policy judges them before anything is carried out.',
  answered: 'Your answer is stored. The run goes on with it.',
} as const

/** Said after an answer until the run's worker has taken it up. */
export function Sent({ word }: { word: keyof typeof SENT }) {
  return (
    <p
      role="status"
      className="flex items-center gap-2 border-b border-line bg-ok-soft px-4 py-2.5 text-sm font-semibold text-ok"
    >
      <Icon name="check" /> {SENT[word]}
    </p>
  )
}
