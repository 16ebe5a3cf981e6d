/** A runtime whose runs can be restored and looked at the moment in which their work begins again. */
import { owned, type Signalbox, type Store, workflow } from 'signalbox'
import { z } from 'zod'
import { messageOf, stateOf } from '../peers/src/payload.ts'
import { ended, openBox, USER } from './box.ts'

const Message = z.object({ left: z.int(), step: z.int(), text: z.string() })

function steps(onStep: (step: number) => boolean) {
  return workflow({
    name: 'bench-restore',
    version: '1.0.0',
    input: Message,
    output: z.object({ step: z.int() }),
    budget: { maxTurns: 1, maxToolCalls: 1, maxRuntimeSeconds: 3_000, maxTokens: 1, maxCostUsd: '1' },
    maxSupersteps: 1_000_000,
    state: { work: owned('step', z.object({ step: z.int(), text: z.string() })) },
  })
    .node('step', {
      input: Message,
      output: Message,
      run: async ({ left, step }, ctx) => {
        const known = ctx.state.work?.step ?? 0
        if (known !== step) throw new Error(`step ${step} sees the state of step ${known}`)
        const last = onStep(step)
        ctx.write({ work: { step: step + 1, text: stateOf(step + 1) } })
        return { left: last ? 0 : left - 1, step: step + 1, text: messageOf(step) }
      },
    })
    .node('end', { input: Message, output: z.object({ step: z.int() }), run: async ({ step }) => ({ step }) })
    .start('step')
    .edge('step', 'step', ({ left }) => left > 0)
    .edge('step', 'end', ({ left }) => left <= 0)
    .output('end')
    .build()
}

/** Runs of checkpoints, and restores of them. */
export class RestoreBox {
  readonly box: Signalbox
  /** When the last restored run began its work, on the clock of `performance.now`. */
  begunAt = 0
  #begun: (() => void) | null = null

  constructor(store: Store) {
    this.box = openBox(store, [
      steps(() => {
        const begun = this.#begun
        this.#begun = null
        if (begun) this.begunAt = performance.now()
        begun?.()
        // A restored run has shown what it should: it ends with this step.
        return begun !== null
      }),
    ])
  }

  /** Runs a new run of so many checkpoints to its end and gives its id. A worker must be at work. */
  async make(checkpoints: number): Promise<string> {
    const done = ended(this.box, 1)
    const { runId } = await this.box.runs.start({
      workflow: 'bench-restore',
      input: { left: checkpoints, step: 0, text: messageOf(0) },
      principal: USER,
    })
    await done
    return runId
  }

  /** Milliseconds from the request to restore an ended run until its node begins with the restored state. */
  async restore(runId: string, seq: number): Promise<number> {
    const begins = new Promise<void>((resolve) => {
      this.#begun = resolve
    })
    const done = ended(this.box, 1)
    const from = performance.now()
    await this.box.runs.restore({ runId, seq, by: USER, reason: 'measured' })
    await begins
    await done
    return this.begunAt - from
  }
}
