import { z } from 'zod'
import { appended, owned, port, workflow } from '../orchestration/index.ts'
import type { TerminationDef } from '../orchestration/index.ts'
import { WIDE_BUDGET } from './bench-box.ts'

const STATE = { draft: owned('write', z.string()), rounds: appended(z.number()) }
/** Its state, as a termination contract sees it. */
export interface DraftState {
  readonly draft: string | undefined
  readonly rounds: readonly number[]
}

/** Writes a draft and reviews it, again and again, until the number that it was started with is used up. */
export function drafting(
  termination: TerminationDef<DraftState>,
  options: { draft?: (n: number) => string; name?: string } = {},
) {
  const { draft = (n: number) => `draft ${n}`, name = 'drafting' } = options
  return workflow({
    name,
    version: '1.0.0',
    input: z.number(),
    output: z.string(),
    budget: WIDE_BUDGET,
    state: STATE,
    termination,
  })
    .node('write', {
      input: z.number(),
      output: z.number(),
      run: (n, ctx) => {
        ctx.write({ draft: draft(n), rounds: n })
        return n
      },
    })
    .node('review', { input: z.number(), output: z.number(), run: (n) => n - 1 })
    .node('done', { input: z.number(), output: z.string(), run: (_n, ctx) => ctx.state.draft ?? '' })
    .port('help', port({ name: 'help', request: z.unknown(), response: z.number(), deadlineSeconds: 600 }))
    .start('write')
    .edge('write', 'review')
    .switch(
      'review',
      [
        { when: (n) => n > 0, to: 'write' },
        { when: (n) => n < -100, to: 'help' },
      ],
      'done',
    )
    .edge('help', 'write')
    .output('done')
    .build()
}
