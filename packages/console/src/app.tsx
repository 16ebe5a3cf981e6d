import { QueryCache, QueryClient, QueryClientProvider } from '@tanstack/react-query'
import { useEffect, useState } from 'react'
import { BrowserRouter, Navigate, Route, Routes } from 'react-router'
import { markAway } from './api/away.ts'
import { hasCode, isAway, isPassing } from './api/problem.ts'
import { SessionProvider, useSession } from './api/session.tsx'
import { AlertsPage } from './pages/alerts/page.tsx'
import { EffectsPage } from './pages/effects/page.tsx'
import { EventsPage } from './pages/events/view.tsx'
import { InboxPage } from './pages/inbox/page.tsx'
import { NotFoundPage } from './pages/not-found.tsx'
import { PolicyPage } from './pages/policy/page.tsx'
import { ReviewPage } from './pages/review/page.tsx'
import { RunPage } from './pages/run/page.tsx'
import { RunsPage } from './pages/runs.tsx'
import { SchedulePage, SchedulesPage } from './pages/schedules/page.tsx'
import { SignInPage } from './pages/sign-in.tsx'
import { KillSwitchesPage } from './pages/switches/page.tsx'
import { paths } from './paths.ts'
import { Shell } from './ui/shell.tsx'

const ATTEMPTS = 2

/** The console: session, data, addresses. */
export function App() {
  return (
    <SessionProvider>
      <BrowserRouter>
        <Signed />
      </BrowserRouter>
    </SessionProvider>
  )
}

/** One cache for each session: what one person read is never shown to the next. */
function Signed() {
  const session = useSession()
  if (!session.signedIn) return <SignInPage />
  return <SignedIn signOut={session.signOut} />
}

function SignedIn({ signOut }: { signOut: (notice: string) => void }) {
  const [queries] = useState(() => queryClient(() => signOut('Your token is no longer valid. Sign in again.')))
  useEffect(() => () => queries.clear(), [queries])
  return (
    <QueryClientProvider client={queries}>
      <Routes>
        <Route element={<Shell />}>
          <Route index element={<Navigate to={paths.runs()} replace />} />
          <Route path="sign-in" element={<Navigate to={paths.runs()} replace />} />
          <Route path="runs" element={<RunsPage />} />
          <Route path="runs/:runId/:view?" element={<RunPage />} />
          <Route path="approvals/:id?" element={<InboxPage kind="approval" />} />
          <Route path="questions/:id" element={<InboxPage kind="question" />} />
          <Route path="requests/:id" element={<InboxPage kind="request" />} />
          <Route path="review" element={<ReviewPage />} />
          <Route path="kill-switches" element={<KillSwitchesPage />} />
          <Route path="policy/:view?" element={<PolicyPage />} />
          <Route path="alerts/:id?" element={<AlertsPage />} />
          <Route path="effects" element={<EffectsPage />} />
          <Route path="events" element={<EventsPage />} />
          <Route path="schedules" element={<SchedulesPage />} />
          <Route path="schedules/:name" element={<SchedulePage />} />
          <Route path="*" element={<NotFoundPage />} />
        </Route>
      </Routes>
    </QueryClientProvider>
  )
}

function queryClient(onInvalidToken: () => void): QueryClient {
  return new QueryClient({
    queryCache: new QueryCache({
      onError: (error) => {
        if (isAway(error)) markAway(true)
        if (hasCode(error, 'AUTH_REQUIRED')) onInvalidToken()
      },
      onSuccess: () => markAway(false),
    }),
    defaultOptions: {
      queries: {
        staleTime: 1000,
        retry: (failures, error) => isPassing(error) && failures < ATTEMPTS,
        retryDelay: 300,
        // A loopback server is reachable without a network.
        networkMode: 'always',
      },
      mutations: { networkMode: 'always' },
    },
  })
}
