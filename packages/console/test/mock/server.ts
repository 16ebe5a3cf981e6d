/** A small backend that speaks the protocol, for developing pages and for tests that must force rare states. */
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import {
  API_BASE,
  ENDPOINTS,
  type EndpointName,
  type EndpointSpec,
  type ErrorCode,
  ERROR_TABLE,
  type Me,
  SignalboxError,
} from '@signalbox/protocol'
import { type Backend, createBackend } from './backend.ts'
import { consoleFile } from './files.ts'
import { meOf } from './people.ts'

/** The same policy as the real server's. */
const CSP =
  "default-src 'self'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; connect-src 'self'; object-src 'none'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"

/** A running mock backend. */
export interface MockServer {
  readonly url: string
  backend: Backend
  /** While true, every connection to the API is cut without an answer. */
  away: boolean
  /** Puts all data back to where it was at the start. */
  reset(): void
  close(): Promise<void>
}

/** Starts on loopback; 0 takes a free port. `consoleDir` holds the built console. */
export async function startMock(options: { port?: number; consoleDir: string }): Promise<MockServer> {
  const mock = { backend: createBackend(), away: false }
  const server = createServer((request, response) => {
    response.setHeader('content-security-policy', CSP)
    void answer(request, response, mock, options.consoleDir).catch((error: unknown) => fail(request, response, error))
  })
  await new Promise<void>((resolve) => server.listen(options.port ?? 0, '127.0.0.1', resolve))
  const address = server.address()
  const port = typeof address === 'object' && address ? address.port : 0
  return Object.assign(mock, {
    url: `http://127.0.0.1:${port}`,
    reset: () => {
      mock.backend = createBackend()
    },
    close: () =>
      new Promise<void>((resolve) => {
        server.close(() => resolve())
        server.closeAllConnections()
      }),
  })
}

async function answer(
  request: IncomingMessage,
  response: ServerResponse,
  mock: { readonly backend: Backend; readonly away: boolean },
  consoleDir: string,
): Promise<void> {
  const url = new URL(request.url ?? '/', 'http://mock')
  if (!url.pathname.startsWith('/api/')) return await consoleFile(consoleDir, url.pathname, response)
  if (mock.away) return void request.socket.destroy()
  const stream = new RegExp(`^${API_BASE}/runs/([^/]+)/stream$`).exec(url.pathname)
  if (stream?.[1]) {
    signedIn(request)
    return mock.backend.stream(stream[1], request, response)
  }
  const found = endpointOf(request.method ?? 'GET', url.pathname.slice(API_BASE.length))
  if (!found) throw new SignalboxError('NOT_FOUND', `there is no \`${url.pathname}\``)
  const me = found.spec.permission === 'open' ? null : signedIn(request)
  if (me) requirePermission(me, found.spec)
  const body = found.spec.body ? parse(found.spec.body, JSON.parse(await read(request))) : undefined
  const query = found.spec.query ? parse(found.spec.query, Object.fromEntries(url.searchParams)) : undefined
  const result = mock.backend.handle(found.name, { id: found.id, query, body, me })
  // Parsed like a client parses it, so that the mock cannot drift away from the protocol.
  send(response, found.spec.status, found.spec.response.parse(result))
}

function endpointOf(method: string, path: string): { name: EndpointName; spec: EndpointSpec; id: string } | null {
  for (const name of Object.keys(ENDPOINTS) as EndpointName[]) {
    const spec: EndpointSpec = ENDPOINTS[name]
    const match = new RegExp(`^${spec.path.replace('{id}', '([^/]+)')}$`).exec(path)
    if (match && spec.method === method.toLowerCase()) return { name, spec, id: decodeURIComponent(match[1] ?? '') }
  }
  return null
}

function signedIn(request: IncomingMessage): Me {
  const me = meOf(/^Bearer (.+)$/.exec(request.headers.authorization ?? '')?.[1] ?? '')
  if (me) return me
  throw new SignalboxError(
    'AUTH_REQUIRED',
    'the credential is not valid: send a header `Authorization: Bearer <token>`',
  )
}

function requirePermission(me: Me, spec: EndpointSpec): void {
  const { permission } = spec
  if (permission === 'any' || permission === 'open' || me.permissions.includes(permission)) return
  throw new SignalboxError('FORBIDDEN', `\`${me.principal.id}\` may not do this`)
}

function parse(schema: NonNullable<EndpointSpec['body']>, value: unknown): unknown {
  const parsed = schema.safeParse(value)
  if (parsed.success) return parsed.data
  throw new SignalboxError(
    'INPUT_INVALID',
    parsed.error.issues.map((each) => `${each.path.join('.')}: ${each.message}`).join('; '),
  )
}

async function read(request: IncomingMessage): Promise<string> {
  let text = ''
  for await (const chunk of request) text += String(chunk)
  return text
}

function send(response: ServerResponse, status: number, value: unknown, type = 'application/json'): void {
  response.writeHead(status, { 'content-type': type, 'cache-control': 'no-store' })
  response.end(JSON.stringify(value))
}

function fail(request: IncomingMessage, response: ServerResponse, error: unknown): void {
  const known = error instanceof SignalboxError ? error : new SignalboxError('INTERNAL', String(error))
  const code: ErrorCode = known.code
  const { status, title } = ERROR_TABLE[code]
  const type = `urn:signalbox:problem:${code.toLowerCase()}`
  const problem = {
    type,
    title,
    status,
    code,
    detail: known.message,
    instance: request.url ?? '/',
    details: known.details,
  }
  if (response.headersSent) return void response.end()
  send(response, status, problem, 'application/problem+json')
}
