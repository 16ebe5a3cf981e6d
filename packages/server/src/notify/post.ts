import { type LookupAddress, type LookupOptions, lookup } from 'node:dns'
import { request as httpRequest, type RequestOptions } from 'node:http'
import { request as httpsRequest } from 'node:https'
import { BlockList, isIP } from 'node:net'
import type { Host } from 'signalbox'

/** One request to a channel. */
export interface Post {
  readonly url: string
  readonly headers: Readonly<Record<string, string>>
  readonly body: string
  readonly timeoutMs: number
  /** `host:port` that may lie in a private network, and be reached without TLS. */
  readonly privateHosts: readonly string[]
  readonly host: Host
  readonly signal: AbortSignal
}

/** How the receiver answered. `failed` tells why in one sentence, without the answer and without the address. */
export type PostResult =
  | { readonly kind: 'answered'; readonly status: number; readonly retryAfterSeconds: number | null }
  | { readonly kind: 'failed'; readonly detail: string }

const PRIVATE = new BlockList()
for (const [net, bits] of [
  ['0.0.0.0', 8],
  ['10.0.0.0', 8],
  ['100.64.0.0', 10],
  ['127.0.0.0', 8],
  ['169.254.0.0', 16],
  ['172.16.0.0', 12],
  ['192.0.0.0', 24],
  ['192.168.0.0', 16],
  ['198.18.0.0', 15],
  ['224.0.0.0', 3],
] as const)
  PRIVATE.addSubnet(net, bits, 'ipv4')
for (const [net, bits] of [
  ['::', 127],
  ['64:ff9b::', 96],
  ['fc00::', 7],
  ['fe80::', 10],
  ['ff00::', 8],
] as const)
  PRIVATE.addSubnet(net, bits, 'ipv6')

/** True for an address of this machine, of a private network or of none; also inside an IPv6 notation. */
export function isPrivateAddress(address: string): boolean {
  const family = isIP(address)
  return family === 0 || PRIVATE.check(address, family === 6 ? 'ipv6' : 'ipv4')
}

class Refused extends Error {}

/**
 * Sends one message. Names are resolved here and the addresses checked before anything is sent, so that a name cannot lead
 * into a private network; redirects are not followed. Never rejects.
 */
export async function post(message: Post): Promise<PostResult> {
  try {
    return await send(message, target(message))
  } catch (cause) {
    if (cause instanceof Refused) return { kind: 'failed', detail: cause.message }
    const code = cause instanceof Error && 'code' in cause ? String(cause.code) : 'no connection'
    return { kind: 'failed', detail: `the receiver could not be reached (${code})` }
  }
}

interface Target {
  readonly url: URL
  readonly mayBePrivate: boolean
}

function target({ url: text, privateHosts }: Post): Target {
  const url = URL.canParse(text) ? new URL(text) : null
  if (url === null || !/^https?:$/.test(url.protocol))
    throw new Refused('the address of the channel is no http address')
  const port = url.port || (url.protocol === 'https:' ? '443' : '80')
  const mayBePrivate = privateHosts.includes(`${url.hostname}:${port}`)
  if (url.protocol === 'http:' && !mayBePrivate)
    throw new Refused('the address has no https, and its host is not in `privateHosts`')
  const literal = url.hostname.replace(/^\[|\]$/g, '')
  // An address in the URL is never looked up: it is checked here.
  if (isIP(literal) !== 0 && isPrivateAddress(literal) && !mayBePrivate) throw new Refused(PRIVATE_NETWORK)
  return { url, mayBePrivate }
}

const PRIVATE_NETWORK = 'the receiver lies in a private network, and its host is not in `privateHosts`'

function send(message: Post, { url, mayBePrivate }: Target): Promise<PostResult> {
  const body = Buffer.from(message.body, 'utf8')
  const headers = {
    ...message.headers,
    'content-type': 'application/json',
    'content-length': String(body.length),
    'user-agent': 'signalbox',
  }
  const options: RequestOptions = {
    method: 'POST',
    headers,
    signal: message.signal,
    agent: false,
    ...(mayBePrivate ? {} : { lookup: publicLookup }),
  }
  return new Promise((resolve, reject) => {
    const made = (url.protocol === 'https:' ? httpsRequest : httpRequest)(url, options, (response) => {
      cancel()
      const status = response.statusCode ?? 0
      const after = Number(response.headers['retry-after'] ?? '')
      // What the receiver says is of no interest, and may be long.
      response.destroy()
      resolve({ kind: 'answered', status, retryAfterSeconds: after > 0 ? after : null })
    })
    const cancel = message.host.after(message.timeoutMs, () =>
      made.destroy(new Refused(`the receiver did not answer within ${message.timeoutMs / 1_000} s`)),
    )
    made.on('error', (cause) => {
      cancel()
      reject(cause)
    })
    made.end(body)
  })
}

type LookupDone = (error: NodeJS.ErrnoException | null, address: string | LookupAddress[], family?: number) => void

/** The system's look-up, which answers with nothing when one of the addresses is private. */
function publicLookup(name: string, options: LookupOptions, done: LookupDone): void {
  lookup(name, { ...options, all: true }, (error, found) => {
    if (error) return done(error, '')
    const [first] = found
    if (!first || found.some(({ address }) => isPrivateAddress(address))) return done(new Refused(PRIVATE_NETWORK), '')
    if (options.all) done(null, found)
    else done(null, first.address, first.family)
  })
}
