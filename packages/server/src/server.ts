import { isIPv6 } from 'node:net'
import { createAdaptorServer } from '@hono/node-server'
import { type Host, SignalboxError } from 'signalbox'
import { refuseDevelopmentTokens } from './identity/sign-in.ts'
import { type AppOptions, createApp } from './http/app.ts'

/** What a server needs beside the application's parts. */
export interface ServerOptions extends Omit<AppOptions, 'stopping'> {
  /** Address to bind. Development tokens are served on loopback only. Default `127.0.0.1`. */
  readonly bind?: string
  /** 0 takes a free port. */
  readonly port: number
}

/** A server that accepts connections. */
export interface RunningServer {
  /** Origin to reach it at, such as `http://127.0.0.1:4750`. */
  readonly url: string
  readonly port: number
  /** Ends open event streams, lets answers under way finish (three seconds at most), and closes the port. */
  close(): Promise<void>
}

const LOOPBACK = new Set(['127.0.0.1', '::1', 'localhost'])

/**
 * Starts the server. Throws PORT_IN_USE, or CONFIG_INVALID for development tokens in production or on an address that
 * others can reach.
 */
export async function createServer(options: ServerOptions): Promise<RunningServer> {
  const bind = options.bind ?? '127.0.0.1'
  refuseDevelopmentTokens(options.mode, options.auth)
  if (options.auth.kind === 'development' && !LOOPBACK.has(bind))
    throw new SignalboxError(
      'CONFIG_INVALID',
      `development tokens must not leave this machine: bind 127.0.0.1 instead of \`${bind}\`, or configure issued credentials`,
    )
  const stop = new AbortController()
  const app = createApp({ ...options, stopping: stop.signal })
  const server = createAdaptorServer({ fetch: app.fetch })
  const port = await listen(server, bind, options.port)
  return {
    url: `http://${isIPv6(bind) ? `[${bind}]` : bind}:${port}`,
    port,
    close: () => {
      stop.abort()
      return closed(server, options.host)
    },
  }
}

/** Answers under way get this long; a reader that takes nothing must not hold a stop up. */
const CLOSE_MS = 3_000
const SWEEP_MS = 50

/** Resolves when no connection is left. A kept connection is closed as soon as its answer is through. */
function closed(server: ReturnType<typeof createAdaptorServer>, host: Host): Promise<void> {
  const until = host.monotonicMs() + CLOSE_MS
  let cancel: () => void = () => undefined
  const sweep = (): void => {
    if (!('closeIdleConnections' in server)) return
    if (host.monotonicMs() < until) server.closeIdleConnections()
    else server.closeAllConnections()
    cancel = host.after(SWEEP_MS, sweep)
  }
  return new Promise((resolve) => {
    server.close(() => {
      cancel()
      resolve()
    })
    sweep()
  })
}

function listen(server: ReturnType<typeof createAdaptorServer>, bind: string, port: number): Promise<number> {
  return new Promise((resolve, reject) => {
    server.once('error', (cause: Error) => reject(listenError(cause, bind, port)))
    server.listen(port, bind, () => {
      const address = server.address()
      resolve(typeof address === 'object' && address !== null ? address.port : port)
    })
  })
}

function listenError(cause: Error, bind: string, port: number): SignalboxError {
  const code = 'code' in cause ? cause.code : undefined
  if (code === 'EADDRINUSE')
    return new SignalboxError(
      'PORT_IN_USE',
      `port ${port} of ${bind} is in use: choose another with --port, or --port 0 for a free one`,
      { cause, details: { port } },
    )
  if (code === 'EACCES')
    return new SignalboxError(
      'CONFIG_INVALID',
      `port ${port} may not be opened by this user: choose one above 1023 with --port`,
      { cause },
    )
  return new SignalboxError('CONFIG_INVALID', `cannot listen on ${bind}:${port} (${String(code)}): check the address`, {
    cause,
  })
}
