import { API_BASE, ENDPOINTS, type EndpointName, type EndpointSpec, issueText } from '@signalbox/protocol'
import { type Context, Hono } from 'hono'
import { bodyLimit } from 'hono/body-limit'
import { secureHeaders } from 'hono/secure-headers'
import { type Duty, type Principal, SignalboxError } from 'signalbox'
import type { z } from 'zod'
import { type Authenticator, principalOf, requirePermission } from '../auth.ts'
import { accessHandlers } from './access-handlers.ts'
import { alertHandlers } from './alert-handlers.ts'
import { consoleFile } from './console.ts'
import { decisionHandlers } from './decision-handlers.ts'
import { factHandlers } from './fact-handlers.ts'
import { eventStream } from './event-stream.ts'
import { evidenceHandlers } from './evidence-handlers.ts'
import { exposureHandlers } from './exposure-handlers.ts'
import type { ApiDeps, Handlers } from './handlers.ts'
import { lineageHandlers } from './lineage-handlers.ts'
import { openApiDocument } from './openapi.ts'
import { costHandlers } from './cost-handlers.ts'
import { outboxHandlers } from './outbox-handlers.ts'
import { peopleHandlers } from './people-handlers.ts'
import { reviewHandlers } from './review-handlers.ts'
import { policyLifeHandlers } from './policy-life-handlers.ts'
import { type FaultLog, problemFor } from './problems.ts'
import { moveHandlers } from './move-handlers.ts'
import { runHandlers } from './run-handlers.ts'
import { scheduleHandlers } from './schedule-handlers.ts'
import { subjectHandlers } from './subject-handlers.ts'
import { switchHandlers } from './switch-handlers.ts'
import { systemHandlers } from './system-handlers.ts'

/** Largest request body in bytes. */
const MAX_BODY = 1_048_576

/** What the application is made of. */
export interface AppOptions extends ApiDeps {
  readonly auth: Authenticator
  /** What one person may not combine, by the bundle in force. Default: nothing. */
  readonly duties?: () => readonly Duty[]
  /** Folder of the built console; null serves a line that says how to build it. */
  readonly consoleDir: string | null
  readonly log: FaultLog
  /** Aborts when the server stops: open event streams end. */
  readonly stopping: AbortSignal
}

/** The whole HTTP application: API, event stream, OpenAPI page and console. Every error is a problem document. */
export function createApp(options: AppOptions): Hono {
  const app = new Hono()
  app.use(securityHeaders())
  app.use(bodyLimit({ maxSize: MAX_BODY, onError: () => tooLarge() }))
  app.onError((error, c) => problem(error, c, options.log))
  const handlers: Handlers = {
    ...runHandlers(options),
    ...moveHandlers(options),
    ...peopleHandlers(options),
    ...reviewHandlers(options),
    ...policyLifeHandlers(options),
    ...scheduleHandlers(options),
    ...costHandlers(options),
    ...outboxHandlers(options),
    ...alertHandlers(options),
    ...lineageHandlers(options),
    ...subjectHandlers(options),
    ...evidenceHandlers(options),
    ...exposureHandlers(options),
    ...accessHandlers(options),
    ...systemHandlers(options),
    ...switchHandlers(options),
    ...decisionHandlers(options),
    ...factHandlers(options),
  }
  // The table's entries and the handlers have the same names by type; here each meets its own.
  for (const name of Object.keys(ENDPOINTS) as EndpointName[]) route(app, options, ENDPOINTS[name], handlers[name])
  app.get(`${API_BASE}/runs/:id/stream`, (c) => stream(c, options))
  const document = openApiDocument(options.version)
  app.get('/openapi.json', (c) => c.json(document as object))
  app.notFound((c) => fallback(c, options))
  return app
}

function securityHeaders() {
  return secureHeaders({
    contentSecurityPolicy: {
      defaultSrc: ["'self'"],
      scriptSrc: ["'self'"],
      // Positions and sizes that are computed in the page are style attributes.
      styleSrc: ["'self'", "'unsafe-inline'"],
      imgSrc: ["'self'", 'data:'],
      connectSrc: ["'self'"],
      objectSrc: ["'none'"],
      baseUri: ["'none'"],
      formAction: ["'self'"],
      frameAncestors: ["'none'"],
    },
    referrerPolicy: 'no-referrer',
    xFrameOptions: 'DENY',
  })
}

function tooLarge(): never {
  throw new SignalboxError('INPUT_INVALID', `the body is larger than ${MAX_BODY} bytes: send less`)
}

const ANONYMOUS: Principal = { id: 'anonymous', kind: 'service', tenant: '', roles: [] }

type AnyHandler = (input: { params: unknown; query: unknown; body: unknown }, who: Principal) => Promise<unknown>

function route(app: Hono, options: AppOptions, spec: EndpointSpec, handler: Handlers[EndpointName]): void {
  // Each part is parsed by the endpoint's own schemas just before the call, which is what the handler's type asks for.
  const run = handler as AnyHandler
  app.on(spec.method, `${API_BASE}${spec.path.replace('{id}', ':id')}`, async (c) => {
    const who = await caller(c, options, spec.permission)
    const params = parsePart(spec.params, c.req.param(), 'path')
    const query = parsePart(spec.query, c.req.query(), 'query')
    const body = spec.body ? parsePart(spec.body, await jsonBody(c), 'body') : undefined
    const answer = await run({ params, query, body }, who)
    return c.json(answer as object, spec.status, { 'cache-control': 'no-store' })
  })
}

async function caller(c: Context, options: AppOptions, permission: EndpointSpec['permission']): Promise<Principal> {
  if (permission === 'open') return ANONYMOUS
  const who = await principalOf(c.req.header('authorization'), options.auth, options.duties?.())
  if (permission !== 'any') requirePermission(who, permission)
  return who
}

function parsePart(schema: z.ZodType | undefined, value: unknown, what: string): unknown {
  if (!schema) return undefined
  const parsed = schema.safeParse(value)
  if (parsed.success) return parsed.data
  throw new SignalboxError('INPUT_INVALID', `the ${what} is not valid: ${issueText(parsed.error)}`)
}

async function jsonBody(c: Context): Promise<unknown> {
  if (!/^application\/json\b/i.test(c.req.header('content-type') ?? ''))
    throw new SignalboxError('USAGE', 'the body must be JSON: send `content-type: application/json`')
  try {
    return await c.req.json()
  } catch (cause) {
    if (cause instanceof SignalboxError) throw cause
    throw new SignalboxError('USAGE', 'the body is not valid JSON: correct it', { cause })
  }
}

async function stream(c: Context, options: AppOptions): Promise<Response> {
  const who = await caller(c, options, 'read')
  const runId = c.req.param('id') ?? ''
  await options.runs.get(who.tenant, runId)
  const { runs, host, stopping } = options
  const after = lastSeen(c)
  const body = eventStream({ runs, host, tenant: who.tenant, runId, after, signal: stopping })
  const headers = { 'content-type': 'text/event-stream', 'cache-control': 'no-store', 'x-accel-buffering': 'no' }
  return c.body(body, 200, headers)
}

function lastSeen(c: Context): number {
  const text = c.req.header('last-event-id') ?? c.req.query('after') ?? '0'
  if (/^\d{1,15}$/.test(text)) return Number(text)
  throw new SignalboxError('INPUT_INVALID', '`Last-Event-ID` must be the sequence of a record')
}

function problem(error: unknown, c: Context, log: FaultLog): Response {
  const document = problemFor(error, c.req.path, log)
  const challenge: Record<string, string> = document.status === 401 ? { 'www-authenticate': 'Bearer' } : {}
  return new Response(JSON.stringify(document), {
    status: document.status,
    headers: { 'content-type': 'application/problem+json', 'cache-control': 'no-store', ...challenge },
  })
}

const NO_CONSOLE =
  'Signalbox answers here, but the console is not built: run `npm run build --workspace @signalbox/console`.\n'

async function fallback(c: Context, options: AppOptions): Promise<Response> {
  const { method, path } = c.req
  if (method === 'GET' && !path.startsWith('/api/')) {
    const found = options.consoleDir === null ? null : await consoleFile(options.consoleDir, path)
    if (found) return found
    if (path === '/') return c.text(NO_CONSOLE, 200)
  }
  const error = new SignalboxError('NOT_FOUND', `there is no \`${method} ${path}\`: see /openapi.json`)
  return problem(error, c, options.log)
}
