import { Escalation, owned, port, workflow } from 'signalbox'
import { z } from 'zod'

const Draft = z.object({ text: z.string(), errors: z.int() })

/** How many errors are left in a text; here every `?` is one. */
const errorsIn = (text: string): number => text.split('?').length - 1

/** A person who takes over what the loop could not mend. */
export const author = port({ name: 'author', request: Escalation, response: z.string(), deadlineSeconds: 3_600 })

// #region corrected
export const corrected = workflow({
  name: 'corrected',
  version: '1.0.0',
  input: z.string(),
  output: z.string(),
  budget: { maxTurns: 20, maxToolCalls: 20, maxRuntimeSeconds: 60, maxTokens: 50_000, maxCostUsd: '0.20' },
  state: { draft: owned('mend', Draft) },
  termination: {
    timeoutSeconds: 3 * 86_400, // wall time, waiting for people included
    loop: { repeats: 3, escalateTo: 'ask' }, // the same draft three times: a person gets it
    quality: {
      name: 'errors left',
      check: ({ state }) => (state.draft ? (state.draft.errors < 5 ? 'pass' : 'fail') : null),
      failures: 2, // in a row: the run stops
    },
    partial: (state) => state.draft?.text ?? '',
    leftUndone: ({ state }) => (state.draft ? [`${state.draft.errors} errors`] : []),
  },
})
  // #endregion corrected
  .node('mend', {
    input: z.string(),
    output: Draft,
    run: async (text, ctx) => {
      const better = text.replace('? ', '')
      const draft = { text: better, errors: errorsIn(better) }
      ctx.write({ draft })
      return draft
    },
  })
  .node('again', { input: Draft, output: z.string(), run: async ({ text }) => text })
  .node('good', { input: Draft, output: z.string(), run: async ({ text }) => text })
  .node('answered', { input: z.string(), output: z.string(), run: async (text) => text })
  .port('ask', author)
  .start('mend')
  .switch('mend', [{ when: ({ errors }) => errors === 0, to: 'good' }], 'again')
  .edge('again', 'mend')
  .edge('ask', 'answered')
  .output('good')
  .output('answered')
  .build()
