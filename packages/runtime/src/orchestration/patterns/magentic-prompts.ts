import { type Course, stepText, type TaskLedger } from './magentic-ledger.ts'
import { type Entry, quoted, renderEntries } from './transcript.ts'

/** What the manager of a magentic workflow is asked, as text. What others said is quoted; nothing else is. */

/** What a question to the manager is made of. */
export interface Question {
  /** The run's input, as the first entry of the transcript. */
  readonly task: readonly Entry[]
  readonly ledger: TaskLedger | null
  readonly course: Course
  /** What was said since the plan in force. */
  readonly news: readonly Entry[]
  /** Who takes part, a line each. */
  readonly team: string
}

/** Asks for facts and a plan: the first, or another when the work stalled or a person rejected the last one. */
export function planPrompt({ task, ledger, course, news, team }: Question): string {
  const ask = [
    'Sort what you know for this task into four lists: facts that are given, facts to look up and where, facts to derive,',
    'and educated guesses. Then make a plan in short steps, each for one member of the team who can do it.',
    'Leave out members who are not needed.',
  ].join(' ')
  const parts = ['The task:', renderEntries(task), `The team:\n${team}`]
  if (course.cause === 'first' || ledger === null) return [...parts, ask].join('\n\n')
  const why =
    course.cause === 'rejected'
      ? `A person has rejected this plan:\n${quoted(course.remark)}`
      : `The work on this plan has stalled:\n${quoted(course.remark)}`
  const since = news.length === 0 ? [] : ['What was said since the plan was made:', renderEntries(news)]
  const again =
    'Say in the facts what was learned, move what turned out otherwise, and make another plan that does not run into the same.'
  return [...parts, 'What was known and planned:', ledgerText(ledger), ...since, why, ask, again].join('\n\n')
}

/**
 * Asks for the progress ledger. The conversation about it goes on from round to round: the plan is shown when it is new,
 * after that what was said since.
 */
export function progressPrompt({ task, ledger, course, news, team }: Question): string {
  const fresh = course.weighed === course.since
  const said = renderEntries(news.slice(course.weighed - course.since))
  const ask = [
    'Answer, each with a reason: is the request fully satisfied? Is the team in a loop, repeating the same? Is progress',
    'being made? Which steps of the plan are done, by number? Who speaks next? What exactly is that member to do or to',
    'answer, in words that it understands without anything else?',
  ].join(' ')
  if (!fresh) return ['What was said since then:', said, ask].join('\n\n')
  const plan = ledger ? [ledgerText(ledger)] : []
  return ['The task:', renderEntries(task), `The team:\n${team}`, ...plan, said, ask].filter(Boolean).join('\n\n')
}

/** Asks for the final answer. */
export function answerPrompt({ task, ledger, news }: Question): string {
  return [
    'The task:',
    renderEntries(task),
    ...(ledger ? [ledgerText(ledger)] : []),
    'What was said since the plan was made:',
    renderEntries(news),
    'The request is satisfied. Give the final answer to whoever set the task.',
  ].join('\n\n')
}

function ledgerText({ facts, plan }: TaskLedger): string {
  const lists = [
    ['Given', facts.given],
    ['To look up', facts.lookUp],
    ['To derive', facts.derive],
    ['Guesses', facts.guesses],
  ] as const
  const known = lists.flatMap(([title, list]) => (list.length === 0 ? [] : [`${title}:\n${bullets(list)}`]))
  const steps = plan.map((step, i) => `${i + 1}. [${step.done ? 'done' : 'open'}] ${stepText(step)}`)
  return [...known, `Plan:\n${steps.join('\n')}`].join('\n')
}

function bullets(list: readonly string[]): string {
  return list.map((text) => `- ${text.replace(/\s+/g, ' ')}`).join('\n')
}
