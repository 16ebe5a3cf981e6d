import { canonicalJson } from '../../base/json.ts'
import type { ActivityOutcome, AskRef } from '../../contracts/records.ts'
import type { AskSpec } from '../../contracts/workflow.ts'
import { isTerminalOutcome, openIntent } from '../../reliability/fold.ts'
import type { FaultPoint } from '../env.ts'
import { askForApproval } from './approval.ts'
import { argsOf, Ask, askName, type AskOwner, type Ended } from './ask.ts'
import { decideAgain, decideFirst, readFacts } from './decide.ts'
import { keepDuties } from './duties.ts'
import { enterScope, execute } from './execute.ts'
import { fault } from './fault.ts'
import type { GatePlace } from './gate.ts'
import { identify, identifySent } from './identify.ts'
import { judgeAnswer } from './judge.ts'
import { takeLaterEnd } from './later-end.ts'
import { lookUpLedger } from './ledger.ts'
import { admit, asAttempt, nextAttempt, untilNextAttempt } from './model-trouble.ts'
import { readOrigin } from './origin.ts'
import { recordOutcome } from './outcome.ts'
import { askOutside } from './request.ts'
import { recordIntent, waitForTurn } from './reserve.ts'
import { resolveUnknown } from './resolve.ts'
import { runStep } from './step.ts'
import { passSwitches } from './switches.ts'
import { passTime } from './timer.ts'

/** One stage of the door: it ends the ask or lets it pass. */
interface Stage {
  readonly name: string
  readonly run: (ask: Ask) => Ended | null | Promise<Ended | null>
  /** Reached when the stage let the ask pass. */
  readonly fault?: FaultPoint
}

/**
 * The door (invariant 1): every ask of every kind passes these stages in this order. A plane adds a
 * stage here; nothing else reaches a model, a tool or a person.
 */
export const STAGES = [
  { name: 'wait', run: untilNextAttempt },
  { name: 'identify', run: identify, fault: 'proposed' },
  { name: 'switches', run: passSwitches },
  { name: 'facts', run: readFacts },
  { name: 'origin', run: readOrigin },
  { name: 'decide', run: decideFirst, fault: 'decided' },
  { name: 'duties', run: keepDuties },
  { name: 'ledger', run: lookUpLedger },
  { name: 'approval', run: askForApproval },
  { name: 'turn', run: waitForTurn },
  { name: 'switches again', run: passSwitches },
  { name: 'decide again', run: decideAgain },
  { name: 'duties again', run: keepDuties },
  { name: 'admit', run: admit },
  { name: 'reserve and intent', run: recordIntent },
  { name: 'execute', run: execute },
] as const satisfies readonly Stage[]

/** The name of a stage: the matrix of paths and gates has a column for each. */
export type StageName = (typeof STAGES)[number]['name']

/** An effect whose intent is on record without an end: it is never sent again blindly (invariant 5, ENGINE resume). */
const RESUMED_EFFECT: readonly Stage[] = [
  { name: 'identify', run: identifySent },
  { name: 'ledger', run: takeLaterEnd },
  { name: 'resolve', run: (ask) => resolveUnknown(ask, 'crashed') },
]

/** Time passes for everybody alike: nothing is sent, so nobody is asked and nothing is reserved. */
const TIMER: readonly Stage[] = [{ name: 'pass time', run: passTime }]

/** A nested scope that is open goes on from its last barrier: what is asked in it passes the door by itself. */
const RESUMED_SCOPE: readonly Stage[] = [
  { name: 'identify', run: identifySent },
  { name: 'execute', run: enterScope },
]
/** What is computed here changes nothing outside. */
const STEP: readonly Stage[] = [{ name: 'run step', run: runStep }]

/** A person or a system answers: the question goes out as a request of the run, and nothing else is sent. */
const REQUEST: readonly Stage[] = [{ name: 'ask outside', run: askOutside }]

const INSIDE = { timer: TIMER, step: STEP, request: REQUEST } as const

function stagesFor(ask: Ask): readonly Stage[] {
  const { kind } = ask.spec
  if (kind !== 'tool' && kind !== 'model') return INSIDE[kind]
  // What was held up by a switch was not sent: it passes the whole door again.
  const intent = openIntent(ask.journal())
  if (intent?.opens) return RESUMED_SCOPE
  return intent !== null && intent.proposal.effect !== 'none' ? RESUMED_EFFECT : STAGES
}

/** Takes one ask through the door to its terminal outcome. Throws on a malfunction, which parks the run. */
export async function perform(
  owner: AskOwner,
  ref: AskRef,
  spec: AskSpec,
  place: GatePlace | null,
): Promise<ActivityOutcome> {
  for (;;) {
    const ask = new Ask(owner, ref, spec, place, askDigest(owner, spec))
    let ended = await passStages(ask)
    if (ended.status === 'unknown') {
      await recordOutcome(ask, ended)
      ended = await resolveUnknown(ask, 'lost_answer')
    }
    const retry = nextAttempt(ask, ended)
    if (retry) {
      // As after a crash: what follows passes the whole door again, policy and budget included.
      await recordOutcome(ask, asAttempt(ended, retry))
      continue
    }
    const outcome = await recordOutcome(ask, await judgeAnswer(ask, ended))
    if (!isTerminalOutcome(outcome)) return neverEnded(ask)
    await fault(ask, 'acknowledged')
    place?.gate.settled(place.index)
    return outcome
  }
}

/** Passes the stages to the first that ends the ask. The provider's leave is given back however it ends. */
async function passStages(ask: Ask): Promise<Ended> {
  try {
    for (const stage of stagesFor(ask)) {
      const result = stage.run(ask)
      const ended = result instanceof Promise ? await result : result
      if (ended) return ended
      if (stage.fault) await fault(ask, stage.fault)
    }
  } finally {
    ask.permit?.done('unused')
  }
  return neverEnded(ask)
}

/** Digest by which an ask is recognised on replay (ENGINE R1). Computed when the handler asks. */
export function askDigest(owner: AskOwner, spec: AskSpec): string {
  // Two undos with equal arguments are two calls.
  const undoes = spec.kind === 'tool' && spec.undoes ? [spec.undoes.effect_id] : []
  return owner.run.sealer.digest(canonicalJson([spec.kind, askName(spec), argsOf(owner, spec), ...undoes]))
}

function neverEnded(ask: Ask): never {
  throw new Error(`the door let \`${ask.name}\` pass without an end`)
}
