/**
 * The workflow whose runs the golden databases hold. Its definition is frozen: a run that waits in a database of an
 * earlier version is resumed with exactly this graph, these tools and this policy. What a database calls a different
 * signature was made with a different file; add another workflow beside this one instead of changing it.
 */
import { readFileSync } from 'node:fs'
import { z } from 'zod'
import {
  agent,
  appended,
  createSignalbox,
  type Host,
  keyVault,
  loadBundle,
  type ModelRequest,
  openSqliteStore,
  owned,
  type Principal,
  type Signalbox,
  systemHost,
  tool,
  type Vault,
  workflow,
} from '../../src/index.ts'
import { scriptedModel } from '../../src/testing/index.ts'
import { REVIEWED } from '../../src/testing/reviewed.ts'

/** What a run of the desk is asked to do. */
export interface GoldenRequest {
  readonly id: string
  readonly amount_minor: number
  /** `pay`: pay it. `loop`: never come to an end. `mail`: send a mail whose answer is lost. */
  readonly task: 'pay' | 'loop' | 'mail'
}

/** The tenant of every golden run. */
export const TENANT = 'golden'
/** Who asks. */
export const ANA: Principal = { id: 'user:ana', kind: 'user', tenant: TENANT, roles: ['requester'] }
/** Who answers. */
export const PAUL: Principal = { id: 'user:paul', kind: 'user', tenant: TENANT, roles: ['approver'] }

const Request = z.object({ id: z.string(), amount_minor: z.int(), task: z.enum(['pay', 'loop', 'mail']) })
const Resolution = z.object({ id: z.string(), end: z.string() })

/** What the tools of one desk did, in order: `pay <id>` and `mail <id>`. */
export type Booked = string[]

function toolsOf(booked: Booked) {
  const get = tool({
    name: 'records.get',
    class: 'records.read',
    effect: 'none',
    input: z.object({ id: z.string() }),
    output: z.object({ id: z.string(), open: z.boolean() }),
    execute: async ({ id }) => ({ id, open: true }),
  })
  const pay = tool({
    name: 'payments.pay',
    class: 'payments.write',
    effect: 'irreversible',
    input: z.object({ id: z.string(), amount_minor: z.int().positive() }),
    output: z.object({ receipt: z.string() }),
    effectKey: ({ id }) => ({ scope: 'tenant', key: id }),
    facts: { schema: z.object({ payable: z.boolean() }), read: async () => ({ payable: true }) },
    preview: async ({ id, amount_minor }) => ({
      summary: `Pay request ${id}`,
      target: { type: 'request', id, version: '1' },
      impact: { money: { minor: amount_minor, currency: 'EUR' } },
      rollback: 'Ask for the money back',
    }),
    execute: async ({ id }) => {
      booked.push(`pay ${id}`)
      return { receipt: `receipt of ${id}` }
    },
  })
  const mail = tool({
    name: 'mail.send',
    class: 'external.notification.send',
    effect: 'irreversible',
    input: z.object({ id: z.string() }),
    output: z.object({ sent: z.boolean() }),
    timeoutSeconds: 1,
    settleAfterSeconds: 0,
    execute: async ({ id }) => {
      booked.push(`mail ${id}`)
      throw new Error('the line dropped before the answer came')
    },
  })
  return { get, pay, mail }
}

/** The frozen workflow; its tools write what they did to `booked`. */
export function goldenDesk(booked: Booked) {
  const { get, pay, mail } = toolsOf(booked)
  const clerk = agent({
    name: 'clerk',
    model: 'scripted/golden-clerk',
    instructions: 'Look the request up, pay it, and say how it ended.',
    maxOutputTokens: 200,
    tools: [get, pay],
    input: Request,
    output: Resolution,
  })
  return workflow({
    name: 'golden-desk',
    version: '1.0.0',
    contract: REVIEWED,
    input: Request,
    output: Resolution,
    budget: { maxTurns: 8, maxToolCalls: 12, maxRuntimeSeconds: 60, maxTokens: 50_000, maxCostUsd: '1' },
    state: { last: owned('intake', z.string()), notes: appended(z.string()) },
    tools: [mail],
  })
    .node('intake', {
      input: Request,
      output: Request,
      run: async (request, ctx) => {
        const found = await ctx.call(get, { id: request.id })
        ctx.write({ last: request.id, notes: `look-up ${found.status}` })
        if (request.task === 'mail') {
          const sent = await ctx.call(mail, { id: request.id })
          ctx.write({ notes: `mail ${sent.status}` })
        }
        return request
      },
    })
    .agent('clerk', clerk, { prompt: (request) => JSON.stringify(request) })
    .node('close', {
      input: Resolution,
      output: Resolution,
      run: async (resolution, ctx) => {
        ctx.write({ notes: `closed ${resolution.end}` })
        return resolution
      },
    })
    .start('intake')
    .edge('intake', 'clerk')
    .edge('clerk', 'close')
    .output('close')
    .build()
}

/** Looks up, then pays, then answers; a request to loop is looked up for ever. */
function clerkScript({ messages }: ModelRequest) {
  const turn = messages.filter((message) => message.role === 'assistant').length
  const request = requestIn(JSON.stringify(messages))
  const { id, amount_minor, task } = request
  if (turn === 0 || task === 'loop') return { calls: [{ tool: 'records.get', args: { id } }] }
  if (turn === 1) return { calls: [{ tool: 'payments.pay', args: { id, amount_minor } }] }
  return JSON.stringify({ id, end: 'paid' })
}

/** The prompt is the request as JSON, once more escaped inside the messages. */
function requestIn(messages: string): GoldenRequest {
  const found = /\{\\"id\\":\\".*?\}/.exec(messages)?.[0]
  return Request.parse(JSON.parse((found ?? '{}').replaceAll('\\"', '"')))
}

/** A host whose clock stands at `start` (milliseconds since 1970) when it is made and goes on from there. */
export function hostAt(start: number): Host {
  const from = systemHost.monotonicMs()
  return { ...systemHost, now: () => Math.round(start + systemHost.monotonicMs() - from) }
}

/** A desk over one database file. */
export interface GoldenDesk {
  readonly box: Signalbox
  readonly vault: Vault
  readonly signature: string
  readonly booked: Booked
}

/** Opens the desk on a database file with the real store, policy and engine. */
export async function openDesk(path: string, host: Host, masterKey: Uint8Array): Promise<GoldenDesk> {
  const booked: Booked = []
  const store = await openSqliteStore({ path, host })
  const vault = keyVault({ store, host, masterKey })
  const clerk = scriptedModel('golden-clerk', clerkScript)
  const desk = goldenDesk(booked)
  const box = createSignalbox({
    store,
    vault,
    policy: loadBundle(policyFiles()),
    models: { resolve: () => clerk },
    workflows: [desk],
    host,
    mode: 'production',
  })
  return { box, vault, signature: desk.spec.signature, booked }
}

function policyFiles(): Readonly<Record<string, string>> {
  const names = ['bundle.json', 'catalogue.json', 'core.cedar']
  return Object.fromEntries(
    names.map((name) => [name, readFileSync(new URL(`./policy/${name}`, import.meta.url), 'utf8')]),
  )
}
