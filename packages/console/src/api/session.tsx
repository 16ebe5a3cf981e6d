import { type Client, createClient } from '@signalbox/protocol'
import { createContext, type ReactNode, useContext, useMemo, useState } from 'react'

/** Who is using the console: a client that carries the token, or none. The token lives in this tab only. */
export interface Session {
  readonly client: Client
  readonly signedIn: boolean
  /** Why the last session ended, for the sign-in page. */
  readonly notice: string | null
  readonly signIn: (token: string) => void
  readonly signOut: (notice?: string) => void
}

const KEY = 'signalbox.token'
const SessionContext = createContext<Session | null>(null)

/** A client for one token; null reaches the open endpoints only. Streams wait between attempts. */
export function clientFor(token: string | null): Client {
  // `fetch` must be called on the window, not on the options object.
  return createClient({ baseUrl: '', token, fetch: (input, init) => fetch(input, init), wait })
}

function wait(ms: number, signal: AbortSignal | undefined): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, ms)
    signal?.addEventListener('abort', () => {
      clearTimeout(timer)
      resolve()
    })
  })
}

/** Takes `#token=…` out of the address, so that it stays neither in the history nor in a copied link. */
function takeToken(): string | null {
  const fromHash = new URLSearchParams(location.hash.slice(1)).get('token')
  if (!fromHash) return sessionStorage.getItem(KEY)
  sessionStorage.setItem(KEY, fromHash)
  history.replaceState(history.state, '', location.pathname + location.search)
  return fromHash
}

/** Gives the session to everything inside. */
export function SessionProvider({ children }: { children: ReactNode }) {
  const [token, setToken] = useState(takeToken)
  const [notice, setNotice] = useState<string | null>(null)
  const session = useMemo<Session>(
    () => ({
      client: clientFor(token),
      signedIn: token !== null,
      notice,
      signIn: (next) => {
        sessionStorage.setItem(KEY, next)
        setNotice(null)
        setToken(next)
      },
      signOut: (why) => {
        sessionStorage.removeItem(KEY)
        setNotice(why ?? null)
        setToken(null)
      },
    }),
    [token, notice],
  )
  return <SessionContext value={session}>{children}</SessionContext>
}

/** The session. Throws outside of its provider. */
export function useSession(): Session {
  const session = useContext(SessionContext)
  if (!session) throw new Error('useSession needs a SessionProvider')
  return session
}
