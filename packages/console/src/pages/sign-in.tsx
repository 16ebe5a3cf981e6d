import { type FormEvent, useEffect, useId, useState } from 'react'
import { clientFor, useSession } from '../api/session.tsx'
import { useTitle } from '../lib/hooks.ts'
import { useTheme } from '../lib/theme.ts'
import { Button } from '../ui/basics.tsx'
import { Mark } from '../ui/icon.tsx'
import { FormError } from '../ui/states.tsx'

/** Takes a token, tries it, and keeps it for this tab only when the server knows it. */
export function SignInPage() {
  useTitle('Sign in')
  useTheme()
  const session = useSession()
  const form = useSignIn()
  const id = useId()
  return (
    <main className="flex min-h-dvh flex-col items-center justify-center gap-6 px-4 py-10">
      <div className="flex items-center gap-3">
        <Mark className="size-9" />
        <span className="text-xl font-semibold tracking-tight">Signalbox</span>
      </div>
      <div className="card w-full max-w-md px-6 py-5">
        <h1 className="text-lg font-semibold">Sign in</h1>
        <p className="mt-1 mb-4 text-sm text-muted">
          Paste a development token. They were printed when the server started, with a link for each person.
        </p>
        {session.notice && !form.error ? (
          <p role="status" className="mb-3 rounded-md bg-accent-soft px-3 py-2 text-sm">
            {session.notice}
          </p>
        ) : null}
        <form onSubmit={form.submit} noValidate className="flex flex-col gap-3">
          <div>
            <label htmlFor={id} className="label">
              Token
            </label>
            <input
              id={id}
              type="password"
              className="field font-mono"
              autoComplete="off"
              spellCheck={false}
              required
              value={form.token}
              onChange={(event) => form.setToken(event.target.value)}
            />
          </div>
          {form.error ? <FormError error={form.error} /> : null}
          <Button type="submit" kind="primary" aria-disabled={form.pending}>
            {form.pending ? 'Checking…' : 'Sign in'}
          </Button>
        </form>
        <p className="mt-4 text-xs text-muted">The token stays in this tab and is gone when you close it.</p>
      </div>
    </main>
  )
}

function useSignIn() {
  const { signIn } = useSession()
  const [token, setToken] = useState('')
  const [pending, setPending] = useState(false)
  const [error, setError] = useState<unknown>(null)
  useEffect(() => setError(null), [])
  const submit = async (event: FormEvent) => {
    event.preventDefault()
    const text = token.trim()
    if (pending || text === '') return setError(text === '' ? new Error('paste a token first') : error)
    setPending(true)
    try {
      await clientFor(text).me()
      signIn(text)
    } catch (refused) {
      setError(refused)
      setPending(false)
    }
  }
  return { token, setToken, pending, error, submit: (event: FormEvent) => void submit(event) }
}
