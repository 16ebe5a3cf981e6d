import { SignalboxError } from 'signalbox'
import { afterEach, describe, expect, it } from 'vitest'
import {
  type Arrived,
  notice,
  outboxWorld,
  type Reaction,
  type Receiver,
  receiver,
  SECRET,
} from '../../test/outbox-world.ts'
import { notifications as guide } from '../../test/sample/notifications.ts'
import { isSigned } from '../../test/sample/receiver.ts'
import { type NotificationsDef, readNotifications } from './definition.ts'
import { isPrivateAddress } from './post.ts'
import { signedHeaders } from './sign.ts'

const open: Receiver[] = []
afterEach(async () => {
  for (const each of open.splice(0)) await each.close()
})

async function receiving(...reactions: Reaction[]): Promise<Receiver> {
  const made = await receiver(reactions)
  open.push(made)
  return made
}

type ChannelDef = NotificationsDef['channels'][number]

function hook(to: Receiver, over: object = {}): ChannelDef {
  const secrets = [async () => SECRET]
  return { kind: 'webhook', name: 'ops', url: to.url, secrets, privateHosts: [to.host], ...over } as ChannelDef
}

function chat(to: Receiver, over: object = {}): ChannelDef {
  return { kind: 'slack', name: 'chat', url: async () => to.url, privateHosts: [to.host], ...over } as ChannelDef
}

/** As the receiver of the guide verifies, ten seconds later. */
function verified({ headers, body }: Arrived, secret: string): boolean {
  return isSigned(headers, body, [secret], (Number(headers['webhook-timestamp']) + 10) * 1_000)
}

const ids = (to: Receiver): string[] => to.arrived.map((each) => each.id)
const OLGA = { id: 'user:olga', kind: 'user', tenant: 'dev', roles: ['operator'] } as const

describe('signatures', () => {
  it('OUT-010: are those of the Standard Webhooks specification', () => {
    const secret = 'whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw'
    const message = { id: 'msg_p5jXN8AQM9LWM0D4loKWxJek', at: 1_614_265_330_000, body: '{"test": 2432232314}' }
    expect(signedHeaders(message, [secret])).toEqual({
      'webhook-id': message.id,
      'webhook-timestamp': '1614265330',
      'webhook-signature': 'v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=',
    })
    expect(() => signedHeaders(message, ['whsec_c2hvcnQ='])).toThrow(SignalboxError)
  })

  it('OUT-011: while a secret is replaced, receivers with either verify, and with neither do not', async () => {
    const to = await receiving()
    const next = `whsec_${Buffer.alloc(24, 9).toString('base64')}`
    const world = outboxWorld([hook(to, { secrets: [async () => next, async () => SECRET] })])
    await world.store.notify([notice('n1')])
    await world.turn()
    const [message] = to.arrived
    if (!message) throw new Error('a message arrived')
    expect([verified(message, next), verified(message, SECRET)]).toEqual([true, true])
    expect(verified(message, `whsec_${Buffer.alloc(24, 1).toString('base64')}`)).toBe(false)
    expect(verified({ ...message, body: `${message.body} ` }, SECRET)).toBe(false)
    const later = (Number(message.headers['webhook-timestamp']) + 301) * 1_000
    expect(isSigned(message.headers, message.body, [SECRET], later)).toBe(false)
  })
})

describe('delivery', () => {
  it('OUT-012: a failed message is tried again under its id until it is taken, then no more', async () => {
    const to = await receiving(500, 503, 'twice')
    const world = outboxWorld([hook(to)])
    await world.store.notify([notice('n1')])
    await world.turn()
    await world.turn()
    expect([ids(to), await world.states()]).toEqual([['n1'], ['queued 1']])
    world.pass(5_001)
    await world.turn()
    world.pass(5_000)
    await world.turn()
    world.pass(10_001)
    await world.turn()
    world.pass(3_600_000)
    await world.turn()
    expect([ids(to), await world.states()]).toEqual([['n1', 'n1', 'n1'], ['delivered 3']])
    expect(new Set(to.arrived.map((each) => each.body)).size).toBe(1)
  })

  it('OUT-013: given up after the declared attempts, it is listed as dead, and can be retried or dropped by a person', async () => {
    const to = await receiving(500, 'redirect')
    const world = outboxWorld([hook(to, { attempts: 2, retrySeconds: 1 })])
    await world.store.notify([notice('n1')])
    await world.turn()
    world.pass(2_000)
    await world.turn()
    world.pass(3_600_000)
    await world.turn()
    const [row] = await world.service.list({ tenant: 'dev', limit: 9 })
    expect(row).toMatchObject({
      state: 'dead',
      attempts: 2,
      detail: expect.stringContaining('redirects are not followed'),
    })
    expect([await world.service.summary('dev'), to.arrived.length]).toEqual([{ queued: 0, dead: 1, disabled: [] }, 2])
    expect(world.logged).toEqual([expect.stringContaining('message n1 is given up')])
    await world.service.retry({ channel: 'ops', id: 'n1' }, OLGA)
    await world.turn()
    expect(await world.states()).toEqual(['delivered 1'])
    const again = world.service.retry({ channel: 'ops', id: 'n1' }, OLGA)
    await expect(again).rejects.toMatchObject({ code: 'CONFLICT' })
    await world.store.notify([notice('n2')])
    to.reactions.push(500)
    await world.turn()
    await world.service.drop({ channel: 'ops', id: 'n2' }, OLGA, 'told by phone')
    world.pass(3_600_000)
    await world.turn()
    const [dropped] = await world.service.list({ tenant: 'dev', state: 'dropped', limit: 9 })
    expect(dropped).toMatchObject({ id: 'n2', detail: 'told by phone', changedBy: 'user:olga', attempts: 1 })
    expect(ids(to)).toEqual(['n1', 'n1', 'n1', 'n2'])
    const foreign = world.service.drop({ channel: 'ops', id: 'n2' }, { ...OLGA, tenant: 'other' }, 'not mine at all')
    await expect(foreign).rejects.toMatchObject({ code: 'NOT_FOUND' })
  })

  it('OUT-014: a receiver that hangs holds up no other channel, and its message is tried again', async () => {
    const [slow, quick] = [await receiving('hang'), await receiving()]
    const world = outboxWorld([hook(slow, { timeoutSeconds: 0.3 }), hook(quick, { name: 'quick' })])
    await world.store.notify([notice('n1')])
    await world.turn()
    expect([ids(slow), ids(quick), await world.states()]).toEqual([['n1'], ['n1'], ['delivered 1', 'queued 1']])
    const waiting = (await world.service.list({ tenant: 'dev', state: 'queued', limit: 9 }))[0]
    expect(waiting?.detail).toContain('did not answer within 0.3 s')
    world.pass(6_000)
    await world.turn()
    expect(await world.states()).toEqual(['delivered 1', 'delivered 2'])
  })

  it('OUT-015: 410 disables the channel for the tenant and says so; what comes after is put aside until it is enabled', async () => {
    const to = await receiving(410)
    const world = outboxWorld([hook(to)])
    await world.store.notify([notice('n1'), notice('n2')])
    await world.turn()
    await world.turn()
    await world.store.notify([notice('n3')])
    await world.turn()
    expect([ids(to), await world.states()]).toEqual([['n1'], ['dead 0', 'dead 0', 'dead 1']])
    expect((await world.service.summary('dev')).disabled).toEqual(['ops'])
    expect(world.logged).toEqual([expect.stringContaining('channel ops is gone (410)')])
    await world.store.notify([notice('n4', { tenant: 'other' })])
    await world.turn()
    expect(ids(to)).toEqual(['n1', 'n4'])
    await world.service.enable('ops', OLGA)
    await world.service.retry({ channel: 'ops', id: 'n3' }, OLGA)
    await world.turn()
    expect(ids(to)).toEqual(['n1', 'n4', 'n3'])
  })

  it('OUT-016: nothing is sent into a private network, without TLS or by a redirect, unless the host is declared', async () => {
    const [to, secret] = [await receiving('redirect'), await receiving()]
    const literal = hook(secret, { name: 'literal', privateHosts: [], url: secret.url.replace('http:', 'https:') })
    const named = hook(secret, {
      name: 'named',
      privateHosts: [],
      url: `https://localhost:${secret.host.split(':')[1]}/`,
    })
    const plain = hook(secret, { name: 'plain', privateHosts: [] })
    const world = outboxWorld([hook(to), literal, named, plain])
    await world.store.notify([notice('n1')])
    await world.turn()
    expect([secret.arrived.length, to.arrived.length]).toEqual([0, 1])
    const told = new Map(
      (await world.service.list({ tenant: 'dev', limit: 9 })).map((row) => [row.channel, row.detail]),
    )
    expect(told.get('literal')).toContain('private network')
    expect(told.get('named')).toContain('private network')
    expect(told.get('plain')).toContain('no https')
    for (const address of [
      '10.1.2.3',
      '169.254.169.254',
      '::1',
      '::ffff:127.0.0.1',
      'fd00::1',
      '100.64.0.1',
      '0.0.0.0',
    ])
      expect([address, isPrivateAddress(address)]).toEqual([address, true])
    for (const address of ['93.184.216.34', '2606:2800:220:1::1']) expect(isPrivateAddress(address)).toBe(false)
  })

  it('OUT-017: of two processes one sends; the next takes over, and sends what the first had begun', async () => {
    const to = await receiving('hang')
    const world = outboxWorld([hook(to)])
    const stop = new AbortController()
    const [first, second] = [world.leader(stop.signal), world.leader()]
    await world.store.notify([notice('n1')])
    await first.tick()
    await second.tick()
    await expect.poll(() => to.arrived.length).toBe(1)
    stop.abort()
    await first.idle()
    await world.turn(second)
    expect(ids(to)).toEqual(['n1'])
    world.pass(60_000)
    await world.turn(second)
    expect([ids(to), await world.states()]).toEqual([['n1', 'n1'], ['delivered 2']])
    await expect(first.tick()).resolves.toBeUndefined()
  })
})

describe('what reaches whom', () => {
  it('OUT-020: channels choose by kind, severity, role, tenant and workflow', async () => {
    const to = await receiving()
    const names = {
      kinds: ['approval.*'],
      roles: ['finance'],
      tenants: ['dev'],
      workflows: ['desk'],
      severity: 'warning',
    }
    const world = outboxWorld([hook(to, names)])
    await world.store.notify([
      notice('yes'),
      notice('kind', { kind: 'run.parked' }),
      notice('role', { roles: ['legal'] }),
      notice('tenant', { tenant: 'other' }),
      notice('workflow', { workflow: 'payables' }),
      notice('severity', { severity: 'info' }),
    ])
    await world.turn()
    expect(ids(to)).toEqual(['yes'])
  })

  it('OUT-021: a hundred approvals are two messages where a digest is declared, and nothing urgent waits', async () => {
    const to = await receiving()
    const world = outboxWorld([hook(to, { digestSeconds: 60 })])
    await world.store.notify(Array.from({ length: 60 }, (_, i) => notice(`n${i}`)))
    await world.turn()
    await world.store.notify(Array.from({ length: 40 }, (_, i) => notice(`m${i}`)))
    await world.store.notify([notice('stop', { kind: 'kill_switch.engaged', severity: 'urgent' })])
    await world.turn()
    expect(ids(to)).toEqual(['n0', 'stop'])
    world.pass(61_000)
    await world.turn()
    expect(to.arrived).toHaveLength(3)
    const digest = JSON.parse(to.arrived[2]?.body ?? '{}')
    expect(digest).toMatchObject({ type: 'digest', data: { count: 99, link: 'https://box.example/approvals' } })
    expect([digest.data.items.length, ids(to)[2]]).toEqual([20, expect.stringMatching(/^dig_/)])
    await world.turn()
    expect(to.arrived).toHaveLength(3)
  })

  it('OUT-022: a message carries a link, by default the preview, and arguments only where they are declared', async () => {
    const [link, summary, all] = [await receiving(), await receiving(), await receiving()]
    const world = outboxWorld([
      hook(link, { name: 'link', carries: 'link' }),
      hook(summary, { name: 'summary' }),
      hook(all, { name: 'all', carries: 'arguments' }),
    ])
    await world.store.notify([notice('n1'), notice('n2', { subject: 'apr_erased' })])
    await world.turn()
    const bodies = [link, summary, all].map((to) => JSON.parse(to.arrived[0]?.body ?? '{}'))
    for (const body of bodies) expect(body.data.link).toBe('https://box.example/approvals/apr_1')
    expect(bodies[0].data.preview).toBe(null)
    expect(bodies[1].data.preview).toEqual({
      summary: 'Refund <!channel> order & co',
      target: { type: 'order', id: 'A-7' },
      impact: '120.00 EUR',
      rollback: 'Charge again',
    })
    expect(bodies[2].data.preview.arguments).toBe('{"iban":"DE02"}')
    expect(JSON.stringify([link.arrived, summary.arrived])).not.toContain('DE02')
    expect(JSON.parse(summary.arrived[1]?.body ?? '{}').data.preview).toBe(null)
  })

  it('OUT-023: in a chat what others wrote is plain text, and the only button is a link to where one signs in', async () => {
    const to = await receiving()
    const world = outboxWorld([chat(to)])
    await world.store.notify([notice('n1', { workflow: 'desk <@U1>' })])
    await world.turn()
    const body = JSON.parse(to.arrived[0]?.body ?? '{}')
    expect(body.text).toBe('Approval needed: payments.refund in desk &lt;@U1&gt;')
    const texts = JSON.stringify(body.blocks)
    expect(texts).toContain('Refund <!channel> order & co')
    expect(texts).not.toContain('mrkdwn')
    const buttons = body.blocks.flatMap((block: { elements?: object[] }) => block.elements ?? [])
    expect(buttons.filter((each: { type: string }) => each.type !== 'plain_text')).toEqual([
      { type: 'button', text: expect.anything(), url: 'https://box.example/approvals/apr_1' },
    ])
    for (const part of ['Impact: 120.00 EUR', 'Target: order A-7', 'Undo: Charge again']) expect(texts).toContain(part)
  })

  it('OUT-024: every mistake in channels is told at once, and no secret can be written there', () => {
    expect(readNotifications(guide).channels).toHaveLength(2)
    const bad = [
      { kind: 'webhook', name: 'Ops', url: 'x', secrets: ['whsec_abc'] },
      { kind: 'slack', name: 'chat', url: 'https://hooks.example/T1', kinds: ['approvals'] },
    ]
    const read = (): unknown => readNotifications({ baseUrl: 'ftp://x', channels: bad as unknown as ChannelDef[] })
    for (const part of ['baseUrl', 'channels.0.name', 'secrets.0', 'channels.1.url', 'channels.1.kinds'])
      expect(read).toThrow(part)
    const twice = [0, 1].map(() => ({ kind: 'slack', name: 'chat', url: async () => 'x' }) as const)
    expect(() => readNotifications({ channels: twice })).toThrow('`chat` is there twice')
  })

  it('OUT-025: a test message reaches its channel alone', async () => {
    const [one, other] = [await receiving(), await receiving()]
    const world = outboxWorld([hook(one), hook(other, { name: 'other' })])
    const { id } = await world.service.test('ops', OLGA)
    await world.turn()
    await world.turn()
    expect([ids(one), ids(other)]).toEqual([[id], []])
    expect(JSON.parse(one.arrived[0]?.body ?? '{}').data.title).toBe('This channel works')
    await expect(world.service.test('nobody', OLGA)).rejects.toMatchObject({ code: 'NOT_FOUND' })
  })

  it('OUT-026: a secret that cannot be had fails the attempt, and what its provider said is told nowhere', async () => {
    const to = await receiving()
    const world = outboxWorld([hook(to, { secrets: [() => Promise.reject(new Error(`no ${SECRET}`))] })])
    await world.store.notify([notice('n1')])
    await world.turn()
    const rows = await world.service.list({ tenant: 'dev', limit: 9 })
    expect([to.arrived.length, rows[0]?.state, rows[0]?.attempts]).toEqual([0, 'queued', 1])
    expect(JSON.stringify([rows, world.logged])).not.toContain('whsec_')
  })
})
