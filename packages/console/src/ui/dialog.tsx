import { type FormEvent, type ReactNode, useId, useLayoutEffect, useRef, useState } from 'react'
import { isWord } from '../lib/inbox.ts'
import { Button, type ButtonKind } from './basics.tsx'
import { FormError } from './states.tsx'

/** A modal dialog. The browser keeps the focus inside, closes it on Escape, and gives the focus back. */
export function Dialog({
  title,
  onClose,
  children,
  wide = false,
}: {
  title: string
  onClose: () => void
  children: ReactNode
  wide?: boolean
}) {
  const element = useRef<HTMLDialogElement>(null)
  const id = useId()
  // With the change of the page, not some time after it: a focus that comes back late takes a key that was meant for
  // another place.
  useLayoutEffect(() => {
    const dialog = element.current
    const before = document.activeElement
    if (dialog && !dialog.open) dialog.showModal()
    return () => {
      dialog?.close()
      if (before instanceof HTMLElement) before.focus()
    }
  }, [])
  return (
    <dialog
      ref={element}
      aria-labelledby={id}
      onCancel={(event) => {
        event.preventDefault()
        onClose()
      }}
      className={`${wide ? 'w-[min(56rem,calc(100vw-2rem))]' : 'w-[min(32rem,calc(100vw-2rem))]'} max-h-[calc(100dvh-2rem)] overflow-y-auto rounded-xl border border-line bg-surface p-0 text-ink shadow-high`}
    >
      <div className="px-5 py-4">
        <h2 id={id} className="mb-2 text-lg font-semibold">
          {title}
        </h2>
        {children}
      </div>
    </dialog>
  )
}

/** What a confirmation asks for before it acts. */
export interface ConfirmProps {
  readonly title: string
  /** What will happen, in words. */
  readonly children: ReactNode
  readonly action: string
  readonly kind?: ButtonKind
  readonly reasonLabel?: string
  /** For a form that shows two things beside each other. */
  readonly wide?: boolean
  /** A word that must be typed, for what reaches far; case, spaces and thousands marks do not count. */
  readonly word?: string
  /** Why the word is asked for. */
  readonly wordWhy?: string
  readonly pending: boolean
  readonly error: unknown
  readonly onConfirm: (reason: string) => void
  readonly onClose: () => void
}

const LEAST_REASON = 3

/** A dialog that asks for a reason, and for a typed word where the act cannot be undone. Enter in it confirms. */
export function ConfirmDialog(props: ConfirmProps) {
  const [reason, setReason] = useState('')
  const [typed, setTyped] = useState('')
  const [missing, setMissing] = useState<string | null>(null)
  const submit = (event: FormEvent) => {
    event.preventDefault()
    const lacks = lacking(reason, typed, props.word)
    setMissing(lacks)
    if (lacks === null && !props.pending) props.onConfirm(reason.trim())
  }
  return (
    <Dialog title={props.title} onClose={props.onClose} wide={props.wide ?? false}>
      <form onSubmit={submit} noValidate className="flex flex-col gap-3">
        <div className="flex flex-col gap-2 text-sm">{props.children}</div>
        <ReasonField label={props.reasonLabel ?? 'Reason'} value={reason} onChange={setReason} />
        {props.word ? <WordField word={props.word} why={props.wordWhy} value={typed} onChange={setTyped} /> : null}
        {missing ? (
          <p role="alert" className="text-sm font-semibold text-bad">
            {missing}
          </p>
        ) : null}
        {props.error ? <FormError error={props.error} /> : null}
        <div className="flex flex-wrap justify-end gap-2 pt-1">
          <Button onClick={props.onClose}>Back</Button>
          <Button type="submit" kind={props.kind ?? 'primary'} aria-disabled={props.pending}>
            {props.pending ? 'Sending…' : props.action}
          </Button>
        </div>
      </form>
    </Dialog>
  )
}

function lacking(reason: string, typed: string, word: string | undefined): string | null {
  if (reason.trim().length < LEAST_REASON) return 'Give a reason of at least three characters.'
  if (word !== undefined && !isWord(typed, word)) return `Type “${word}” to confirm.`
  return null
}

function ReasonField({ label, value, onChange }: { label: string; value: string; onChange: (text: string) => void }) {
  const id = useId()
  return (
    <div>
      <label htmlFor={id} className="label">
        {label}
      </label>
      <input
        id={id}
        // biome-ignore lint/a11y/noAutofocus: the first field of a dialog that the person has just opened
        autoFocus
        className="field"
        value={value}
        maxLength={1000}
        autoComplete="off"
        required
        aria-describedby={`${id}-help`}
        onChange={(event) => onChange(event.target.value)}
      />
      <p id={`${id}-help`} className="mt-1 text-xs text-muted">
        Stored with your name.
      </p>
    </div>
  )
}

interface WordFieldProps {
  readonly word: string
  readonly why: string | undefined
  readonly value: string
  readonly onChange: (text: string) => void
}

function WordField({ word, why, value, onChange }: WordFieldProps) {
  const id = useId()
  return (
    <div>
      <label htmlFor={id} className="label">
        {why ? `${why} ` : ''}Type <span className="font-mono breakable">{word}</span> to confirm
      </label>
      <input
        id={id}
        className="field font-mono"
        value={value}
        autoComplete="off"
        autoCapitalize="off"
        spellCheck={false}
        required
        onChange={(event) => onChange(event.target.value)}
      />
    </div>
  )
}
