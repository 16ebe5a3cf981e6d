import { OpenAPIHono } from '@hono/zod-openapi'
import { API_BASE, ENDPOINTS, type EndpointSpec, idParamsSchema, problemSchema } from '@signalbox/protocol'
import { z } from 'zod'

const SECURITY = 'bearer'

/** The OpenAPI 3.1 document of the API, made from the endpoint table that client and server use. */
export function openApiDocument(version: string): unknown {
  const app = new OpenAPIHono()
  app.openAPIRegistry.registerComponent('securitySchemes', SECURITY, { type: 'http', scheme: 'bearer' })
  for (const [name, spec] of Object.entries(ENDPOINTS)) app.openAPIRegistry.registerPath(pathOf(name, spec))
  app.openAPIRegistry.registerPath(STREAM)
  return app.getOpenAPI31Document({
    openapi: '3.1.0',
    info: { title: 'Signalbox', version, description: 'Governed agent runs: start, watch, approve, restore, explain.' },
    servers: [{ url: '/' }],
  })
}

type PathConfig = Parameters<OpenAPIHono['openAPIRegistry']['registerPath']>[0]

const PROBLEM = {
  description: 'A problem document (RFC 9457) with a closed code',
  content: { 'application/problem+json': { schema: problemSchema } },
}

function pathOf(name: string, spec: EndpointSpec): PathConfig {
  const { params, query, body, response } = spec
  return {
    method: spec.method,
    path: `${API_BASE}${spec.path}`,
    operationId: name,
    summary: spec.summary,
    description: permissionText(spec.permission),
    ...(spec.permission === 'open' ? {} : { security: [{ [SECURITY]: [] }] }),
    request: {
      // Parameters are always objects of fields; the table's type says only that they are schemas.
      ...(params instanceof z.ZodObject ? { params } : {}),
      ...(query instanceof z.ZodObject ? { query } : {}),
      ...(body ? { body: { required: true, content: { 'application/json': { schema: body } } } } : {}),
    },
    responses: {
      [spec.status]: { description: spec.summary, content: { 'application/json': { schema: response } } },
      default: PROBLEM,
    },
  }
}

function permissionText(permission: EndpointSpec['permission']): string {
  if (permission === 'open') return 'Needs no credential.'
  if (permission === 'any') return 'Needs a credential.'
  return `Needs the permission \`${permission}\`.`
}

const STREAM: PathConfig = {
  method: 'get',
  path: `${API_BASE}/runs/{id}/stream`,
  operationId: 'streamRun',
  summary: 'Events of a run, live',
  description:
    'Server-sent events `record` (id: its sequence), `delta`, `attempt_restarted` and `end`. Resumes after Last-Event-ID or `after`. Needs the permission `read`.',
  security: [{ [SECURITY]: [] }],
  request: { params: idParamsSchema, query: z.strictObject({ after: z.int().min(0).optional() }) },
  responses: {
    200: { description: 'The stream', content: { 'text/event-stream': { schema: z.string() } } },
    default: PROBLEM,
  },
}
