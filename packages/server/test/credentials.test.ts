/** A credential that its tools leak wherever they can, and a search for it in all that a run leaves behind. */
import { once } from 'node:events'
import { createServer as listenOn, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createClient } from '@signalbox/protocol'
import {
  agent,
  type ContentRef,
  type CredentialPort,
  CredentialKeeper,
  createModels,
  createSignalbox,
  fromEnvironment,
  keyVault,
  loadBundle,
  loadPrices,
  openSqliteStore,
  type Principal,
  type ScriptedCall,
  systemHost,
  tool,
  ToolFailure,
  workflow,
} from 'signalbox'
import { afterEach, describe, expect, it } from 'vitest'
import { z } from 'zod'
import { createServer } from '../src/server.ts'
import { startTelemetry } from '../src/telemetry/index.ts'

const SECRET = 'sk-live-planted-0123456789-abcdef'
const ANA: Principal = { id: 'user:ana', kind: 'user', tenant: 'acme', roles: ['requester'] }
const PAUL: Principal = { id: 'user:paul', kind: 'user', tenant: 'acme', roles: ['approver', 'viewer'] }
const budget = { maxTurns: 9, maxToolCalls: 9, maxRuntimeSeconds: 60, maxTokens: 200_000, maxCostUsd: '2' }

const ends: (() => Promise<void> | void)[] = []
afterEach(async () => {
  for (const end of ends.splice(0).reverse()) await end()
})

async function listener(take: (path: string, body: string, authorization: string) => void): Promise<string> {
  const server: Server = listenOn((request, response) => {
    const parts: Buffer[] = []
    request.on('data', (part: Buffer) => parts.push(part))
    request.on('end', () => {
      take(request.url ?? '', Buffer.concat(parts).toString(), request.headers.authorization ?? '')
      response.writeHead(200, { 'content-type': 'application/json' }).end('{}')
    })
  }).listen(0, '127.0.0.1')
  ends.push(async () => {
    server.closeAllConnections()
    server.close()
    await once(server, 'close')
  })
  await once(server, 'listening')
  // A listening TCP server has an address with a port.
  return `127.0.0.1:${(server.address() as AddressInfo).port}`
}

/** A bundle that permits all, and asks an approver for payments. */
const bundleOf = (tools: readonly { name: string; class: string; effect: string }[]) =>
  loadBundle({
    'bundle.json': JSON.stringify({
      name: 'leaks',
      version: '1.0.0',
      owner: 'tests',
      roles: ['requester', 'approver'],
      reasons: { ASK: 'a payment needs an approver' },
    }),
    'catalogue.json': JSON.stringify({
      tools: tools.map(({ name, class: cls, effect }) => ({
        name,
        class: cls,
        effect,
        owner: 'tests',
        blast_radius: 'a test',
        input: {},
        facts: name === 'get.one' ? { said: 'String' } : {},
      })),
      models: [{ name: 'scripted/*', owner: 'tests' }],
      workflows: [{ name: 'leaky', owner: 'tests', roles: ['requester'] }],
    }),
    'core.cedar': `@id("all") @owner("tests") permit (principal, action, resource);
@id("ask") @owner("tests") @reason("ASK") @effect("require_approval") @approvers("role:approver")
forbid (principal, action == Signalbox::Action::"tool:pay.send", resource)
unless { context has approval && context.approval.bound };`,
  })

/** Tools that give their credential away in a result, an error, a fact and a preview. */
function leakyTools(bank: string) {
  const shared = { input: z.object({}), output: z.string(), hosts: [bank] } as const
  return [
    tool({
      ...shared,
      name: 'get.one',
      class: 'records.read',
      effect: 'none',
      facts: {
        schema: z.object({ said: z.string() }),
        read: async (_args, ctx) => ({ said: await ctx.credential.header() }),
      },
      execute: async (_args, ctx) => {
        await ctx.fetch(`http://${bank}/read`)
        return `your key is ${await ctx.credential.value()}`
      },
    }),
    tool({
      ...shared,
      name: 'pay.send',
      class: 'payments.write',
      effect: 'irreversible',
      preview: async (_args, ctx) => ({
        summary: `pay with ${await ctx.credential.value()}`,
        target: { type: 'account', id: 'bob', version: '1' },
        impact: {},
        rollback: 'none',
      }),
      execute: async (_args, ctx) => {
        await ctx.fetch(`http://${bank}/pay`, { method: 'POST' })
        return Buffer.from(`user:${await ctx.credential.value()}`).toString('base64')
      },
    }),
    tool({
      ...shared,
      name: 'pay.other',
      class: 'letters.write',
      effect: 'reversible',
      execute: async (_args, ctx) => {
        throw new ToolFailure(`401 for ${await ctx.credential.header()}`)
      },
    }),
  ]
}

type Keep = (name: string, value: unknown) => void
type Around = (keeper: CredentialKeeper) => CredentialPort

/** A scripted clerk that calls every tool once and then says again what it was told. */
function clerkOf(tools: ReturnType<typeof leakyTools>, keep: Keep) {
  const clerk = agent({
    name: 'clerk',
    model: 'scripted/clerk',
    instructions: 'do all of it',
    maxOutputTokens: 200,
    tools,
    input: z.string(),
    output: z.string(),
  })
  const flow = workflow({ name: 'leaky', version: '1.0.0', input: z.string(), output: z.string(), budget, state: {} })
    .agent('clerk', clerk, { prompt: (text) => text })
    .start('clerk')
    .output('clerk')
    .build()
  const script = (request: { readonly messages: readonly { readonly role: string }[] }) => {
    keep('model request', request)
    const calls: readonly ScriptedCall[] = tools.map(({ name }) => ({ tool: name, args: {} }))
    const told = request.messages.filter((message) => message.role === 'tool')
    return told.length === 0 ? { calls } : JSON.stringify(JSON.stringify(told))
  }
  return { flow, models: createModels({ env: {}, prices: loadPrices(), scripted: { clerk: script } }) }
}

/** A runtime on a file, with a server and an exporter of telemetry; all that they tell is kept. */
async function opened(folder: string, keep: Keep, around: Around) {
  const authorized: string[] = []
  const bank = await listener((_path, _body, authorization) => authorized.push(authorization))
  const collector = await listener((path, body) => keep(`telemetry ${path}`, body))
  const tools = leakyTools(bank)
  const keeper = new CredentialKeeper(
    Object.fromEntries(tools.map(({ name }, at) => [name, fromEnvironment(`TOKEN_${at}`, { hosts: [bank] })])),
    { host: systemHost, env: Object.fromEntries(tools.map((_each, at) => [`TOKEN_${at}`, `${SECRET}-${at}`])) },
  )
  const { flow, models } = clerkOf(tools, keep)
  const store = await openSqliteStore({ path: join(folder, 'signalbox.db'), host: systemHost })
  const vault = keyVault({ store, host: systemHost, masterKey: new Uint8Array(32) })
  const parts = { store, vault, policy: bundleOf(tools), models, workflows: [flow], credentials: around(keeper) }
  const box = createSignalbox(parts)
  const worker = box.work({ pollMs: 5 })
  const server = await createServer({
    runs: box.runs,
    store,
    models,
    workflows: box.workflows,
    host: systemHost,
    mode: 'development',
    version: '0',
    auth: { kind: 'issued', authenticate: async () => PAUL },
    consoleDir: null,
    log: (fault) => keep('log', fault),
    port: 0,
  })
  const telemetry = startTelemetry({
    store,
    host: systemHost,
    env: { OTEL_EXPORTER_OTLP_ENDPOINT: `http://${collector}`, OTEL_EXPORTER_OTLP_PROTOCOL: 'http/json' },
    version: '0',
    log: (line) => keep('log', line),
    pollMs: 5,
  })
  const close = async (): Promise<void> => {
    await telemetry?.stop()
    await worker.stop()
    await server.close()
    await box.close()
  }
  return {
    runs: box.runs,
    client: createClient({ baseUrl: server.url, token: 'token-of-paul-01234567' }),
    authorized,
    close,
  }
}

/** Plays one run whose tools leak, and gives everything that can be read of it afterwards, each with its name. */
async function leavings(streamed: boolean, around: Around = (keeper) => keeper) {
  const folder = mkdtempSync(join(tmpdir(), 'signalbox-leak-'))
  ends.push(() => rmSync(folder, { recursive: true, force: true }))
  const found: [string, string][] = []
  const keep: Keep = (name, value) => found.push([name, typeof value === 'string' ? value : JSON.stringify(value)])
  const { runs, client, authorized, close } = await opened(folder, keep, around)
  const { runId } = await runs.start({ workflow: 'leaky', input: 'go', principal: ANA })
  const drained = async (): Promise<void> => {
    for await (const event of client.streamRun(runId)) keep('stream', event)
  }
  const events = streamed ? drained() : null
  await runs.wait('acme', runId, { untilWaiting: true })
  const [asked] = await runs.requests({ tenant: 'acme', state: 'open', limit: 5 })
  if (asked) {
    keep('approval', await client.approval({ params: { id: asked.id } }))
    await runs.decide({ approvalId: asked.id, answer: 'approved', by: PAUL, reason: 'seen', seen: null })
  }
  const result = await runs.wait('acme', runId)
  await events
  const one = { params: { id: runId } }
  for (const what of ['run', 'explain', 'lineage', 'events'] as const) keep(what, await client[what](one))
  const reader = await runs.contents('acme', runId)
  const records = await runs.records('acme', runId)
  keep('records', records)
  for (const ref of refsOf(records)) keep('content', await reader.read(ref))
  while (!found.some(([name]) => name.startsWith('telemetry /v1/traces'))) await new Promise((go) => setImmediate(go))
  await close()
  for (const name of readdirSync(folder)) keep(`file ${name}`, readFileSync(join(folder, name)).toString('latin1'))
  const leaks = records.flatMap((each) => ('credential_leak' in each ? each.credential_leak : []))
  return { found, result, authorized, leaks }
}

/** Every reference to a sealed content in some records. */
function refsOf(value: unknown): readonly ContentRef[] {
  if (Array.isArray(value)) return value.flatMap(refsOf)
  if (typeof value !== 'object' || value === null) return []
  // Exactly the fields of a reference, as records hold them.
  if ('s' in value && 'i' in value && 'h' in value && 'l' in value) return [value as ContentRef]
  return Object.values(value).flatMap(refsOf)
}

const WAYS = [
  SECRET,
  Buffer.from(SECRET).toString('base64').slice(4, -6),
  Buffer.from(`user:${SECRET}`).toString('base64').slice(12, -6),
]
const places = (found: readonly [string, string][]) => [
  ...new Set(found.filter(([, text]) => WAYS.some((way) => text.includes(way))).map(([name]) => name)),
]

describe('a leaked credential', () => {
  it.each([true, false])('CRD-021: is nowhere in what a run leaves behind (streamed: %s)', async (streamed) => {
    const { found, result, authorized, leaks } = await leavings(streamed)
    expect(result.status).toBe('completed')
    // It was used, and its tools did give it away.
    expect(authorized.sort()).toEqual([`Bearer ${SECRET}-0`, `Bearer ${SECRET}-1`])
    expect([...new Set(leaks)].sort()).toEqual(['get.one', 'pay.other', 'pay.send'])
    expect(places(found)).toEqual([])
    const kinds = new Set(found.map(([name]) => name.split(' ')[0]))
    for (const kind of [
      'model',
      'approval',
      'records',
      'content',
      'telemetry',
      'file',
      ...(streamed ? ['stream'] : []),
    ])
      expect(kinds).toContain(kind)
  })

  it('CRD-021: the search finds a runtime that takes nothing out', async () => {
    const careless = (keeper: CredentialKeeper): CredentialPort => ({
      of: (name) => keeper.of(name),
      headerFor: (name, host) => keeper.headerFor(name, host),
      redact: (value) => ({ value, leaked: [] }),
    })
    expect(places((await leavings(true, careless)).found)).toEqual(
      expect.arrayContaining(['model request', 'approval', 'content', 'run']),
    )
  })
})
