import type { JsonValue } from '../../base/json.ts'
import type { OutsideAnswer, OutsideEffect, OutsideRequest, OutsideSystem } from './scenario.ts'

/** `host:port` under which tools of the scenarios reach the pretended bank. */
export const BANK_HOST = 'bank.test:80'

/**
 * A bank that books what arrives: `POST /pay` and `POST /harmless` with `{ to, amount }`, the second of which honours the
 * idempotency key; `GET /find?key=`; `GET /rate?n=`, which answers the first request for each `n` with 503 where `n` ends
 * in 7. A payment to somebody is one business act: two of them are a double payment.
 */
export function simBank(): OutsideSystem {
  const booked: OutsideEffect[] = []
  const asked = new Map<string, number>()

  function pay({ url, key, body }: OutsideRequest): OutsideAnswer {
    const again = url.pathname === '/harmless' && booked.some((one) => one.key === key)
    if (!again) booked.push({ identity: `pay ${field(body, 'to')}`, key })
    return { status: 200, body: { receipt: 1 } }
  }

  function rate(url: URL): OutsideAnswer {
    const n = url.searchParams.get('n') ?? ''
    const times = (asked.get(n) ?? 0) + 1
    asked.set(n, times)
    return n.endsWith('7') && times === 1 ? { status: 503, body: null } : { status: 200, body: Number(n) * 2 }
  }

  return {
    effects: () => booked,
    answer: (request) => {
      if (request.method === 'POST') return pay(request)
      if (request.url.pathname === '/rate') return rate(request.url)
      const key = request.url.searchParams.get('key')
      return { status: 200, body: booked.some((one) => one.key === key) }
    },
  }
}

function field(body: JsonValue, name: string): string {
  return typeof body === 'object' && body !== null && name in body
    ? String(Object.entries(body).find(([key]) => key === name)?.[1])
    : ''
}
