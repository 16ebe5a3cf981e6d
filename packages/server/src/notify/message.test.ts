import { createRedactor, type Notice, type RedactHook, systemHost } from 'signalbox'
import { describe, expect, it } from 'vitest'
import { readNotifications } from './definition.ts'
import { messageOf, type MessageParts, webhookBody } from './message.ts'
import { slackBody } from './slack.ts'

const PACKET = {
  summary: 'Pay ana@example.com with sk-abcdefghijklmnop1234',
  target: { type: 'account', id: 'cedar-7' },
  impact: { text: 'one payment' },
  rollback: 'Ask cedar-7 for it',
  arguments: '{"to":"cedar-7"}',
}
const NOTICE: Notice = {
  ...{ tenant: 'dev', id: 'n1', kind: 'approval.requested', severity: 'urgent', runId: 'run_1', workflow: 'desk' },
  ...{ subject: 'apr_1', roles: [], facts: { tool: 'pay.send' }, at: 1 },
}
// Only the packet of a request is read.
const runs = { request: async () => ({ packet: PACKET }) } as unknown as MessageParts['runs']
const [channel] = readNotifications({
  channels: [{ kind: 'slack', name: 'chat', url: async () => 'https://x.example', carries: 'arguments' }],
}).channels

async function bodies(hook?: RedactHook): Promise<string> {
  if (!channel) throw new Error('there is a channel')
  const redactor = createRedactor({ host: systemHost, ...(hook ? { hook } : {}) })
  const message = await messageOf('m1', [NOTICE], channel, { runs, baseUrl: 'https://desk.example', redactor })
  return `${slackBody(message)}\n${webhookBody(message)}`
}

describe('messages to people', () => {
  it('EXS-012, EXS-013: carry previews without forms of keys', async () => {
    const text = await bodies()
    expect(text).toContain('Pay ana@example.com with [redacted secret]')
    expect(text).toContain('cedar-7')
    expect(text).not.toContain('sk-abcdefghijklmnop1234')
  })

  it('EXS-013: carry what the rule of the project leaves', async () => {
    const text = await bodies((_kind, value) => JSON.parse(JSON.stringify(value).replaceAll('cedar-7', 'an account')))
    expect(text).toContain('Ask an account for it')
    expect(text).not.toContain('cedar-7')
  })

  const rules: readonly (readonly [string, () => string])[] = [
    [
      'throws',
      () => {
        throw new Error('cedar-7')
      },
    ],
    ['makes something else of it', () => 'cedar-7'],
  ]
  it.each(rules)('EXS-010, EXS-013: withhold a preview whose rule %s', async (_name, hook) => {
    const text = await bodies(hook)
    expect(text).not.toContain('cedar-7')
    expect(text).toContain('withheld')
  })
})
