/** Scripted models of the desk: each knows its own field and hands the rest over. */
import { createModels, loadPrices, type ModelPort, type ModelRequest, type Script } from 'signalbox'
import { lastTold, resultOf, told } from 'signalbox/testing'

/** The models of the example: its scripts, and every provider that has a key in the environment. */
export function deskModels(env: Readonly<Record<string, string | undefined>>): ModelPort {
  return createModels({ env, prices: loadPrices(), scripted: { reception, delivery, billing } })
}

type Turn =
  | { readonly kind: 'reply' | 'finish'; readonly text: string }
  | { readonly kind: 'handoff'; readonly to: string; readonly reason: string }
  | { readonly kind: 'escalate'; readonly reason: string }

const turn = (one: Turn): string => JSON.stringify(one)

const reception: Script = (request) => {
  if (orderIn(request) === null) return turn({ kind: 'reply', text: 'What is the number of your order?' })
  const money = /money|refund|broken/i.test(said(request))
  if (money) return turn({ kind: 'handoff', to: 'billing', reason: 'the customer wants money back' })
  return turn({ kind: 'handoff', to: 'delivery', reason: 'the customer asks for a parcel' })
}

const delivery: Script = (request) => {
  const found = resultOf(request, 'orders.find')
  if (found === null) return look(request)
  const [, item, status] = found.split(',')
  if (status === undefined) return turn({ kind: 'escalate', reason: found })
  if (status.includes('broken')) return turn({ kind: 'handoff', to: 'billing', reason: `${item} came broken` })
  return turn({ kind: 'finish', text: `Your ${item} is ${status}.` })
}

/** Refunds what came broken; what did not is put to a person, whose word counts. */
const billing: Script = (request) => {
  const paid = resultOf(request, 'payments.refund')
  if (paid?.includes('"error"')) return turn({ kind: 'finish', text: 'I am not allowed to refund this order.' })
  if (paid !== null) return turn({ kind: 'finish', text: 'Your refund is on its way.' })
  const found = resultOf(request, 'orders.find')
  if (found === null) return look(request)
  const [order = '', item, status, cents] = found.split(',')
  if (status === undefined) return turn({ kind: 'escalate', reason: found })
  if (status.includes('broken') || lastTold(request).includes('> refund it'))
    return { calls: [{ tool: 'payments.refund', args: { order, cents: Number(cents) } }] }
  return turn({ kind: 'escalate', reason: `the customer wants money back for the ${item}, which is ${status}` })
}

function look(request: ModelRequest): { calls: { tool: string; args: { order: string } }[] } {
  return { calls: [{ tool: 'orders.find', args: { order: orderIn(request) ?? '0' } }] }
}

/** What people and the others said: the quoted lines. */
function said(request: ModelRequest): string {
  const lines = told(request).split('\n')
  return lines.filter((line) => line.startsWith('> ')).join('\n')
}

/** The last number of four digits that somebody said. */
function orderIn(request: ModelRequest): string | null {
  return [...said(request).matchAll(/\b\d{4}\b/g)].at(-1)?.[0] ?? null
}
