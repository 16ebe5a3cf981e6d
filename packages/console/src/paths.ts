import type { Show } from './lib/inbox.ts'

/** Every address of the console, built in one place. */
export const paths = {
  signIn: () => '/sign-in',
  runs: () => '/runs',
  run: (id: string, view?: RunView) =>
    `/runs/${encodeURIComponent(id)}${view && view !== 'timeline' ? `/${view}` : ''}`,
  /** Where a run is taken up again from one of its records. */
  move: (id: string, seq: number) => `/runs/${encodeURIComponent(id)}/checkpoints?at=${seq}`,
  inbox: (show: Show = 'open') => `/approvals${showing(show)}`,
  approval: (id: string, show: Show = 'open') => `/approvals/${encodeURIComponent(id)}${showing(show)}`,
  question: (id: string, show: Show = 'open') => `/questions/${encodeURIComponent(id)}${showing(show)}`,
  request: (id: string, show: Show = 'open') => `/requests/${encodeURIComponent(id)}${showing(show)}`,
  /** Standing approvals, stand-ins, and how reviewers answer. */
  review: () => '/review',
  killSwitches: () => '/kill-switches',
  policy: (view?: PolicyView) => (view && view !== 'bundle' ? `/policy/${view}` : '/policy'),
  /** A run in plain language; with a record, at the sentence that tells of it. */
  explain: (id: string, seq?: number) =>
    `/runs/${encodeURIComponent(id)}/explain${seq === undefined ? '' : `?at=${seq}`}`,
  /** One record of a run, in the list of its records. */
  record: (id: string, seq: number) => `/runs/${encodeURIComponent(id)}/events?at=${seq}`,
  alerts: () => '/alerts',
  alert: (id: string) => `/alerts/${encodeURIComponent(id)}`,
  /** Effects of all runs; with filters that the address carries. */
  effects: (filter: Readonly<Record<string, string>> = {}) => withQuery('/effects', filter),
  /** Records of all runs. */
  events: () => '/events',
  schedules: () => '/schedules',
  schedule: (name: string) => `/schedules/${encodeURIComponent(name)}`,
} as const

/** The views of one run, in the order of their tabs. */
export const RUN_VIEWS = [
  'timeline',
  'explain',
  'events',
  'graph',
  'checkpoints',
  'decisions',
  'cost',
  'content',
] as const
/** One view of a run. */
export type RunView = (typeof RUN_VIEWS)[number]

/** The view that a part of the address names; the timeline for any other text. */
export function runViewOf(text: string | undefined): RunView {
  return RUN_VIEWS.find((view) => view === text) ?? 'timeline'
}

/** The views of the policy, in the order of their tabs. */
export const POLICY_VIEWS = ['bundle', 'decisions', 'simulator', 'access'] as const
/** One view of the policy. */
export type PolicyView = (typeof POLICY_VIEWS)[number]

/** The view that a part of the address names; the bundle for any other text. */
export function policyViewOf(text: string | undefined): PolicyView {
  return POLICY_VIEWS.find((view) => view === text) ?? 'bundle'
}

/** The address of an approval, a question or a port's request in a list of the inbox. */
export function itemPath(item: { readonly id: string; readonly kind: string }, show: Show): string {
  if (item.kind === 'request') return paths.request(item.id, show)
  return item.kind === 'question' ? paths.question(item.id, show) : paths.approval(item.id, show)
}

function withQuery(path: string, values: Readonly<Record<string, string>>): string {
  const text = new URLSearchParams(values).toString()
  return text === '' ? path : `${path}?${text}`
}

function showing(show: Show): string {
  return show === 'open' ? '' : `?show=${show}`
}
