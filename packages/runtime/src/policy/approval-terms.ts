/** What a policy that asks for a person demands: its annotations, read and checked when the bundle is loaded. */
import type { ApprovalEscalation } from '../contracts/acting.ts'
import type { AskingPolicy } from '../contracts/policy.ts'

/** The demands of an asking policy beside its id, reason and roles. */
export type ApprovalTerms = Omit<AskingPolicy, 'id' | 'reason_code' | 'approvers'>

/** Annotations that only a policy which asks for a person may carry. */
export const TERM_ANNOTATIONS = [
  'approvals',
  'stage',
  'deadline',
  'escalate',
  'claim',
  'information',
  'standing',
  'declined',
] as const

const MOST_APPROVALS = 10
const MOST_STAGES = 10
const MOST_SECONDS = 366 * 86_400

/** Reads the annotations; what is wrong is given as sentences that start with the annotation. */
export function readTerms(
  notes: Readonly<Record<string, string>>,
  roles: readonly string[],
): { readonly terms: ApprovalTerms; readonly problems: readonly string[] } {
  const problems: string[] = []
  const wrong = (name: string, what: string): undefined => {
    problems.push(`has \`@${name}("${notes[name] ?? ''}")\`: ${what}`)
    return undefined
  }
  const count = (name: string, most: number): number | undefined => {
    const text = notes[name]
    if (text === undefined) return undefined
    const value = /^[1-9]\d?$/.test(text) ? Number(text) : 0
    return value >= 1 && value <= most ? value : wrong(name, `write a whole number from 1 to ${most}`)
  }
  const time = (name: string): number | undefined => {
    const text = notes[name]
    if (text === undefined) return undefined
    return secondsOf(text) ?? wrong(name, 'write a time such as PT4H or P2D, at most a year')
  }
  const word = <W extends string>(name: string, only: W): W | undefined => {
    const text = notes[name]
    if (text === undefined) return undefined
    return text === only ? only : wrong(name, `write "${only}" or leave it out`)
  }
  const escalate = notes.escalate === undefined ? undefined : escalations(notes.escalate, roles)
  for (const what of escalate?.wrong ?? []) wrong('escalate', what)
  const terms = {
    quorum: count('approvals', MOST_APPROVALS),
    stage: count('stage', MOST_STAGES),
    deadline_seconds: time('deadline'),
    escalate: escalate?.found,
    claim: word('claim', 'locks'),
    information: word('information', 'stops_deadline'),
    standing: word('standing', 'allowed'),
    declined_seconds: time('declined'),
  }
  // What is not declared is absent: records of bundles that declare none of it stay as they were.
  return { terms: Object.fromEntries(Object.entries(terms).filter(([, value]) => value !== undefined)), problems }
}

/** Seconds of an ISO 8601 duration of whole days, hours, minutes and seconds, or null. */
export function secondsOf(text: string): number | null {
  const parts = /^P(?:(\d{1,3})D)?(?:T(?:(\d{1,4})H)?(?:(\d{1,5})M)?(?:(\d{1,6})S)?)?$/.exec(text)
  if (!parts) return null
  const [days = 0, hours = 0, minutes = 0, seconds = 0] = parts.slice(1).map((part) => Number(part ?? 0))
  const all = days * 86_400 + hours * 3_600 + minutes * 60 + seconds
  return all > 0 && all <= MOST_SECONDS ? all : null
}

/** `role:treasury PT1H, user:ana PT2H`: to whom, and when. */
function escalations(
  text: string,
  roles: readonly string[],
): { readonly found: readonly ApprovalEscalation[]; readonly wrong: readonly string[] } {
  const found: ApprovalEscalation[] = []
  const wrong: string[] = []
  for (const entry of text.split(',').map((part) => part.trim())) {
    const parts = /^(role|user):(\S+) (\S+)$/.exec(entry)
    const [kind, name = '', time = ''] = parts?.slice(1) ?? []
    const seconds = secondsOf(time)
    if (!parts || seconds === null)
      wrong.push(`write \`role:<role> PT1H\` or \`user:<id> PT1H\` instead of \`${entry}\``)
    else if (kind === 'role' && !roles.includes(name)) wrong.push(`role \`${name}\` is not declared in bundle.json`)
    else
      found.push({
        roles: kind === 'role' ? [name] : [],
        users: kind === 'user' ? [`user:${name}`] : [],
        after_seconds: seconds,
      })
  }
  return { found: found.sort((a, b) => a.after_seconds - b.after_seconds), wrong }
}
