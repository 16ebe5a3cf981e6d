import { SignalboxError } from '../base/errors.ts'
import type { ActivityKind } from '../contracts/common.ts'
import type { Proposal } from '../contracts/records.ts'
import { askedDigest } from '../reliability/judged.ts'

/** What an ask is recognised by on replay. */
interface Asked {
  readonly kind: ActivityKind
  readonly name: string
  readonly digest: string
}

const WORDS: Readonly<Record<ActivityKind, string>> = {
  tool: 'tool',
  model: 'model',
  scope: 'nested workflow',
  timer: 'timer',
  step: 'step',
  request: 'a request at port',
}

/** Runs go on with the code that they were begun with, or from where nothing of the activation is on record. */
const FIX = 'run the version that it was begun with, or go back to the last barrier with a restore or a fork'

/** Digests are long and keyed; their beginning tells two of them apart. */
const SHOWN = 12

/** REPLAY_DIVERGED: the handler asks for something else than is on record, with both names and argument digests (ENGINE R1). */
export function askedOtherwise(
  activation: string,
  ordinal: number,
  before: Pick<Proposal, 'kind' | 'name' | 'args_digest' | 'asked_digest'>,
  now: Asked,
): SignalboxError {
  const was = { kind: before.kind, name: before.name, digest: askedDigest(before) }
  const same = was.kind === now.kind && was.name === now.name
  const what = same ? 'the arguments differ' : 'it is another call'
  return new SignalboxError(
    'REPLAY_DIVERGED',
    `ask ${ordinal} of \`${activation}\` is ${shown(now)} now, and ${shown(was)} is on record: ${what}; ${FIX}`,
    {
      details: {
        ask: ordinal,
        recorded: was.name,
        recorded_digest: was.digest,
        asked: now.name,
        asked_digest: now.digest,
      },
    },
  )
}

/** REPLAY_DIVERGED: the handler ended or went another way without asking what is on record. */
export function notAskedAgain(key: string, recorded: Pick<Proposal, 'kind' | 'name'> | null): SignalboxError {
  const what = recorded ? ` (${WORDS[recorded.kind]} \`${recorded.name}\`)` : ''
  return new SignalboxError('REPLAY_DIVERGED', `ask ${key}${what} is on record and was not asked again; ${FIX}`)
}

function shown({ kind, name, digest }: Asked): string {
  return `${WORDS[kind]} \`${name}\` with arguments \`${digest.slice(0, SHOWN)}\``
}
