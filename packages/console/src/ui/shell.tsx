import { useQueryClient } from '@tanstack/react-query'
import { type ReactNode, useEffect, useState } from 'react'
import { NavLink, Outlet, useLocation, useNavigate } from 'react-router'
import { useAlertSummary } from '../api/alerts.ts'
import { markAway, useAway } from '../api/away.ts'
import { isAway } from '../api/problem.ts'
import { useApprovals, useKillSwitches, useMe, useQuestions, useRequests, useStatus } from '../api/queries.ts'
import { useSession } from '../api/session.tsx'
import { useKeys } from '../lib/hooks.ts'
import { count } from '../lib/words.ts'
import { paths } from '../paths.ts'
import { HelpDialog } from './help.tsx'
import { Icon, Mark } from './icon.tsx'
import { Loaded } from './states.tsx'
import { Age, Clock } from './time.tsx'
import { UserMenu } from './user-menu.tsx'

/** The frame of every signed-in page: navigation, who is signed in, banners, help. */
export function Shell() {
  const me = useMe()
  const [help, setHelp] = useState(false)
  const navigate = useNavigate()
  useKeys({
    '?': () => setHelp(true),
    '1': () => navigate(paths.runs()),
    '2': () => navigate(paths.inbox()),
    '3': () => navigate(paths.killSwitches()),
    '4': () => navigate(paths.schedules()),
    '5': () => navigate(paths.policy()),
    '6': () => navigate(paths.alerts()),
    '7': () => navigate(paths.effects()),
    '8': () => navigate(paths.events()),
  })
  useFocusOnNavigation()
  return (
    <div className="flex min-h-dvh flex-col">
      <a
        href="#main"
        className="sr-only focus:not-sr-only focus:absolute focus:z-20 focus:m-2 focus:rounded focus:bg-surface focus:px-3 focus:py-2"
      >
        Skip to the content
      </a>
      <header className="border-b border-line bg-surface">
        <div className="mx-auto flex max-w-[90rem] flex-wrap items-center gap-x-6 px-4 sm:px-6">
          <NavLink to={paths.runs()} className="flex items-center gap-2 py-2.5 text-lg font-semibold tracking-tight">
            <Mark /> Signalbox
          </NavLink>
          <Navigation />
          <div className="ml-auto flex items-center gap-1 py-1.5">
            <button
              type="button"
              onClick={() => setHelp(true)}
              aria-label="Keyboard help"
              className="hidden rounded-md p-2 text-muted hover:bg-sunken sm:block"
            >
              <Icon name="keyboard" className="size-4.5" />
            </button>
            {me.data ? <UserMenu me={me.data} /> : null}
          </div>
        </div>
      </header>
      <AwayBanner />
      <TroubleBanner />
      <KillSwitchBanner />
      <main id="main" tabIndex={-1} className="mx-auto w-full max-w-[90rem] grow px-4 py-5 sm:px-6">
        <Loaded query={me} what="who you are">
          {() => <Outlet />}
        </Loaded>
      </main>
      {help ? <HelpDialog onClose={() => setHelp(false)} /> : null}
    </div>
  )
}

/** A new page starts at its top, for the eye and for the keyboard; a change inside a page keeps the place. */
function useFocusOnNavigation(): void {
  const page = useLocation().pathname.split('/')[1]
  const [last, setLast] = useState(page)
  useEffect(() => {
    if (page === last) return
    setLast(page)
    scrollTo(0, 0)
    document.getElementById('main')?.focus({ preventScroll: true })
  }, [page, last])
}

function Navigation() {
  const approvals = useApprovals().data?.approvals.filter((each) => each.state === 'open').length ?? 0
  const questions = useQuestions().data?.questions.filter((each) => each.state === 'open').length ?? 0
  const requests = useRequests().data?.requests.filter((each) => each.state === 'open').length ?? 0
  const { pathname } = useLocation()
  const waiting = approvals + questions + requests
  return (
    <nav aria-label="Main" className="order-last -mx-2 flex w-full flex-wrap gap-x-1 sm:order-none sm:mx-0 sm:w-auto">
      <Tab to={paths.runs()} current={pathname.startsWith('/runs')}>
        Runs
      </Tab>
      <Tab to={paths.inbox()} current={/^\/(approvals|questions|requests|review)/.test(pathname)}>
        Approvals
        {waiting > 0 ? (
          <span className="rounded-full bg-warn-soft px-1.5 text-xs font-semibold text-warn tabular-nums">
            {waiting}
            <span className="sr-only"> waiting for a person</span>
          </span>
        ) : null}
      </Tab>
      <Tab to={paths.killSwitches()} current={pathname.startsWith('/kill-switches')}>
        Kill switches
      </Tab>
      <Tab to={paths.schedules()} current={pathname.startsWith('/schedules')}>
        Schedules
      </Tab>
      <Tab to={paths.policy()} current={pathname.startsWith('/policy')}>
        Policy
      </Tab>
      <Tab to={paths.alerts()} current={pathname.startsWith('/alerts')}>
        Alerts
        <AlertCount />
      </Tab>
      <Tab to={paths.effects()} current={pathname.startsWith('/effects')}>
        Effects
      </Tab>
      <Tab to={paths.events()} current={pathname.startsWith('/events')}>
        Events
      </Tab>
    </nav>
  )
}

/** How many alerts want somebody: what pages people, and tickets. That nobody looks is told too. */
function AlertCount() {
  const summary = useAlertSummary().data
  if (!summary) return null
  const open = summary.open.page + summary.open.ticket
  if (open === 0 && summary.blind === null) return null
  const bad = summary.open.page > 0 || summary.blind !== null
  return (
    <span
      className={`rounded-full px-1.5 text-xs font-semibold tabular-nums ${bad ? 'bg-bad-soft text-bad' : 'bg-warn-soft text-warn'}`}
    >
      {open > 0 ? open : null}
      {open > 0 ? <span className="sr-only"> not resolved</span> : null}
      {summary.blind === null ? null : (
        <>
          <span aria-hidden="true">!</span>
          <span className="sr-only"> nobody looks for alerts</span>
        </>
      )}
    </span>
  )
}

function Tab({ to, current, children }: { to: string; current: boolean; children: ReactNode }) {
  return (
    <NavLink
      to={to}
      aria-current={current ? 'page' : undefined}
      className={`flex items-center gap-1.5 border-b-2 px-1.5 py-3 text-xs font-semibold sm:px-2.5 sm:text-sm ${current ? 'border-accent text-ink' : 'border-transparent text-muted hover:text-ink'}`}
    >
      {children}
    </NavLink>
  )
}

const PROBE_MS = 2000

/** Says that the server is away, looks for it, and reads everything again when it is back. */
function AwayBanner() {
  const away = useAway()
  const { client } = useSession()
  const queries = useQueryClient()
  useEffect(() => {
    if (!away) return
    const probe = async () => {
      try {
        await client.health()
      } catch (error) {
        if (isAway(error)) return
      }
      markAway(false)
      await queries.invalidateQueries()
    }
    const timer = setInterval(() => void probe(), PROBE_MS)
    return () => clearInterval(timer)
  }, [away, client, queries])
  if (!away) return null
  return (
    <div role="status" className="border-b border-line bg-bad-soft text-bad">
      <p className="mx-auto flex max-w-[90rem] items-center gap-2 px-4 py-2 text-sm font-semibold sm:px-6">
        <Icon name="warning" />
        <span>
          The server does not answer. Trying again by itself; what you see may be old.
          <span className="font-normal text-ink">
            {' '}
            Start it with <code>signalbox dev</code>.
          </span>
        </span>
      </p>
    </div>
  )
}

/** Says what is wrong with the server's disk or clock, since when, and what to do. */
function TroubleBanner() {
  const troubles = useStatus().data?.troubles ?? []
  if (troubles.length === 0) return null
  return (
    <div role="status" className="border-b border-line bg-bad-soft text-bad">
      <ul className="mx-auto grid max-w-[90rem] gap-1 px-4 py-2 text-sm sm:px-6">
        {troubles.map((each) => (
          <li key={each.code} className="flex items-start gap-2">
            <Icon name="warning" className="mt-0.5" />
            <span className="breakable">
              <strong>Trouble: {each.title}</strong> <code className="text-2xs">{each.code}</code>, since{' '}
              <Clock at={each.since} /> (<Age at={each.since} />
              ). Runs stand where they are; nothing is lost.
              <span className="block text-ink">What to do: {each.advice}.</span>
            </span>
          </li>
        ))}
      </ul>
    </div>
  )
}

function KillSwitchBanner() {
  const engaged = useKillSwitches().data?.kill_switches.filter((each) => each.engaged) ?? []
  if (engaged.length === 0) return null
  return (
    <div role="status" className="border-b border-line bg-warn-soft text-warn">
      <p className="mx-auto flex max-w-[90rem] items-center gap-2 px-4 py-2 text-sm sm:px-6">
        <Icon name="stop" />
        <span className="breakable">
          <strong>{count(engaged.length, 'kill switch is', 'kill switches are')} engaged:</strong>{' '}
          {engaged.map((each) => (each.scope === 'tenant' ? 'everything' : `${each.scope} ${each.target}`)).join(', ')}.{' '}
          <NavLink to={paths.killSwitches()} className="font-semibold underline underline-offset-2">
            Look
          </NavLink>
        </span>
      </p>
    </div>
  )
}
