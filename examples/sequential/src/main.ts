/** Runs the newsletter in memory over a release: `node main.ts v2-4`. The press office asks for a change, then approves. */
import { pathToFileURL } from 'node:url'
import type { JsonValue, PersonRequest, Principal } from 'signalbox'
import { type Play, type PlayAnswers, playInMemory } from 'signalbox/testing'
import { newsletterModels } from './models.ts'
import { LETTERS, newsletter } from './newsletter.ts'

/** Mara of the product team, on whose behalf the letter is written. */
const MARA: Principal = { id: 'user:mara', kind: 'user', tenant: 'shop', roles: ['product'] }
/** Piet of the press office. */
const PIET: Principal = { id: 'user:piet', kind: 'user', tenant: 'shop', roles: ['press', 'approver'] }

/** The example with its people. */
export const example: Play<{ release: string; text: string }> = {
  workflow: newsletter,
  policy: new URL('../policy/', import.meta.url),
  models: newsletterModels,
  principal: MARA,
  person: PIET,
  accepts: LETTERS,
}

/** Asks once to leave the removed page away, and lets every letter through that does not speak of it. */
export function press({ port }: PersonRequest): JsonValue {
  const text = JSON.stringify(port?.payload)
  return text.includes('upload page')
    ? { decision: 'feedback', text: 'without the old upload page' }
    : { decision: 'approve' }
}

/** One run over a release. */
export function write(
  release: string,
  answers: PlayAnswers = { respond: press },
): ReturnType<typeof playInMemory<{ release: string; text: string }>> {
  return playInMemory(example, { release }, answers)
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) {
  const { result, booked } = await write(process.argv[2] ?? 'v2-4')
  console.log(result.output)
  console.log(booked.map(({ body }) => body))
}
