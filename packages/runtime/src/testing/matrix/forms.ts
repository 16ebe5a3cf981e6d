import { z } from 'zod'
import { agent, type Script } from '../../agents/index.ts'
import type { AnyTool } from '../../contracts/tool.ts'
import {
  agentTool,
  asAgent,
  concurrent,
  groupChat,
  handoff,
  port,
  Rejection,
  sequential,
  workflow,
  workflowTool,
} from '../../orchestration/index.ts'
import { WIDE_BUDGET } from '../bench-box.ts'
import { job } from '../flow-kit.ts'
import type { Built, Form } from './form.ts'
import { magenticForm } from './magentic-form.ts'
import { ORDER_OF_5, outsideModel, type Pay, payingScript, payTool, toldBy, toldOf, type World } from './world.ts'

const HEAD = { version: '1.0.0', input: z.string(), budget: WIDE_BUDGET } as const
const TEXT = { input: z.string(), output: z.string() } as const
const AT_ONCE = { attempts: 2, backoffSeconds: 0 } as const

const speaker = (name: string, tools: readonly AnyTool[] = []) =>
  agent({ name, model: `scripted/${name}`, instructions: `You are ${name}.`, maxOutputTokens: 400, tools, ...TEXT })

const payer = (pay: AnyTool) => speaker('payer', [pay])

const says =
  (text: string): Script =>
  () =>
    text

/** A workflow that does nothing but pay. */
function desk(world: World, pay: Pay, name = 'desk') {
  return workflow({ name, ...HEAD, output: z.string(), tools: [pay] })
    .node('pays', {
      ...TEXT,
      retry: AT_ONCE,
      run: async (_text, ctx) => {
        if (world.failOnce) {
          world.failOnce = false
          throw new Error('the first attempt fails')
        }
        return toldOf(await ctx.call(pay, ORDER_OF_5))
      },
    })
    .start('pays')
    .output('pays')
    .build()
}

function form(
  name: string,
  build: (world: World, pay: Pay) => Pick<Built, 'workflow'> & Partial<Built>,
  more: Partial<Pick<Form, 'hasAgent' | 'retries' | 'isUndone'>> = {},
): Form {
  const built = (world: World, pay: Pay): Built => ({ models: [], input: 'go', ...build(world, pay) })
  return { name, hasAgent: false, retries: false, isUndone: false, build: built, ...more }
}

const node = form('node', (world, pay) => ({ workflow: desk(world, pay) }), { retries: true })

const nodeBehindTimer = form('node behind a timer', (world, pay) => ({
  workflow: workflow({ name: 'later', ...HEAD, output: z.string() })
    .node('open', { ...TEXT, run: (text) => text })
    .timer('rest', { message: z.string(), seconds: 60 })
    .workflow('desk', desk(world, pay))
    .start('open')
    .edge('open', 'rest')
    .edge('rest', 'desk')
    .output('desk')
    .build(),
}))

/** Asks whether it may; the matrix answers every port with yes. */
const may = port({ name: 'may', request: z.string(), response: z.object({ ok: z.boolean() }), deadlineSeconds: 86_400 })

const nodeBehindPort = form('node behind a port', (_world, pay) => ({
  workflow: workflow({ name: 'asked', ...HEAD, output: z.string(), tools: [pay] })
    .node('open', { ...TEXT, run: (text) => text })
    .port('may', may)
    .node('pays', {
      input: z.object({ ok: z.boolean() }),
      output: z.string(),
      run: async (_answer, ctx) => toldOf(await ctx.call(pay, ORDER_OF_5)),
    })
    .start('open')
    .edge('open', 'may')
    .edge('may', 'pays')
    .output('pays')
    .build(),
}))

const durable = form(
  'functional step',
  (world, pay) => ({
    workflow: job(
      async (_input, f) => {
        const amount = await f.step('work-out', {}, () => ORDER_OF_5.amount)
        await f.sleep(60)
        await f.ask(may, 'go on?')
        if (world.failOnce) {
          world.failOnce = false
          throw new Error('the first attempt fails')
        }
        return toldOf(await f.call(pay, { to: ORDER_OF_5.to, amount }))
      },
      { tools: [pay], ports: [may], retry: AT_ONCE },
    ),
  }),
  { retries: true },
)

const agentForm = form(
  'agent',
  (world, pay) => ({
    workflow: workflow({ name: 'clerks', ...HEAD, output: z.string() })
      .agent('payer', payer(pay), { prompt: (text) => text, retry: AT_ONCE })
      .start('payer')
      .output('payer')
      .build(),
    models: [outsideModel(world, 'payer', payingScript(world))],
  }),
  { hasAgent: true, retries: true },
)

/** Two payments in one answer of the model: both are held to every gate (ENGINE R6). */
const batch = form(
  'batch of an agent',
  (world, pay) => ({
    workflow: workflow({ name: 'clerks', ...HEAD, output: z.string() })
      .agent('payer', payer(pay), { prompt: (text) => text })
      .start('payer')
      .output('payer')
      .build(),
    models: [
      outsideModel(world, 'payer', (request) => {
        const second = { ...ORDER_OF_5, to: 'eve' }
        const calls = [ORDER_OF_5, second].map((args) => ({ tool: 'pay.send', args }))
        return toldBy(request) ?? { calls }
      }),
    ],
  }),
  { hasAgent: true },
)

const subAgent = form(
  'agent as tool',
  (world, pay) => {
    const asTool = agentTool(payer(pay), {
      name: 'agents.payer',
      class: 'agents.call',
      description: 'pays',
      input: z.object({ what: z.string() }),
      prompt: ({ what }) => what,
    })
    return {
      workflow: workflow({ name: 'clerks', ...HEAD, output: z.string() })
        .agent('lead', speaker('lead', [asTool]), { prompt: (text) => text })
        .start('lead')
        .output('lead')
        .build(),
      models: [
        outsideModel(world, 'lead', payingScript(world, 'agents.payer', { what: 'pay' })),
        outsideModel(world, 'payer', payingScript(world)),
      ],
    }
  },
  { hasAgent: true },
)

const nested = form('sub-workflow', (world, pay) => ({
  workflow: workflow({ name: 'outer', ...HEAD, output: z.string() })
    .node('open', { ...TEXT, run: (text) => text })
    .workflow('desk', desk(world, pay))
    .start('open')
    .edge('open', 'desk')
    .output('desk')
    .build(),
}))

const workflowAsTool = form('workflow as tool', (world, pay) => {
  const enter = workflowTool(desk(world, pay))
  return {
    workflow: workflow({ name: 'outer', ...HEAD, output: z.string(), tools: [enter] })
      .node('calls', { ...TEXT, run: async (text, ctx) => toldOf(await ctx.call(enter, text)) })
      .start('calls')
      .output('calls')
      .build(),
  }
})

const fallback = form('fallback of a failed node', (_world, pay) => ({
  workflow: workflow({ name: 'mends', ...HEAD, output: z.string(), tools: [pay] })
    .node('breaks', {
      ...TEXT,
      run: () => {
        throw new Error('it always fails')
      },
    })
    .node('pays', {
      input: Rejection,
      output: z.string(),
      run: async (_lost, ctx) => toldOf(await ctx.call(pay, ORDER_OF_5)),
    })
    .start('breaks')
    .onFailed('breaks', 'pays')

    .output('breaks')
    .output('pays')
    .build(),
}))

const inSequence = form(
  'sequential',
  (world, pay) => ({
    workflow: sequential({
      name: 'line',
      ...HEAD,
      participants: [speaker('other'), asAgent(desk(world, pay, 'payer'), { input: (prompt) => prompt })],
    }),
    models: [outsideModel(world, 'other', says('fine'))],
  }),
  { hasAgent: false },
)

const atOnce = form(
  'concurrent',
  (world, pay) => ({
    workflow: concurrent({ name: 'side', ...HEAD, participants: [payer(pay), speaker('other')] }),
    models: [outsideModel(world, 'payer', payingScript(world)), outsideModel(world, 'other', says('fine'))],
  }),
  { hasAgent: true },
)

const chat = form(
  'group chat',
  (world, pay) => ({
    workflow: groupChat({
      name: 'board',
      ...HEAD,
      output: z.string(),
      participants: [
        { does: payer(pay), description: 'pays' },
        { does: speaker('other'), description: 'looks' },
      ],
      select: ({ rounds }) => (rounds === 0 ? 'payer' : null),
      maxRounds: 3,
      conclude: ({ transcript }) => transcript.map(({ text }) => text).join('; '),
    }),
    models: [outsideModel(world, 'payer', payingScript(world)), outsideModel(world, 'other', says('fine'))],
  }),
  { hasAgent: true },
)

const handedOver = form(
  'handoff',
  (world, pay) => ({
    workflow: handoff({
      name: 'desk-of',
      ...HEAD,
      participants: [
        { does: speaker('triage'), description: 'finds out what it is about' },
        { does: payer(pay), description: 'pays' },
      ],
    }),
    models: [
      outsideModel(world, 'triage', says(JSON.stringify({ kind: 'handoff', to: 'payer', reason: 'to pay' }))),
      outsideModel(world, 'payer', (request, signal) => {
        const told = toldBy(request)
        return told === null
          ? payingScript(world)(request, signal)
          : JSON.stringify({ kind: 'finish', text: told.slice(0, 200) })
      }),
    ],
  }),
  { hasAgent: true },
)

const managed = form('magentic', (world, pay) => magenticForm(world, speaker, payer(pay)), { hasAgent: true })

const undone = form(
  'compensation',
  (world, pay) => {
    const first = payTool(world, { name: 'pay.first', undo: pay })
    return {
      workflow: workflow({ name: 'first', ...HEAD, output: z.string(), tools: [first] })
        .node('pays', { ...TEXT, run: async (_text, ctx) => toldOf(await ctx.call(first, ORDER_OF_5)) })
        .start('pays')
        .output('pays')
        .build(),
    }
  },
  { isUndone: true },
)

/** Another run that pays the same before the gated one does. */
export function earlier(pay: Pay) {
  return workflow({ name: 'earlier', ...HEAD, output: z.string(), tools: [pay] })
    .node('pays', {
      ...TEXT,
      run: async (_text, ctx) => {
        const ends = [await ctx.call(pay, ORDER_OF_5), await ctx.call(pay, { ...ORDER_OF_5, to: 'eve' })]
        return ends.map(toldOf).join('; ')
      },
    })
    .start('pays')
    .output('pays')
    .build()
}

/** All of them. Each pattern that the runtime offers is one. */
export const FORMS: readonly Form[] = [
  node,
  nodeBehindTimer,
  nodeBehindPort,
  durable,
  agentForm,
  batch,
  subAgent,
  nested,
  workflowAsTool,
  fallback,
  inSequence,
  atOnce,
  chat,
  handedOver,
  managed,
  undone,
]
