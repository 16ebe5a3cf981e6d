/** Runs the desk in memory: `node main.ts 'my lamp came broken, I want my money back'`. The customer and a lead answer. */
import { pathToFileURL } from 'node:url'
import type { JsonValue, PersonRequest, Principal } from 'signalbox'
import { type Play, type PlayAnswers, playInMemory } from 'signalbox/testing'
import { desk, REFUNDS } from './desk.ts'
import { deskModels } from './models.ts'

/** Sam of support, on whose behalf the desk works. */
const SAM: Principal = { id: 'user:sam', kind: 'user', tenant: 'shop', roles: ['support'] }
/** Lee, a lead, who also says here what the customer says. */
const LEE: Principal = { id: 'user:lee', kind: 'user', tenant: 'shop', roles: ['lead', 'approver'] }

type Refund = { order: string; cents: number }

/** The example with its people. */
export const example: Play<Refund> = {
  workflow: desk,
  policy: new URL('../policy/', import.meta.url),
  models: deskModels,
  principal: SAM,
  person: LEE,
  accepts: REFUNDS,
}

/** The customer tells the number of the order; the lead lets everything be refunded that she is asked about. */
export function people({ row }: PersonRequest): JsonValue {
  if (row.tool === 'user') return { kind: 'user_says', text: 'It is order 1001.' }
  return { kind: 'person_says', text: 'refund it' }
}

/** One conversation, from the customer's first words. */
export function talk(
  words: string,
  answers: PlayAnswers = { respond: people },
): ReturnType<typeof playInMemory<Refund>> {
  return playInMemory(example, words, answers)
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) {
  const { result, booked } = await talk(process.argv[2] ?? 'My lamp came broken, I want my money back.')
  console.log(result.output)
  console.log(booked.map(({ body }) => body))
}
