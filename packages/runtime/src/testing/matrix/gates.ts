import { SignalboxError } from '../../base/errors.ts'
import type { Control, ControlAnswer } from '../../contracts/control.ts'
import type { ActDuty } from '../../contracts/duty.ts'
import type { InterventionPoint, PolicyRequest } from '../../contracts/policy.ts'
import type { KillSwitch } from '../../contracts/switches.ts'
import type { StageName } from '../../engine/door/perform.ts'
import type { FaultPoint } from '../../engine/env.ts'
import { control } from '../../policy/index.ts'
import { type BenchBox, type BoxOptions, PAUL } from '../bench-box.ts'
import { needsApproval, type PolicyScript } from '../scripted-policy.ts'
import type { Form } from './form.ts'
import type { Move } from './moves.ts'
import type { Book } from './outside.ts'
import type { World } from './world.ts'

/** What a gate changes of the process in which it is shut. */
export interface Shut {
  readonly decide?: PolicyScript['decide']
  readonly points?: readonly InterventionPoint[]
  readonly controls?: readonly Control[]
  /** Tools that no step may call. */
  readonly notInStep?: readonly string[]
  /** Tools that the catalogue does not have. */
  readonly unknown?: readonly string[]
  /** Duties that bar somebody who did something else from a call. */
  readonly duties?: readonly ActDuty[]
  readonly limits?: BoxOptions['limits']
  readonly budgets?: BoxOptions['budgets']
  /** Called at each fault point of the payment. */
  readonly at?: (point: FaultPoint) => void
  /** Operations of the store that fail while this is true. */
  readonly fails?: (operation: 'commit' | 'switches') => boolean
  /** True when nothing more is to be waited for, although the run has neither ended nor waits. */
  readonly isOver?: () => boolean
  /** The bundle in force, read at every question. */
  readonly bundle?: () => string
}

/** One gate: what it is made of, how it is shut, and what may not happen then. */
export interface Gate {
  readonly name: string
  /** Stages of the door and intervention points that hold it shut. */
  readonly at: readonly (StageName | InterventionPoint)[]
  readonly shut: (world: World) => Shut
  /** Done before the run goes on in the gated process; `other` is one that knows nothing of its workflow. */
  readonly before?: (one: BenchBox, other: () => BenchBox) => Promise<unknown>
  /** What people answer to an approval; absent: nobody answers. */
  readonly answer?: (one: BenchBox, world: World) => Promise<void>
  /** Ways that do not come by it, and why. */
  readonly passesBy?: (form: Form, move: Move) => string | null
  /** What the outside process must not have; default: another payment. */
  readonly leaked?: (before: Book, after: Book) => boolean
}

const PAY = 'pay.send'
const isPayment = ({ action, point }: PolicyRequest): boolean => point === 'pre_tool_call' && action.name === PAY
const paid = (before: Book, after: Book): boolean => after.payments > before.payments
const sawReceipt = (before: Book, after: Book): boolean =>
  after.seen.slice(before.seen.length).some((text) => text.includes('receipt-of-'))

const DUTY = { kind: 'acts', id: 'two-hands', reason: 'ONE_PERSON', done: { tool: 'pay.first', field: 'to' } } as const
const denied = { verdict: 'deny', reason_code: 'CLOSED', policies: ['matrix.closed'] } as const

function watches(
  point: InterventionPoint,
  decide: (about: { name: string }) => ControlAnswer | Promise<ControlAnswer>,
): Control {
  return control({
    name: 'watches',
    version: '1.0.0',
    owner: 'tests',
    points: [point],
    reasons: { SAID_SO: 'the control says so' },
    decide: ({ action }) => decide(action),
  })
}

const needsPerson = (request: PolicyRequest) => (isPayment(request) ? needsApproval(request, 'approver') : undefined)
const says = (answer: 'approved' | 'rejected') => (one: BenchBox) => one.decide(answer)

const onlyAgents = (form: Form): string | null => (form.hasAgent ? null : 'no agent asks for it')
const beforeTheCall = (form: Form, move: Move): string | null =>
  onlyAgents(form) ?? (move.repeatsModel ? null : 'what the model said is on record already')

const tellsNothing = (form: Form): string | null => (form.isUndone ? 'its end tells nothing of the answer' : null)

/** A gate at one of the points other than calls: the bundle denies there. */
function pointGate(point: InterventionPoint, more: Partial<Gate> = {}): Gate {
  return {
    name: `${point} denied`,
    at: [point],
    shut: () => ({ points: [point], decide: (request) => (request.point === point ? denied : undefined) }),
    ...more,
  }
}

type Throw = Pick<KillSwitch, 'scope' | 'target' | 'mode'>

function switchGate({ scope, target, mode }: Throw, more: Partial<Gate> = {}): Gate {
  return {
    name: `${mode} of ${scope}`,
    at: ['switches', 'switches again', 'execute'],
    shut: () => ({}),
    before: (one) => one.sb.runs.engageKillSwitch({ by: PAUL, scope, target, mode, reason: 'the matrix says so' }),
    ...more,
  }
}

const DECISIONS: readonly Gate[] = [
  {
    name: 'policy denies',
    at: ['decide', 'pre_tool_call'],
    shut: () => ({ decide: (request) => (isPayment(request) ? denied : undefined) }),
  },
  {
    name: 'control denies',
    at: ['decide', 'pre_tool_call'],
    shut: () => ({
      controls: [
        watches('pre_tool_call', ({ name }) =>
          name === PAY ? { verdict: 'deny', reason: 'SAID_SO' } : { verdict: 'allow' },
        ),
      ],
    }),
  },
  {
    name: 'policy breaks down',
    at: ['decide', 'pre_tool_call'],
    shut: () => ({
      decide: (request) => {
        if (isPayment(request)) throw new SignalboxError('POLICY_MALFUNCTION', 'a policy cannot be evaluated')
        return undefined
      },
    }),
  },
  {
    name: 'control breaks down',
    at: ['decide', 'pre_tool_call'],
    shut: () => ({
      controls: [
        watches('pre_tool_call', ({ name }) => {
          if (name === PAY) throw new Error('the control is broken')
          return { verdict: 'allow' }
        }),
      ],
    }),
  },
  {
    name: 'barred by a duty',
    at: ['duties', 'duties again'],
    // A subject that cannot be told bars everybody.
    shut: () => ({ duties: [{ ...DUTY, barred: { tool: PAY, field: 'nowhere' } }] }),
  },
  {
    name: 'bundle exchanged on the way',
    at: ['reserve and intent', 'pre_tool_call'],
    shut: () => {
      let bundle = 'first@0'
      return {
        bundle: () => bundle,
        at: (point) => {
          if (point === 'decided') bundle = 'second@0'
        },
        decide: (request) => (isPayment(request) && bundle === 'second@0' ? denied : undefined),
      }
    },
  },
]

const PERSONS: readonly Gate[] = [
  { name: 'approval missing', at: ['approval'], shut: () => ({ decide: needsPerson }) },
  { name: 'approval rejected', at: ['approval'], shut: () => ({ decide: needsPerson }), answer: says('rejected') },
  {
    name: 'approval of another target',
    at: ['approval'],
    shut: () => ({ decide: needsPerson }),
    answer: async (one, world) => {
      world.target = '2'
      await one.decide('approved')
    },
  },
  {
    name: 'denied with the approval',
    at: ['decide again'],
    shut: () => ({
      decide: (request) => {
        if (!isPayment(request)) return undefined
        return request.approval?.bound ? denied : needsApproval(request, 'approver')
      },
    }),
    answer: says('approved'),
  },
]

const CATALOGUE: readonly Gate[] = [
  { name: 'tool unknown', at: ['identify'], shut: () => ({ unknown: [PAY] }) },
  { name: 'tool not in step', at: ['identify'], shut: () => ({ notInStep: [PAY] }) },
  {
    name: 'arguments unfit',
    at: ['identify'],
    shut: (world) => {
      world.unfit = true
      return {}
    },
  },
  {
    name: 'facts unreadable',
    at: ['facts'],
    shut: (world) => {
      world.factsFail = true
      return {}
    },
    passesBy: (_form, move) => (move.readsFacts ? null : 'the facts are on record'),
  },
]

const RESOURCES: readonly Gate[] = [
  {
    name: 'budget used up',
    at: ['reserve and intent'],
    shut: () => ({ budgets: [{ scope: 'tenant', per: 'always', maxEffects: 0 }] }),
  },
  {
    name: 'paid already',
    at: ['ledger'],
    shut: () => ({}),
    before: async (_one, other) => {
      const one = other()
      one.work()
      await one.run('earlier', 'go')
      await one.kill()
    },
  },
  {
    name: 'lease lost',
    at: ['execute'],
    shut: (world) => ({
      at: (point) => {
        if (point === 'intent_durable') world.sleptMs += 16_000
      },
    }),
  },
  {
    name: 'intent not durable',
    at: ['reserve and intent'],
    shut: (world) => {
      let isAway = false
      let failed = false
      return {
        at: (point) => {
          if (point === 'reserved') isAway = true
        },
        fails: (operation) => {
          const fails = operation === 'commit' && isAway && !world.healed
          failed ||= fails
          return fails
        },
        isOver: () => failed,
      }
    },
  },
  {
    name: 'host not listed',
    at: ['execute'],
    shut: (world) => {
      world.noHost = true
      return {}
    },
  },
]

const SWITCHES: readonly Gate[] = [
  switchGate({ scope: 'tool', target: PAY, mode: 'stop_now' }),
  switchGate({ scope: 'class', target: 'payments.write', mode: 'stop_now' }),
  switchGate({ scope: 'tenant', target: 'acme', mode: 'stop_now' }),
  switchGate({ scope: 'global', target: '*', mode: 'stop_now' }),
  switchGate({ scope: 'tool', target: PAY, mode: 'pause' }),
  switchGate({ scope: 'tenant', target: 'acme', mode: 'pause' }),
  switchGate(
    { scope: 'tenant', target: 'acme', mode: 'stop_new' },
    { passesBy: (_form, move) => (move.makesRun ? null : 'the run has begun, and goes on') },
  ),
  {
    name: 'switches unreadable',
    at: ['switches', 'execute'],
    shut: () => ({ fails: (operation) => operation === 'switches' }),
  },
]

const POINTS: readonly Gate[] = [
  pointGate('input', { passesBy: (_form, move) => (move.isFirst ? null : 'the input was judged when the run began') }),
  pointGate('agent_startup', {
    passesBy: (form, move) => onlyAgents(form) ?? (move.startsAgent ? null : 'the agent has begun already'),
  }),
  pointGate('pre_model_call', { passesBy: beforeTheCall }),
  pointGate('post_model_call', { passesBy: beforeTheCall }),
  pointGate('post_tool_call', { leaked: sawReceipt, passesBy: tellsNothing }),
  pointGate('agent_shutdown', { leaked: (before, after) => sawOutput(before, after), passesBy: onlyAgents }),
  pointGate('output', { leaked: (before, after) => sawOutput(before, after), passesBy: tellsNothing }),
]

/** What a reader of the run was given: told with this mark in front. */
export const READ = 'read: '

const sawOutput = (before: Book, after: Book): boolean =>
  after.seen.slice(before.seen.length).some((text) => text.startsWith(READ) && text.includes('receipt-of-'))

/** What must not happen behind a gate that is shut, by the book of the outside process. */
export function happened(gate: Gate, before: Book, after: Book): boolean {
  return (gate.leaked ?? paid)(before, after)
}

/** All gates. Each stage of the door and each point is held by one of them, or does not hold anything. */
export const GATES: readonly Gate[] = [...DECISIONS, ...PERSONS, ...CATALOGUE, ...RESOURCES, ...SWITCHES, ...POINTS]
