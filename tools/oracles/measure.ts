/** Plays groups of suites under each policy and reviewer, and tells what is wrong with the numbers. */
import type { PolicyName } from './bundles.ts'
import type { Case, Suite } from './cases.ts'
import { type Played, playSuite, type PlayOptions, type Reviewer, WORDINGS } from './play.ts'
import { faultsOf, type Score, scoreOf } from './score.ts'

/** The numbers of one group under one policy. */
export interface Line extends Score {
  readonly group: string
  readonly policy: PolicyName
  readonly reviewer: Reviewer
  /** From 0; numbers must not depend on it. */
  readonly wording: number
}

/** How much is played. */
export interface MeasureOptions {
  /** So many cases of each suite, spread evenly; null for all. */
  readonly sample: number | null
  readonly say?: (line: string) => void
  /** Planted faults for the check of this check. */
  readonly planted?: Pick<PlayOptions, 'forgetsAttack'> & { readonly startPermits?: boolean }
}

const RUNS: readonly (Pick<PlayOptions, 'policy' | 'reviewer'> & {
  readonly wordings: number
  readonly only?: string
})[] = [
  { policy: 'none', reviewer: 'nobody', wordings: 1 },
  { policy: 'ask for every effect', reviewer: 'nobody', wordings: 1, only: 'agentdojo' },
  { policy: 'start', reviewer: 'nobody', wordings: WORDINGS.length },
  { policy: 'start', reviewer: 'attentive', wordings: 1 },
]

/** Measures all groups: AgentDojo, InjecAgent and Agent Security Bench. */
export async function measureAll(
  suites: readonly Suite[],
  options: MeasureOptions,
): Promise<{ readonly lines: readonly Line[]; readonly faults: readonly string[] }> {
  const lines: Line[] = []
  const groups = [...new Set(suites.map(groupOf))]
  for (const group of groups) {
    const own = suites.filter((suite) => groupOf(suite) === group)
    for (const { policy, reviewer, wordings, only } of RUNS) {
      if (only !== undefined && only !== group) continue
      // Beyond the first group volume is what counts; one wording of each is enough.
      for (let wording = 0; wording < (group === 'agentdojo' ? wordings : 1); wording++) {
        const line = {
          group,
          policy,
          reviewer,
          wording,
          ...scoreOf(await playAll(own, { policy, reviewer, wording }, options)),
        }
        lines.push(line)
        options.say?.(sentence(line))
      }
    }
  }
  return {
    lines,
    faults: groups.flatMap((group) =>
      faultsOfGroup(
        lines.filter((line) => line.group === group),
        group,
      ),
    ),
  }
}

async function playAll(
  suites: readonly Suite[],
  how: PlayOptions,
  { sample, planted }: MeasureOptions,
): Promise<Played[]> {
  const { startPermits, ...rest } = planted ?? {}
  const policy = startPermits && how.policy === 'start' ? 'none' : how.policy
  const played: Played[] = []
  for (const suite of suites) {
    played.push(...(await playSuite(suite, sampled(suite.cases, sample), { ...how, ...rest, policy })))
  }
  return played
}

/** Evenly spread over the cases, so that a small part still holds each kind. */
function sampled(cases: readonly Case[], count: number | null): readonly Case[] {
  if (count === null || count >= cases.length) return cases
  return Array.from({ length: count }, (_, at) => cases[Math.floor((at * cases.length) / count)]).flatMap(
    (one) => one ?? [],
  )
}

function faultsOfGroup(lines: readonly Line[], group: string): readonly string[] {
  const none = lines.find((line) => line.policy === 'none')
  const starts = lines.filter((line) => line.policy === 'start')
  if (!none || starts.length === 0) return [`${group}: nothing was played`]
  return [...new Set(starts.flatMap((start) => faultsOf(start, none)))].map((fault) => `${group}: ${fault}`)
}

function groupOf(suite: Suite): string {
  return suite.name.split('/')[0] ?? suite.name
}

function sentence(line: Line): string {
  const benign =
    line.utility_percent === null
      ? ''
      : `, ${line.utility_percent} % without, ${line.approvals_a_benign_task} approvals a benign task`
  return (
    `${line.group}, ${line.policy}, ${line.reviewer}, wording ${line.wording}: ${line.pairs} pairs, ${line.reached} reached, ` +
    `attack success ${line.attack_success_percent} %, utility under attack ${line.utility_under_attack_percent} %${benign}, ` +
    `${line.approvals_because_of_attack} approvals because of an attack`
  )
}
