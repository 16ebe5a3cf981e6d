/** Runs the claims in memory: `node main.ts E-2`. The accountant settles conflicts in favour of the receipt. */
import { pathToFileURL } from 'node:url'
import type { JsonValue, PersonRequest, Principal } from 'signalbox'
import { type Play, type PlayAnswers, playInMemory } from 'signalbox/testing'
import { claims, PAYMENTS } from './claims.ts'
import { claimModels } from './models.ts'

/** Noor, who hands claims in. */
const NOOR: Principal = { id: 'user:noor', kind: 'user', tenant: 'shop', roles: ['staff'] }
/** Ada, the accountant. */
const ADA: Principal = { id: 'user:ada', kind: 'user', tenant: 'shop', roles: ['accountant', 'approver'] }

type Paid = { claim: string; cents: number }

/** The example with its people. */
export const example: Play<Paid> = {
  workflow: claims,
  policy: new URL('../policy/', import.meta.url),
  models: claimModels,
  principal: NOOR,
  person: ADA,
  accepts: PAYMENTS,
}

/** Settles on what the receipt says; nothing is paid without one. */
export function accountant({ port }: PersonRequest): JsonValue {
  const cents = /"participant":"receipts","says":"(\d+)/.exec(JSON.stringify(port?.payload))?.[1] ?? '0'
  return { decision: 'resolve', resolutions: [{ about: 'amount', decision: cents, why: 'the receipt counts' }] }
}

/** One run over a claim. */
export function check(
  claim: string,
  answers: PlayAnswers = { respond: accountant },
): ReturnType<typeof playInMemory<Paid>> {
  return playInMemory(example, { claim }, answers)
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) {
  const { result, booked } = await check(process.argv[2] ?? 'E-2')
  console.log(result.output)
  console.log(booked.map(({ body }) => body))
}
