/** Scripted models of the claims: each checker judges by the file that its tool read. */
import { createModels, loadPrices, type ModelPort, type Script } from 'signalbox'
import { resultOf, told } from 'signalbox/testing'

/** The models of the example: its scripts, and every provider that has a key in the environment. */
export function claimModels(env: Readonly<Record<string, string | undefined>>): ModelPort {
  return createModels({ env, prices: loadPrices(), scripted: { receipts, rules, history, clerk } })
}

interface Claim {
  readonly by: string
  readonly purpose: string
  readonly amountCents: number
  readonly receiptCents: number | null
}

type Judged = { readonly payCents: number; readonly why: string }

const receipts = checker(({ receiptCents, amountCents }) => {
  if (receiptCents === null) return null
  return receiptCents === amountCents
    ? { payCents: amountCents, why: 'the receipt says the same' }
    : { payCents: receiptCents, why: 'the receipt says less' }
})

const rules = checker(({ purpose, amountCents }) => {
  const most = purpose.startsWith('dinner') ? 15_000 : 100_000
  return {
    payCents: Math.min(amountCents, most),
    why: amountCents > most ? 'a meal is at most 150.00' : 'within the rules',
  }
})

const history = checker(({ by, amountCents }) =>
  by === 'ravi' ? null : { payCents: amountCents, why: 'nothing unusual' },
)

/** Reads the claim, then judges it; one that it cannot judge it gives back without an answer. */
function checker(judge: (claim: Claim) => Judged | null): Script {
  return (request) => {
    const text = resultOf(request, 'claims.read')
    if (text === null) return { calls: [{ tool: 'claims.read', args: { claim: claimIn(told(request)) } }] }
    // The files of the example have this shape.
    const judged = judge(JSON.parse(text) as Claim)
    return judged === null ? { finishReason: 'content-filter' } : JSON.stringify(judged)
  }
}

/** Pays what was settled, else what the checkers agree on. */
const clerk: Script = (request) => {
  const said = told(request)
  const settled = /"decision":"(\d+)"/.exec(said)?.[1]
  const cents = Number(settled ?? /"payCents":(\d+)/.exec(said)?.[1] ?? 0)
  const why = settled === undefined ? 'all checkers agree' : 'as the accountant settled it'
  const paid = resultOf(request, 'claims.pay')
  if (paid?.includes('"error"')) return JSON.stringify({ paidCents: 0, why: 'the accountant refused' })
  if (paid !== null || cents === 0) return JSON.stringify({ paidCents: cents, why })
  return { calls: [{ tool: 'claims.pay', args: { claim: claimIn(said), cents } }] }
}

function claimIn(text: string): string {
  return /E-\d+/.exec(text)?.[0] ?? ''
}
