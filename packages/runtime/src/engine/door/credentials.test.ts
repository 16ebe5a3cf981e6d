import { once } from 'node:events'
import { createServer, type IncomingHttpHeaders, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { z } from 'zod'
import { systemHost } from '../../base/host.ts'
import type { ActCtx, Preview } from '../../contracts/tool.ts'
import { ANA, benchSet } from '../../testing/bench-box.ts'
import { approvalPolicy, oneNode } from '../../testing/engine-kit.ts'
import { CredentialKeeper, fromEnvironment, fromProvider, tool, ToolFailure } from '../../tools/index.ts'

const SECRET = 'sk-live-0123456789-abcdef'
const set = benchSet()

interface Seen {
  readonly path: string
  readonly headers: IncomingHttpHeaders
}

const servers: Server[] = []
let seen: Seen[]
let answer: (path: string, response: ServerResponse) => void

async function service(): Promise<string> {
  const server = createServer((request, response) => {
    seen.push({ path: request.url ?? '', headers: request.headers })
    request.resume()
    answer(request.url ?? '', response)
  }).listen(0, '127.0.0.1')
  servers.push(server)
  await once(server, 'listening')
  // A listening TCP server has an address with a port.
  return `127.0.0.1:${(server.address() as AddressInfo).port}`
}

beforeEach(() => {
  seen = []
  answer = (_path, response) => response.end('"ok"')
})
afterEach(async () => {
  await set.close()
  for (const server of servers.splice(0)) {
    server.closeAllConnections()
    server.close()
    await once(server, 'close')
  }
})

type Act = (ctx: ActCtx) => Promise<string>

function actTool(hosts: readonly string[], execute: Act, more: { preview?: string; name?: string } = {}) {
  const preview: Preview = {
    summary: more.preview ?? 'act',
    target: { type: 'thing', id: '1', version: '1' },
    impact: {},
    rollback: 'none',
  }
  return tool({
    name: more.name ?? 'pay.send',
    class: 'payments.write',
    effect: 'irreversible',
    input: z.object({}),
    output: z.string(),
    hosts: [...hosts],
    preview: async () => preview,
    execute: (_args, ctx) => execute(ctx),
  })
}

async function acting(
  hosts: readonly string[],
  execute: Act,
  options: { credentials?: CredentialKeeper; preview?: string; asks?: boolean } = {},
) {
  const act = actTool(hosts, execute, options)
  const flow = oneNode(
    async (_input, ctx) => {
      const end = await ctx.call(act, {})
      return end.status === 'succeeded' ? { status: end.status, output: end.output } : { status: end.status }
    },
    { tools: [act] },
  )
  const { credentials, asks } = options
  const one = set.box({
    workflows: [flow],
    ...(credentials ? { credentials } : {}),
    ...(asks ? { policy: approvalPolicy() } : {}),
  })
  one.work()
  return one
}

const declared = (hosts: readonly string[], name = 'pay.send') =>
  new CredentialKeeper({ [name]: fromEnvironment('TOKEN', { hosts }) }, { host: systemHost, env: { TOKEN: SECRET } })

describe('sending', () => {
  it('CRD-010: it goes to its hosts only, over what the tool set, also after a redirect', async () => {
    const [bank, other] = [await service(), await service()]
    answer = (path, response) => {
      if (path === '/away') response.writeHead(302, { location: `http://${other}/end` }).end()
      else if (path === '/stay') response.writeHead(302, { location: '/end' }).end()
      else response.end('"ok"')
    }
    const one = await acting(
      [bank, other],
      async (ctx) => {
        await ctx.fetch(`http://${bank}/own`, { headers: { authorization: 'Bearer mine' } })
        await ctx.fetch(`http://${bank}/stay`)
        await ctx.fetch(`http://${bank}/away`)
        await ctx.fetch(`http://${other}/direct`, { headers: { 'x-mine': await ctx.credential.header() } })
        return 'ok'
      },
      { credentials: declared([bank]) },
    )
    expect((await one.run('one', null)).output).toEqual({ status: 'succeeded', output: 'ok' })
    expect(seen.map(({ path, headers }) => [path, headers.authorization ?? null])).toEqual([
      ['/own', `Bearer ${SECRET}`],
      ['/stay', `Bearer ${SECRET}`],
      ['/end', `Bearer ${SECRET}`],
      ['/away', `Bearer ${SECRET}`],
      ['/end', null],
      ['/direct', null],
    ])
    expect(seen.at(-1)?.headers['x-mine']).toBe(`Bearer ${SECRET}`)
  })

  it.each(['of another tool', 'of nobody'])('CRD-011: with the credential %s a tool has none', async (whose) => {
    const bank = await service()
    const said: string[] = []
    const credentials = declared([bank], 'pay.other')
    const one = await acting(
      [bank],
      async (ctx) => {
        said.push(await ctx.credential.value().catch((thrown: unknown) => String(thrown)))
        await ctx.fetch(`http://${bank}/pay`, { method: 'POST' })
        return 'ok'
      },
      whose === 'of nobody' ? {} : { credentials },
    )
    expect((await one.run('one', null)).output).toMatchObject({ status: 'succeeded' })
    expect(said).toEqual([expect.stringContaining('has no credential')])
    expect(seen.map(({ headers }) => headers.authorization)).toEqual([undefined])
  })

  it('CRD-012: where it cannot be had nothing is sent, and the effect is told as not sent', async () => {
    const bank = await service()
    const broken = fromProvider('idp', async () => Promise.reject(new Error(SECRET)), { hosts: [bank] })
    const one = await acting(
      [bank],
      async (ctx) => {
        await ctx.fetch(`http://${bank}/pay`, { method: 'POST' })
        return 'ok'
      },
      { credentials: new CredentialKeeper({ 'pay.send': broken }, { host: systemHost, env: {} }) },
    )
    const { runId, output } = await one.run('one', null)
    expect(output).toEqual({ status: 'not_sent' })
    expect(seen).toEqual([])
    expect((await one.of(runId, 'activity.outcome')).map(({ status, code }) => [status, code])).toEqual([
      ['not_sent', 'KEY_MISSING'],
    ])
  })
})

describe('keeping it in', () => {
  it('CRD-020: a result that holds it is passed on without it; the effect stands, and the record names the tool', async () => {
    const bank = await service()
    const one = await acting([bank], async (ctx) => `key ${await ctx.credential.value()}!`, {
      credentials: declared([bank]),
    })
    const { runId, output } = await one.run('one', null)
    expect(output).toEqual({ status: 'succeeded', output: 'key [credential removed]!' })
    const [outcome] = await one.of(runId, 'activity.outcome')
    expect(outcome).toMatchObject({ status: 'succeeded', credential_leak: ['pay.send'] })
  })

  it('CRD-020: so is an error, and what a preview shows', async () => {
    const bank = await service()
    const credentials = declared([bank])
    await credentials.prove()
    const one = await acting(
      [bank],
      async (ctx) => {
        throw new ToolFailure(`refused: ${Buffer.from(await ctx.credential.value()).toString('base64')}`)
      },
      { credentials, preview: `send with ${SECRET}`, asks: true },
    )
    const runId = await one.start('one', null)
    const { id } = await one.asked()
    const { packet } = await one.sb.runs.request(ANA.tenant, id)
    expect(JSON.stringify(packet)).not.toContain(SECRET)
    expect(packet).toMatchObject({ summary: 'send with [credential removed]' })
    await one.decide('approved')
    expect((await one.ended(runId)).output).toEqual({ status: 'failed' })
    const outcomes = await one.of(runId, 'activity.outcome')
    expect(outcomes.map((each) => each.credential_leak ?? null)).toContainEqual(['pay.send'])
    const reader = await one.sb.runs.contents(ANA.tenant, runId)
    const failed = outcomes.find((each) => each.status === 'failed')
    expect(failed?.result && (await reader.read(failed.result))).toBe('refused: [credential removed]')
  })
})
