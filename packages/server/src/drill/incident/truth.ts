/** What is true of a planted incident, as its planter wrote it down, and what an operator found out about it. */
import type { RunStatus } from 'signalbox'

/** The eight questions of an incident, in the order in which an operator asks them. */
export const QUESTIONS = ['who', 'ran', 'why', 'approval', 'model', 'outside', 'resume', 'cost'] as const
/** One of the eight questions. */
export type Question = (typeof QUESTIONS)[number]

/** The questions in words. */
export const QUESTION_WORDS: Readonly<Record<Question, string>> = {
  who: 'who asked',
  ran: 'what ran',
  why: 'why, which rule',
  approval: 'who approved, what they saw',
  model: 'which model and prompt',
  outside: 'what changed outside',
  resume: 'where to resume safely',
  cost: 'what it cost',
}

/** One change of the outside world: what, about which invoice (null when it was erased), over how much. */
export interface Change {
  readonly tool: string
  readonly invoice: string | null
  /** Minor units; null where there is none or it was erased. */
  readonly amountMinor: number | null
}

/** Answers to the eight questions. Planter and operator write the same form, each from its own sources. */
export interface Answers {
  /** Principal id. */
  readonly who: string
  readonly ran: { readonly workflow: string; readonly version: string; readonly status: RunStatus }
  /** The verdict that decided about the outside world and its rule; or the closed code with which the run ended. */
  readonly why:
    | { readonly verdict: string; readonly reason: string; readonly rule: string }
    | { readonly ended: string }
  readonly approval: {
    readonly answer: string
    readonly by: string | null
    /** What was shown; null when it was erased. */
    readonly saw: { readonly target: string; readonly amountMinor: number | null } | null
  } | null
  readonly model: { readonly models: readonly string[]; readonly prompts: readonly string[] }
  readonly outside: readonly Change[]
  /** Whether the run can be taken up from its start, and what then becomes of each effect that it asks for again. */
  readonly resume: { readonly safe: boolean; readonly refused: string | null; readonly effects: readonly string[] }
  /** Nano-USD as decimal text. */
  readonly cost: string
}

/** Where an operator begins: an alert that woke them, by the message that was delivered, or the number of an invoice. */
export type Lead =
  | { readonly from: 'alert'; readonly id: string }
  | { readonly from: 'invoice'; readonly number: string }

/** One planted incident. */
export interface Planted {
  readonly kind: string
  readonly lead: Lead
  readonly runId: string
  readonly truth: Answers
}

/** An answer that is not what the planter wrote down. */
export interface Wrong {
  readonly question: Question
  readonly expected: string
  readonly answered: string
}

/** The questions that were answered otherwise than the planter wrote down. */
export function wrongAnswers(truth: Answers, answered: Answers): readonly Wrong[] {
  return QUESTIONS.flatMap((question) => {
    const [expected, given] = [JSON.stringify(truth[question]), JSON.stringify(answered[question])]
    return expected === given ? [] : [{ question, expected, answered: given }]
  })
}
