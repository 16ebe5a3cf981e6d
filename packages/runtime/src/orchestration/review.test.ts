import { describe, expect, it } from 'vitest'
import { z } from 'zod'
import { keyVault, memoryStore } from '../stores/index.ts'
import { systemHost } from '../base/host.ts'
import { createSignalbox } from '../runtime.ts'
import { REVIEWED } from '../testing/reviewed.ts'
import { scriptedPolicy } from '../testing/scripted-policy.ts'
import { tool } from '../tools/index.ts'
import { decisionRecord, owned, port, reviewWorkflow, workflow } from './index.ts'
import type { WorkflowContract } from '../contracts/workflow.ts'

const Text = z.string()
const pay = tool({
  name: 'pay.send',
  class: 'payments.write',
  effect: 'irreversible',
  input: z.object({ to: Text }),
  output: Text,
  hosts: [],
  timeoutSeconds: 1,
  execute: async () => 'paid',
})
const mail = tool({
  name: 'mail.send',
  class: 'external.notification.send',
  effect: 'irreversible',
  input: z.object({ to: Text }),
  output: Text,
  hosts: [],
  timeoutSeconds: 1,
  repeat: 'same_key_is_harmless',
  effectKey: ({ to }) => ({ scope: 'run', key: to }),
  preview: async () => ({
    summary: 'mail',
    target: { type: 'person', id: 'a', version: '1' },
    impact: {},
    rollback: 'none',
  }),
  reconcile: async () => ({ answer: 'cannot_tell' }),
  execute: async () => 'sent',
})
const look = tool({
  name: 'get.one',
  class: 'records.read',
  effect: 'none',
  input: z.object({}),
  output: Text,
  hosts: [],
  timeoutSeconds: 1,
  execute: async () => 'x',
})

function desk(contract?: WorkflowContract) {
  return workflow({
    name: 'desk',
    version: '1.0.0',
    input: Text,
    output: Text,
    budget: { maxTurns: 3, maxToolCalls: 4, maxRuntimeSeconds: 5, maxTokens: 600, maxCostUsd: '0.50' },
    ...(contract ? { contract } : {}),
    state: { note: owned('work', Text) },
    tools: [pay, look],
  })
    .node('work', { input: Text, output: Text, run: (text) => text })
    .node('tell', { input: Text, output: Text, tools: [mail], run: (text) => text })
    .port('ask', port({ name: 'ask', request: Text, response: Text, deadlineSeconds: 60 }))
    .node('left', {
      input: z.object({ code: Text, reason: Text, leftUndone: z.array(Text) }),
      output: Text,
      run: () => '',
    })
    .start('work')
    .edge('work', 'ask')
    .edge('ask', 'tell')
    .onRejected('ask', 'left')
    .output('tell')
    .output('left')
    .build().spec
}

const whole = REVIEWED
const { qualityStop: _left, ...partial } = whole

describe('review', () => {
  it('GRA-070: names each question without an answer', () => {
    expect(reviewWorkflow(desk()).missing).toHaveLength(9)
    expect(reviewWorkflow(desk(partial)).missing).toEqual([
      expect.stringContaining('`contract.qualityStop` is missing'),
    ])
    expect(reviewWorkflow(desk(whole)).missing).toEqual([])
  })

  it.each([
    ['production', partial, true],
    ['production', whole, false],
    ['development', partial, false],
  ] as const)('GRA-071: %s with a contract, refused: %#', async (mode, contract, refused) => {
    const store = memoryStore(systemHost)
    const rows = [pay, mail, look].map(({ name, class: toolClass, effect }) => [name, { class: toolClass, effect }])
    const open = () =>
      createSignalbox({
        store,
        vault: keyVault({ store, host: systemHost, masterKey: new Uint8Array(32) }),
        policy: scriptedPolicy({ tools: Object.fromEntries(rows) }),
        models: {
          resolve: () => {
            throw new Error('no model')
          },
        },
        workflows: [desk(contract)],
        mode,
      })
    if (refused) expect(open).toThrow(expect.objectContaining({ code: 'WORKFLOW_INVALID' }))
    else await open().close()
  })

  it('GRA-072: the inventory and the stops come from the definition', () => {
    const { sideEffects, stops } = reviewWorkflow(desk(whole))
    expect(sideEffects).toEqual([
      {
        tool: 'pay.send',
        class: 'payments.write',
        effect: 'irreversible',
        nodes: ['work', 'left'],
        whenLost: 'a person decides',
      },
      {
        tool: 'mail.send',
        class: 'external.notification.send',
        effect: 'irreversible',
        nodes: ['work', 'tell', 'left'],
        whenLost: 'looked up; when that does not tell, sent again under the same key',
      },
    ])
    const text = stops.join('\n')
    for (const part of ['3 turns, 4 tool calls, 600 tokens or 0.50 US dollars', '5 s of active time', '100 supersteps'])
      expect(text).toContain(part)
    expect(text).toContain('when nobody answers `ask` within 60 s; goes to `left` instead')
    expect(text).toContain('when output `tell` or `left` was reached')
  })

  it('GRA-073: tells what deserves a look', () => {
    const doubts = reviewWorkflow(desk(whole)).doubts.join('\n')
    for (const what of ['effectKey', 'preview', 'reconcile'])
      expect(doubts).toContain(`\`pay.send\` has no \`${what}\``)
    expect(doubts).not.toContain('mail.send')
    expect(doubts).toContain('node `work` may call every tool')
    expect(doubts).not.toContain('node `tell`')
  })

  it('GRA-074: the decision record has every part, and is the same for the same definition', () => {
    const text = decisionRecord(desk(whole))
    const parts = ['Contract', 'Superstep boundaries', 'Event model', 'State ownership', 'Termination', 'Side effects']
    for (const part of parts) expect(text).toContain(`\n## ${part}\n`)
    expect(text).toContain('| note | work | the last write of its owner counts |')
    expect(text).toContain('| ask | port | tell; left when rejected | 1 | the superstep |')
    expect(text).toContain('flowchart TD')
    expect(decisionRecord(desk(whole))).toBe(text)
    expect(decisionRecord(desk())).toContain('None is declared.')
  })

  it('END-030: lists what the termination contract ends, and what the workflow says its own nodes end', () => {
    const text = { input: Text, output: Text }
    const spec = workflow({
      name: 'ends',
      version: '1.0.0',
      ...text,
      budget: { maxTurns: 3, maxToolCalls: 4, maxRuntimeSeconds: 5, maxTokens: 600, maxCostUsd: '0.50' },
      termination: {
        until: () => false,
        timeoutSeconds: 60,
        loop: { repeats: 4, escalateTo: 'only' },
        quality: { name: 'polite', check: () => null, failures: 2 },
        stops: ['when the moon is full'],
      },
    })
      .node('only', { input: z.unknown(), output: Text, run: () => '' })
      .start('only')
      .output('only')
      .build().spec
    const told = [
      'when `termination.until` holds',
      'after 60 s, waiting included',
      'when the same situation comes about 4 times; goes once to `only`',
      'when `polite` fails 2 times in a row',
      'when the moon is full',
    ]
    expect(reviewWorkflow(spec).stops.slice(-5)).toEqual(told)
    expect(decisionRecord(spec)).toContain(told.map((line) => `- ${line}`).join('\n'))
  })
})
