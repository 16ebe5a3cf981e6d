/** What each key opens: a tool's key does what that tool is for, and nothing else. Reading is open to all who reach it. */

import { z } from 'zod'

/** The variable in which the process of the outside world gets the keys, as JSON. */
export const KEYS_VARIABLE = 'PAYABLES_WORLD_KEYS'

/** Which writing requests are for which tool. */
const WRITES: readonly { readonly tool: string; readonly method: string; readonly path: RegExp }[] = [
  { tool: 'payments.pay', method: 'POST', path: /^\/v1\/payments$/ },
  { tool: 'payments.pay_legacy', method: 'POST', path: /^\/v1\/legacy-payments$/ },
  { tool: 'payments.recall', method: 'POST', path: /^\/v1\/recalls$/ },
  { tool: 'mail.send', method: 'POST', path: /^\/v1\/notifications$/ },
  { tool: 'desk.propose_hold', method: 'POST', path: /^\/holds$/ },
  { tool: 'records.archive', method: 'DELETE', path: /^\/records\/[^/]+$/ },
]

/** One request, as far as the locks look at it. */
export interface Knock {
  readonly method: string
  readonly path: string
  readonly authorization: string | undefined
}

/** The keys of the environment, or null where there are none. Throws for text that holds none. */
export function keysOf(env: Readonly<Record<string, string | undefined>>): Readonly<Record<string, string>> | null {
  const text = env[KEYS_VARIABLE]
  return text === undefined ? null : z.record(z.string(), z.string()).parse(JSON.parse(text))
}

/** True when the request may pass: it reads, or it carries the key of the tool that it is for. */
export function opens(keys: Readonly<Record<string, string>>, { method, path, authorization }: Knock): boolean {
  if (method === 'GET' || method === 'HEAD') return true
  const lock = WRITES.find((each) => each.method === method && each.path.test(path))
  const key = lock === undefined ? undefined : keys[lock.tool]
  return key !== undefined && authorization === `Bearer ${key}`
}
