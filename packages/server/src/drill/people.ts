/** Plays the person that a drill declares: answers approvals, questions about effects and requests of port nodes. */
import { type PersonRequest, type PersonRequestRow, type Signalbox, SignalboxError, sleep, systemHost } from 'signalbox'
import type { DrillPerson, DrillWorld, RecordedEffect } from './define.ts'

/** What the person was asked and answered. */
export interface Answers {
  approvals: number
  happened: number
  did_not: number
  stop: number
  responses: number
  /** What went wrong while answering; each is tried again. */
  readonly troubles: string[]
}

/** No answer yet. */
export function noAnswers(): Answers {
  return { approvals: 0, happened: 0, did_not: 0, stop: 0, responses: 0, troubles: [] }
}

/** What the person needs to answer. */
export interface Asked {
  readonly signalbox: Signalbox
  readonly tenant: string
  readonly person: DrillPerson
  readonly world: DrillWorld
  readonly answers: Answers
  /** Leaves what it gives false for unanswered. Default: answers everything. */
  readonly mayAnswer?: (row: PersonRequestRow) => boolean
}

const LOOK_MS = 50

/** Answers what is open until the signal aborts. */
export async function playPerson(asked: Asked, signal: AbortSignal): Promise<void> {
  const { signalbox, tenant, answers } = asked
  const seen = new Set<string>()
  while (!signal.aborted) {
    const open = await signalbox.runs.requests({ tenant, state: 'open', limit: 100 })
    for (const row of open) {
      if (seen.has(row.id) || asked.mayAnswer?.(row) === false) continue
      try {
        await answerRow(asked, row)
        seen.add(row.id)
      } catch (error) {
        answers.troubles.push(`${row.kind} ${row.id}: ${error instanceof Error ? error.message : String(error)}`)
      }
    }
    await sleep(systemHost, LOOK_MS, signal)
  }
}

async function answerRow({ signalbox, tenant, person, world, answers }: Asked, row: PersonRequestRow): Promise<void> {
  const request = await signalbox.runs.request(tenant, row.id)
  const { by } = person
  if (row.kind === 'approval') {
    const answer = person.decide?.(request) ?? 'approved'
    const reason = 'answered by the drill'
    await signalbox.runs.decide({ approvalId: row.id, answer, by, reason, seen: request.packetHash })
    answers.approvals += 1
  } else if (row.kind === 'question') {
    const answer = (person.settle ?? settled)(request, await world.effects())
    const reason = 'looked at the records of the outside system'
    await signalbox.runs.answer({ questionId: row.id, answer, by, reason })
    answers[answer] += 1
  } else {
    if (!person.respond)
      throw new SignalboxError(
        'CONFIG_INVALID',
        `a port node of \`${row.workflow}\` asks: give the drill's person a \`respond\``,
      )
    await signalbox.runs.respond({ requestId: row.id, value: person.respond(request), by })
    answers.responses += 1
  }
}

/** By the key where the outside system keeps one, else by run. */
function settled({ row, packet }: PersonRequest, effects: readonly RecordedEffect[]): 'happened' | 'did_not' {
  const key = packet && 'idempotency_key' in packet ? packet.idempotency_key : null
  const isThere = effects.some(
    (each) => each.tool === row.tool && (each.key === null ? each.runId === row.runId : each.key === key),
  )
  return isThere ? 'happened' : 'did_not'
}
