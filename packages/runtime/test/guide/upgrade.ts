/** The declared upgrade that docs/guide/deploying.md shows. */
import { z } from 'zod'
import { owned, port, workflow } from '../../src/index.ts'

const Text = z.string()
const Answer = z.object({ ok: z.boolean() })
const header = {
  name: 'orders',
  input: Text,
  output: Text,
  budget: { maxTurns: 1, maxToolCalls: 1, maxRuntimeSeconds: 60, maxTokens: 1, maxCostUsd: '0.01' },
} as const
const OrderInEuros = z.object({ id: z.string(), total: z.number() })
const OrderInCents = z.object({ id: z.string(), cents: z.int() })

/** Version 1.0.0: the total is in euros, and the port is called `ask`. */
export const before = workflow({ ...header, version: '1.0.0', state: { order: owned('read', OrderInEuros) } })
  .node('read', {
    input: Text,
    output: Text,
    run: (id, ctx) => {
      ctx.write({ order: { id, total: 12.5 } })
      return id
    },
  })
  .port('ask', port({ name: 'ask', request: Text, response: Answer, deadlineSeconds: 86_400 }))
  .node('close', { input: Answer, output: Text, run: (_answer, ctx) => `${ctx.state.order?.total} EUR` })
  .start('read')
  .edge('read', 'ask')
  .edge('ask', 'close')
  .output('close')
  .build()

// #region upgrade
/** Version 2.0.0: the total is in cents, and the port is called `review`. */
export const orders = workflow({ ...header, version: '2.0.0', state: { order: owned('read', OrderInCents) } })
  .node('read', { input: Text, output: Text, run: (id) => id })
  .port('review', port({ name: 'review', request: Text, response: Answer, deadlineSeconds: 86_400 }))
  .node('close', { input: Answer, output: Text, run: (_answer, ctx) => `${ctx.state.order?.cents} cents` })
  .start('read')
  .edge('read', 'review')
  .edge('review', 'close')
  .output('close')
  .upgrade({
    from: '1.0.0',
    // Checks and types the state before the step.
    was: z.object({ order: OrderInEuros.optional() }),
    state: ({ order }) => (order ? { order: { id: order.id, cents: Math.round(order.total * 100) } } : {}),
    // Old name: new name.
    nodes: { ask: 'review' },
    // For messages that wait at a node, by its new name.
    messages: { review: (old) => `${String(old)}, in cents` },
  })
  .build()
// #endregion upgrade
