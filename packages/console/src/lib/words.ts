import type {
  Activity,
  AlertView,
  BudgetBar,
  EffectLogRow,
  FiringView,
  LaterEffectView,
  PrincipalView,
  RunStatusView,
  RequestSummary,
} from '@signalbox/protocol'
import type { NodeState } from './graph.ts'

/** How strongly something asks for attention; every tone goes with a symbol and a word, never alone. */
export type Tone = 'ok' | 'warn' | 'bad' | 'info' | 'idle'
/** Name of one of the console's symbols. */
export type IconName =
  | 'check'
  | 'cross'
  | 'clock'
  | 'pause'
  | 'question'
  | 'stop'
  | 'play'
  | 'dot'
  | 'ban'
  | 'flag'
  | 'person'
  | 'warning'
  | 'chevron'
  | 'keyboard'
  | 'search'
  | 'back'

/** A state as it is shown: symbol, word and tone. */
export interface Phrase {
  readonly word: string
  readonly tone: Tone
  readonly icon: IconName
}

/** Every state of a run. */
export const RUN_STATUS: Record<RunStatusView, Phrase> = {
  queued: { word: 'Queued', tone: 'idle', icon: 'dot' },
  running: { word: 'Running', tone: 'info', icon: 'play' },
  waiting: { word: 'Waiting', tone: 'warn', icon: 'clock' },
  parked: { word: 'Parked', tone: 'bad', icon: 'pause' },
  stopping: { word: 'Stopping', tone: 'warn', icon: 'stop' },
  completed: { word: 'Completed', tone: 'ok', icon: 'check' },
  stopped: { word: 'Stopped', tone: 'bad', icon: 'stop' },
  cancelled: { word: 'Cancelled', tone: 'idle', icon: 'ban' },
  terminated: { word: 'Terminated', tone: 'idle', icon: 'ban' },
}

/** Where a node of the graph is with a run. */
export const NODE_STATE: Record<NodeState, Phrase> = {
  running: { word: 'Running', tone: 'info', icon: 'play' },
  waiting: { word: 'Waiting', tone: 'warn', icon: 'clock' },
  done: { word: 'Done', tone: 'ok', icon: 'check' },
  halted: { word: 'Not finished', tone: 'bad', icon: 'stop' },
  untouched: { word: 'Not reached', tone: 'idle', icon: 'dot' },
}

/** Every state of an activity. */
export const ACTIVITY_STATUS: Record<Activity['status'], Phrase> = {
  succeeded: { word: 'Succeeded', tone: 'ok', icon: 'check' },
  failed: { word: 'Failed', tone: 'bad', icon: 'cross' },
  unknown: { word: 'Unknown', tone: 'bad', icon: 'question' },
  denied: { word: 'Denied', tone: 'bad', icon: 'ban' },
  rejected: { word: 'Rejected', tone: 'bad', icon: 'cross' },
  expired: { word: 'Expired', tone: 'idle', icon: 'clock' },
  cancelled: { word: 'Cancelled', tone: 'idle', icon: 'ban' },
  refused: { word: 'Refused by budget', tone: 'bad', icon: 'stop' },
  not_sent: { word: 'Not sent', tone: 'idle', icon: 'ban' },
  waiting: { word: 'Waiting for approval', tone: 'warn', icon: 'clock' },
  question: { word: 'Waiting for an answer', tone: 'warn', icon: 'question' },
  sent: { word: 'Sent, no answer yet', tone: 'info', icon: 'play' },
}

/** Every way that an effect can stand, from its latest record. */
export const EFFECT_PHASE: Record<EffectLogRow['phase'], Phrase> = {
  waiting: ACTIVITY_STATUS.waiting,
  open: ACTIVITY_STATUS.sent,
  succeeded: ACTIVITY_STATUS.succeeded,
  failed: ACTIVITY_STATUS.failed,
  unknown: ACTIVITY_STATUS.unknown,
  denied: ACTIVITY_STATUS.denied,
  rejected: ACTIVITY_STATUS.rejected,
  expired: ACTIVITY_STATUS.expired,
  cancelled: ACTIVITY_STATUS.cancelled,
  refused: ACTIVITY_STATUS.refused,
  not_sent: ACTIVITY_STATUS.not_sent,
}

/** Every state of an alert. */
export const ALERT_STATE: Record<AlertView['state'], Phrase> = {
  open: { word: 'Open', tone: 'bad', icon: 'warning' },
  acknowledged: { word: 'Acknowledged', tone: 'warn', icon: 'person' },
  silenced: { word: 'Silenced', tone: 'idle', icon: 'pause' },
  resolved: { word: 'Resolved', tone: 'ok', icon: 'check' },
}

/** How much an alert matters. */
export const ALERT_SEVERITY: Record<AlertView['severity'], Phrase> = {
  page: { word: 'Page', tone: 'bad', icon: 'warning' },
  ticket: { word: 'Ticket', tone: 'warn', icon: 'flag' },
  info: { word: 'Info', tone: 'idle', icon: 'dot' },
}

/** Every state of a firing of a schedule. */
export const FIRING_STATE: Record<FiringView['state'], Phrase> = {
  queued: { word: 'Queued', tone: 'idle', icon: 'dot' },
  running: { word: 'Running', tone: 'info', icon: 'play' },
  succeeded: { word: 'Succeeded', tone: 'ok', icon: 'check' },
  failed: { word: 'Failed', tone: 'bad', icon: 'cross' },
  timed_out: { word: 'Took too long', tone: 'bad', icon: 'clock' },
  skipped: { word: 'Skipped', tone: 'idle', icon: 'ban' },
  recorded: { word: 'On record', tone: 'idle', icon: 'flag' },
}

/** Every state of an approval or a question. */
export const REQUEST_STATE: Record<RequestSummary['state'], Phrase> = {
  open: { word: 'Open', tone: 'warn', icon: 'clock' },
  approved: { word: 'Approved', tone: 'ok', icon: 'check' },
  rejected: { word: 'Rejected', tone: 'bad', icon: 'cross' },
  expired: { word: 'Expired', tone: 'idle', icon: 'clock' },
  cancelled: { word: 'Cancelled', tone: 'idle', icon: 'ban' },
  void: { word: 'Void', tone: 'idle', icon: 'ban' },
  answered: { word: 'Answered', tone: 'ok', icon: 'check' },
}

/** Every verdict of policy. */
export const VERDICT: Record<NonNullable<Activity['decision']>['verdict'], Phrase> = {
  allow: { word: 'Allowed', tone: 'ok', icon: 'check' },
  warn: { word: 'Allowed with a warning', tone: 'warn', icon: 'warning' },
  deny: { word: 'Denied', tone: 'bad', icon: 'ban' },
  require_approval: { word: 'Approval required', tone: 'warn', icon: 'person' },
  transform: { word: 'Changed by policy', tone: 'warn', icon: 'warning' },
}

/** What an activity may change in the outside world. */
export const EFFECT: Record<Activity['effect'], string> = {
  none: 'read only',
  reversible: 'reversible effect',
  irreversible: 'irreversible effect',
}

/** Names of the budgets. */
export const BUDGET: Record<BudgetBar['name'], string> = {
  turns: 'Model turns',
  tool_calls: 'Tool calls',
  runtime: 'Active runtime',
  tokens: 'Tokens',
  cost: 'Cost',
}

/** What kind of place a restore point is. */
export const RESTORE_POINT: Record<'entry' | 'superstep' | 'response' | 'upgrade' | 'save_point', string> = {
  entry: 'Start of the run',
  superstep: 'Checkpoint',
  response: 'Checkpoint after a response',
  upgrade: 'Carried over to a new version',
  save_point: 'Save point',
}

/** What happens to a later effect when a run is taken up again before it. */
export const HANDLING: Record<LaterEffectView['handling'], string> = {
  ledger: 'answered from the ledger; with other arguments a person is asked',
  asked: 'a person is asked',
  repeated: 'done again, after a new approval',
  again: 'did not happen; done when it is asked for',
  kept: 'was open there; takes the end that it had',
  waits: 'open in another run; waited for',
  blocks: 'open; its end has to be known first',
}

/** A role as the header shows it. */
export function rolesOf(principal: PrincipalView): string {
  return principal.roles.length === 0 ? 'no roles' : principal.roles.join(', ')
}

/** Approvers in words: every list is one asking policy, of which one role is enough. */
export function approversText(lists: readonly (readonly string[])[]): string {
  return lists.map((roles) => roles.map((role) => role.replace(/^role:/, '')).join(' or ')).join(', and ')
}

/** `1 run`, `2 runs`. */
export function count(n: number, one: string, many = `${one}s`): string {
  return `${n} ${n === 1 ? one : many}`
}
