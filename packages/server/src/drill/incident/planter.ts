/** What a planter writes down of an incident: from its own script, from the service's record and the model's own count. */
import { createHash } from 'node:crypto'
import type { JsonObject, RunStatus, Signalbox } from 'signalbox'
import { CLERK_MODEL, DESK, type DeskVersion, type Order, PROMPTS } from './desk.ts'
import type { Booking } from './outside.ts'
import type { Pager } from './pager.ts'
import type { Answers, Change, Planted } from './truth.ts'
import { PEOPLE, type PersonName, TENANT, type World } from './world.ts'

/** Nano-dollars a token, worked out by hand from the prices of the desk. */
const NANO_PER_INPUT = 2_000n
const NANO_PER_OUTPUT = 10_000n

/** A kind of incident: plants one with a process of the world and writes down what is true of it. */
export type Plant = (world: World, box: Signalbox, pager: Pager) => Promise<Omit<Planted, 'kind'>>
/** The same for kinds that are about processes: they start their own, and no other may be at work meanwhile. */
export type PlantAlone = (world: World, pager: Pager) => Promise<Omit<Planted, 'kind'>>

/** What the planter knows from its own script; the rest is read from the outside. */
export interface Script {
  readonly runId: string
  readonly invoice: string
  /** The alert that told of it. Default: people ask about the invoice. */
  readonly alert?: string
  readonly status: RunStatus
  readonly why: Answers['why']
  /** A person, or the id of a service. Default: Ana. */
  readonly who?: PersonName | `service:${string}`
  /** Default: the desk. */
  readonly workflow?: string
  /** Models that worked on it. Default: the clerk's. */
  readonly models?: readonly string[]
  readonly version?: DeskVersion
  readonly approval?: Answers['approval']
  /** What becomes of each effect when the run is taken up from its start. Default: each booked one is answered from the ledger. */
  readonly resume?: Answers['resume']
  /** How many of the model's calls about this invoice were not this run's: those before it. Default: none. */
  readonly callsBefore?: number
  /** True where arguments were erased. */
  readonly erased?: boolean
  /** Set where a fork begins with what its parent had spent: the model's calls that count for it. */
  readonly calls?: number
}

/** Names of the tools by what the service booked. */
const TOOL_OF: Readonly<Record<Booking['what'], string>> = {
  payment: 'payments.pay',
  letter: 'letters.send',
  recall: 'payments.recall',
}

/** An order of the desk; large enough to need an approver unless told otherwise. */
export function order(invoice: string, changes: Partial<Order> = {}): Order {
  return { invoice, amount_minor: 48_000, payee: 'Muster GmbH', plan: 'pay', ...changes }
}

/** The whole truth about an incident. */
export function written(world: World, script: Script): Omit<Planted, 'kind'> {
  const { runId, invoice, status, why, who = 'ana', version = '1.0.0', approval = null } = script
  const booked = world.outside.booked.filter((one) => one.runId === runId)
  const effects = [...new Set(booked.map((one) => `${TOOL_OF[one.what]}: ledger`))].sort()
  return {
    lead: script.alert === undefined ? { from: 'invoice', number: invoice } : { from: 'alert', id: script.alert },
    runId,
    truth: {
      who: isPerson(who) ? PEOPLE[who].id : who,
      ran: { workflow: script.workflow ?? DESK, version, status },
      why,
      approval,
      model: {
        models: script.models ?? [CLERK_MODEL],
        prompts: [createHash('sha256').update(PROMPTS[version]).digest('hex')],
      },
      outside: booked.map((one) => changeOf(one, script.erased === true)),
      resume: script.resume ?? { safe: true, refused: null, effects },
      cost: costOf(world, script),
    },
  }
}

function isPerson(who: string): who is PersonName {
  return Object.hasOwn(PEOPLE, who)
}

function changeOf({ what, invoice, amountMinor }: Booking, erased: boolean): Change {
  const tool = TOOL_OF[what]
  return erased ? { tool, invoice: null, amountMinor: null } : { tool, invoice, amountMinor }
}

function costOf(world: World, { invoice, callsBefore = 0, calls }: Script): string {
  const own = world.calls.filter((call) => call.invoice === invoice).slice(callsBefore)
  const counted = calls === undefined ? own : own.slice(0, calls)
  const nano = counted.reduce(
    (sum, one) => sum + BigInt(one.inputTokens) * NANO_PER_INPUT + BigInt(one.outputTokens) * NANO_PER_OUTPUT,
    0n,
  )
  return String(nano)
}

/** How often the model was called about an invoice so far. */
export function callsAbout(world: World, invoice: string): number {
  return world.calls.filter((call) => call.invoice === invoice).length
}

/** The rule of large payments, as the reason of a decision. */
export const LARGE_RULE = { verdict: 'require_approval', reason: 'LARGE_PAYMENT', rule: 'payments.large' } as const

/** What a reviewer of an order sees. */
export function seen({ invoice, amount_minor }: Order): NonNullable<Answers['approval']>['saw'] {
  return { target: invoice, amountMinor: amount_minor }
}

/** Approves or rejects what a run asks for. */
export async function decide(
  world: World,
  box: Signalbox,
  runId: string,
  answer: 'approved' | 'rejected',
  by: PersonName,
  reason = 'looked at the invoice',
): Promise<string> {
  const approvalId = await world.asked(box, runId)
  const { packetHash: seen } = await box.runs.request(TENANT, approvalId)
  await box.runs.decide({ approvalId, answer, by: PEOPLE[by], reason, seen })
  return approvalId
}

/** Starts a run, has it approved by Paul, and waits for its end. */
export async function approvedRun(world: World, box: Signalbox, asked: Order, subject?: string): Promise<string> {
  const runId = await world.start(box, asked, 'ana', subject === undefined ? {} : { subject })
  await decide(world, box, runId, 'approved', 'paul')
  await world.ended(box, runId)
  return runId
}

/** The arguments of a payment of an order. */
export function paymentOf({ invoice, amount_minor, payee }: Order): JsonObject {
  return { invoice, amount_minor, payee }
}
