import { createSignalbox, keyVault, memoryStore, type PolicyPort, port, systemHost, workflow } from 'signalbox'
import { expect, it } from 'vitest'
import { z } from 'zod'
import { milestonesOf } from '../src/views/milestones.ts'
import { openerOf } from '../src/views/contents.ts'
import { timelineOf } from '../src/views/timeline.ts'

const BUDGET = { maxTurns: 1, maxToolCalls: 9, maxRuntimeSeconds: 60, maxTokens: 1, maxCostUsd: '1' }
const ANA = { id: 'user:ana', kind: 'user', tenant: 'acme', roles: ['requester'] } as const

/** Allows everything. */
const policy: PolicyPort = {
  bundle: 'test@0',
  hasRulesAt: () => false,
  decide: ({ point }) => ({
    point,
    verdict: 'allow',
    reason_code: 'PERMITTED',
    policies: [],
    asks: [],
    bundle: 'test@0',
  }),
  mayStart: () => true,
  sentence: () => null,
  tool: (name) => ({
    name,
    class: 'workflows.enter',
    effect: 'none',
    owner: 'x',
    blast_radius: 'x',
    input: {},
    facts: {},
  }),
  checkTools: () => undefined,
  cannotPermit: () => null,
  stepTools: () => null,
  checkSteps: () => undefined,
}

it('SCP-060: the timeline of a run shows what lies in nested workflows in the superstep of the run, with the nodes around it', async () => {
  const ask = port({ name: 'ask', request: z.int(), response: z.int(), deadlineSeconds: 60 })
  const inner = workflow({ name: 'inner', version: '1', input: z.int(), output: z.int(), budget: BUDGET })
    .node('add', { input: z.int(), output: z.int(), run: (n) => n + 1 })
    .port('ask', ask)
    .start('add')
    .edge('add', 'ask')
    .output('ask')
    .build()
  const outer = workflow({ name: 'outer', version: '1', input: z.int(), output: z.int(), budget: BUDGET })
    .node('open', { input: z.int(), output: z.int(), run: (n) => n })
    .workflow('sub', inner)
    .start('open')
    .edge('open', 'sub')
    .output('sub')
    .build()
  const store = memoryStore(systemHost)
  const vault = keyVault({ store, host: systemHost, masterKey: new Uint8Array(32) })
  const models = { resolve: () => Promise.reject(new Error('no model is called')) as never }
  const signalbox = createSignalbox({ store, vault, policy, models, workflows: [outer] })
  const worker = signalbox.work({ pollMs: 5 })
  const { runId } = await signalbox.run({ workflow: 'outer', input: 1, principal: ANA })
  const records = await signalbox.runs.records('acme', runId)
  const steps = await timelineOf(records, () => true, openerOf(null))
  expect(steps.map(({ superstep, status, nodes }) => [superstep, status, nodes])).toEqual([
    [0, 'completed', ['open']],
    [1, 'open', ['sub', 'sub/add', 'sub/ask']],
  ])
  expect(steps[1]?.save_points.map(({ node, position }) => [node, position])).toEqual([
    ['sub', 1],
    ['sub', 2],
  ])
  expect(steps[1]?.activities).toMatchObject([{ node: 'sub', kind: 'scope', name: 'workflows.inner' }])
  expect(milestonesOf(records).map(({ text }) => text)).toContain('`sub/ask` asked for an answer')
  await worker.stop()
  await signalbox.close()
})
