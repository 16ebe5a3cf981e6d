import type { ComponentProps, ReactNode } from 'react'
import { useId } from 'react'
import type { Blocked } from '../lib/permissions.ts'
import type { Phrase, Tone } from '../lib/words.ts'
import { Icon } from './icon.tsx'

const SOFT: Record<Tone, string> = {
  ok: 'bg-ok-soft text-ok',
  warn: 'bg-warn-soft text-warn',
  bad: 'bg-bad-soft text-bad',
  info: 'bg-accent-soft text-accent',
  idle: 'bg-idle-soft text-idle',
}
const TEXT: Record<Tone, string> = {
  ok: 'text-ok',
  warn: 'text-warn',
  bad: 'text-bad',
  info: 'text-accent',
  idle: 'text-idle',
}

/** A state as symbol and word on its tone. */
export function Badge({ phrase, className = '' }: { phrase: Phrase; className?: string }) {
  return (
    <span
      className={`inline-flex w-fit items-center gap-1 rounded-full px-2 text-xs font-semibold whitespace-nowrap ${SOFT[phrase.tone]} ${className}`}
    >
      <Icon name={phrase.icon} className="size-3" />
      {phrase.word}
    </span>
  )
}

/** A state as symbol and word without a background, for dense rows. */
export function State({ phrase }: { phrase: Phrase }) {
  return (
    <span className={`inline-flex items-center gap-1 text-xs font-semibold ${TEXT[phrase.tone]}`}>
      <Icon name={phrase.icon} />
      {phrase.word}
    </span>
  )
}

/** A neutral fact in a box, such as a tool class. */
export function Tag({ children, mono = false }: { children: ReactNode; mono?: boolean }) {
  return (
    <span
      className={`inline-flex items-center rounded border border-line bg-sunken px-1.5 text-2xs text-muted breakable ${mono ? 'font-mono' : ''}`}
    >
      {children}
    </span>
  )
}

/** Says that a model's answers come from a script. */
export function ScriptedTag() {
  return (
    <span
      className="inline-flex items-center rounded border border-dashed border-line-strong px-1.5 text-2xs font-semibold text-muted whitespace-nowrap"
      title="The answers come from a script, not from a language model"
    >
      scripted model
    </span>
  )
}

const KINDS = {
  primary: 'bg-accent text-accent-ink border-transparent hover:bg-accent-strong',
  danger: 'bg-bad text-bad-ink border-transparent hover:bg-bad-strong',
  plain: 'bg-surface text-ink border-line-strong hover:bg-sunken',
  quiet: 'bg-transparent text-ink border-transparent hover:bg-sunken',
} as const
/** How much a button asks for attention. */
export type ButtonKind = keyof typeof KINDS

/** A button. */
export function Button({ kind = 'plain', className = '', ...rest }: ComponentProps<'button'> & { kind?: ButtonKind }) {
  return <button type="button" {...rest} className={`${buttonClass(kind)} ${className}`} />
}

function buttonClass(kind: ButtonKind, off = false): string {
  const look = off ? 'bg-sunken text-muted border-line cursor-not-allowed' : KINDS[kind]
  return `inline-flex min-h-8 items-center justify-center gap-1.5 rounded-md border px-3 py-1 text-sm font-semibold whitespace-nowrap motion-safe:transition-colors ${look}`
}

/**
 * A button that stays visible when it cannot be used and says why, beside it and to screen readers. It can still be
 * reached by keyboard, so that the reason can be read.
 */
export function GuardedButton({
  blocked,
  kind = 'plain',
  showWhy = true,
  onClick,
  children,
  ...rest
}: {
  blocked: Blocked
  kind?: ButtonKind
  showWhy?: boolean
  onClick: () => void
  children: ReactNode
  'data-testid'?: string
}) {
  const why = useId()
  if (blocked === null) {
    return (
      <Button kind={kind} onClick={onClick} {...rest}>
        {children}
      </Button>
    )
  }
  return (
    <span className="inline-flex flex-wrap items-center gap-x-2 gap-y-1">
      <button
        type="button"
        aria-disabled="true"
        aria-describedby={why}
        title={blocked}
        className={buttonClass(kind, true)}
        {...rest}
      >
        {children}
      </button>
      <span id={why} className={showWhy ? 'text-xs text-muted' : 'sr-only'}>
        {blocked}
      </span>
    </span>
  )
}

/** A titled part of a page. */
export function Card({
  title,
  extra,
  children,
  flush = false,
}: {
  title: string
  extra?: ReactNode
  children: ReactNode
  flush?: boolean
}) {
  const id = useId()
  return (
    <section aria-labelledby={id} className="card min-w-0">
      <header className="flex flex-wrap items-center justify-between gap-2 border-b border-line px-4 py-2">
        <h2 id={id} className="text-sm font-semibold">
          {title}
        </h2>
        {extra}
      </header>
      <div className={flush ? '' : 'px-4 py-3'}>{children}</div>
    </section>
  )
}

/** Names and values, one pair a row. */
export function Facts({
  rows,
  className = '',
}: {
  rows: readonly (readonly [string, ReactNode])[]
  className?: string
}) {
  return (
    <dl
      className={`grid content-start grid-cols-[minmax(6.5rem,auto)_minmax(0,1fr)] gap-x-4 gap-y-1 text-sm ${className}`}
    >
      {rows.map(([name, value]) => (
        <div key={name} className="col-span-2 grid grid-cols-subgrid">
          <dt className="text-muted">{name}</dt>
          <dd className="breakable">{value}</dd>
        </div>
      ))}
    </dl>
  )
}

/** Text that came from outside, shown as text alone. Long text scrolls inside, by keyboard too. */
export function CodeBlock({ text, label }: { text: string; label: string }) {
  return (
    // biome-ignore lint/a11y/useSemanticElements: a labelled scrolling region, not a section of the page
    <pre
      // biome-ignore lint/a11y/noNoninteractiveTabindex: a scrolling region must be reachable by keyboard
      tabIndex={0}
      role="group"
      aria-label={label}
      className="untrusted max-h-72 overflow-auto rounded-md border border-line bg-sunken px-3 py-2 text-xs leading-5"
    >
      {text}
    </pre>
  )
}
