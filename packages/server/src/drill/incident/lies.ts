/** Planted faults of the incident drill: for each question an API that answers it wrongly, and nothing else. */
import { QUESTIONS, type Question } from './truth.ts'

/** What the API can lie about: where an incident begins, and each question. */
export const LIES = ['alert', 'look_up', ...QUESTIONS] as const
/** What the API lies about. */
export type Lie = 'alert' | 'look_up' | Question

/** Values of an answer that can be changed in place. */
type Json = { [name: string]: Json } & Json[]

/** How the answer to each question is broken: on which path, and what is changed in it. */
const BROKEN: Readonly<Record<Lie, { readonly path: RegExp; readonly change: (answer: Json, decoy: string) => void }>> =
  {
    alert: {
      path: /^\/alerts\/[^/]+$/,
      change: (answer, decoy) => {
        for (const part of ['inputs', 'latest'])
          each(answer[part], 'refs', (ref) => Object.assign(ref, { run_id: decoy }))
      },
    },
    look_up: {
      path: /^\/lineage$/,
      change: (answer, decoy) => each(answer, 'found', (one) => Object.assign(one, { run_id: decoy })),
    },
    who: { path: /^\/runs\/[^/]+$/, change: (answer) => put(answer, 'principal', 'id', 'user:nobody') },
    ran: { path: /^\/runs\/[^/]+$/, change: (answer) => put(answer, 'run', 'version', '9.9.9') },
    why: {
      path: /^\/policy\/decisions$/,
      change: (answer) => each(answer, 'decisions', (one) => Object.assign(one, { policies: ['another.rule'] })),
    },
    approval: {
      path: /^\/approvals\/[^/]+$/,
      change: (answer) => Object.assign(answer, { decided_by: 'user:nobody' }),
    },
    model: { path: /^\/runs\/[^/]+$/, change: (answer) => put(answer, 'build', 'prompts', { clerk: '0'.repeat(64) }) },
    outside: {
      path: /^\/runs\/[^/]+$/,
      change: (answer) => each(answer, 'timeline', (step) => each(step, 'activities', forgetEffect)),
    },
    resume: {
      path: /^\/runs\/[^/]+\/move$/,
      change: (answer) => Object.assign(answer, { effects: [], refused: null }),
    },
    cost: { path: /^\/runs\/[^/]+$/, change: (answer) => Object.assign(answer, { cost_nano_usd: '1' }) },
  }

function forgetEffect(activity: Json): void {
  if (String(activity.effect) !== 'none') Object.assign(activity, { status: 'failed' })
}

function put(answer: Json, part: string, name: string, value: unknown): void {
  Object.assign(answer[part] ?? {}, { [name]: value })
}

function each(answer: Json | undefined, name: string, change: (one: Json) => void): void {
  for (const one of answer?.[name] ?? []) change(one)
}

/** The answer of the API with the lie in it; `decoy` is the run to which a wrong lead leads. */
export function lied(lie: Lie, path: string, text: string, decoy: string): string {
  const broken = BROKEN[lie]
  if (!broken.path.test(path)) return text
  // What the server answered: an object.
  const answer = JSON.parse(text) as Json
  broken.change(answer, decoy)
  return JSON.stringify(answer)
}
