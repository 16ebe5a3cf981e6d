import type { UseQueryResult } from '@tanstack/react-query'
import type { ReactNode } from 'react'
import { isAway, shown } from '../api/problem.ts'
import type { IconName } from '../lib/words.ts'
import { Button, State } from './basics.tsx'
import { Icon } from './icon.tsx'
import { Prose } from './prose.tsx'

/** Shown while the first answer is on its way. */
export function Loading({ what }: { what: string }) {
  return (
    <div role="status" className="flex items-center gap-2 px-4 py-8 text-sm text-muted">
      <span aria-hidden="true" className="pulse size-2 rounded-full bg-accent" />
      Loading {what}…
    </div>
  )
}

/** Shown where there is nothing, with what would put something there. */
export function Empty({ title, children, icon = 'dot' }: { title: string; children?: ReactNode; icon?: IconName }) {
  return (
    <div className="flex flex-col items-center gap-1 px-6 py-10 text-center">
      <span className="mb-1 rounded-full bg-sunken p-2 text-muted">
        <Icon name={icon} className="size-5" />
      </span>
      <p className="text-sm font-semibold">{title}</p>
      {children ? <div className="max-w-md text-sm text-muted">{children}</div> : null}
    </div>
  )
}

/** An error with its closed code, what happened and the fix. */
export function ErrorPanel({ error, onRetry }: { error: unknown; onRetry?: () => void }) {
  const { code, title, detail } = shown(error)
  return (
    <div role="alert" className="m-4 rounded-md border border-line bg-bad-soft px-4 py-3 text-sm">
      <p className="flex flex-wrap items-center gap-2 font-semibold text-bad">
        <Icon name="warning" />
        {title}
        <code className="rounded bg-surface px-1.5 text-2xs text-ink">{code}</code>
      </p>
      <p className="untrusted mt-1 text-ink">
        <Prose text={detail} />
      </p>
      {isAway(error) ? <p className="mt-1 text-muted">It is tried again by itself.</p> : null}
      {onRetry ? (
        <Button className="mt-2" onClick={onRetry}>
          Try again
        </Button>
      ) : null}
    </div>
  )
}

/** Said where the record does not tell, in a word and not in colour alone. */
export function NotKnown({ what }: { what: string }) {
  return (
    <p className="flex flex-wrap items-center gap-x-2">
      <State phrase={{ word: 'Unknown', tone: 'bad', icon: 'question' }} /> {what}
    </p>
  )
}

/** A short refusal inside a form. */
export function FormError({ error }: { error: unknown }) {
  const { code, detail } = shown(error)
  return (
    <p role="alert" className="untrusted rounded-md bg-bad-soft px-3 py-2 text-sm text-ink">
      <code className="mr-1.5 font-semibold text-bad text-2xs">{code}</code>
      <Prose text={detail} />
    </p>
  )
}

/** What a query holds, or its loading or error state. Data that is there stays on screen when a later read fails. */
export function Loaded<T>({
  query,
  what,
  children,
}: {
  query: Pick<UseQueryResult<T>, 'data' | 'error' | 'refetch'>
  what: string
  children: (data: T) => ReactNode
}) {
  if (query.data !== undefined) return children(query.data)
  if (query.error) return <ErrorPanel error={query.error} onRetry={() => void query.refetch()} />
  return <Loading what={what} />
}

/** Tells that the index of all runs is behind: what is listed is not all yet. */
export function StillReading() {
  return (
    <p role="status" className="border-b border-line px-4 py-2 text-sm text-muted">
      Older records are still being read into the index: more will come.
    </p>
  )
}
