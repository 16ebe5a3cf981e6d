import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { type Harness, startHarness } from './harness.ts'

let h: Harness
beforeEach(async () => {
  h = await startHarness()
})
afterEach(async () => {
  await h.server.close()
})

const REASON = 'checked by hand'
const PATH = '/api/v1/runs/run_w/compensation'

describe('budgets over many runs, and undoing', () => {
  it('BUD-030: the API tells of each budget over many runs what is limited, given out and left', async () => {
    const { budgets } = (await (await h.raw('/api/v1/budgets', { person: 'vera' })).json()) as { budgets: unknown[] }
    expect(budgets).toEqual([
      {
        scope: 'tenant:dev/2026-01-01',
        current: true,
        lines: [
          { count: 'cost', limit: '5000000000', given: '1250000000', left: '3750000000', forecast: null },
          { count: 'tokens', limit: '1000', given: '250', left: '750', forecast: null },
          { count: 'effects', limit: null, given: '3', left: null, forecast: null },
          { count: 'runs', limit: null, given: '2', left: null, forecast: null },
        ],
      },
    ])
  })

  it('CMP-015: the plan of a compensation can be read, and a compensation is asked for in the name of the credential', async () => {
    const plan = await (await h.raw(PATH, { person: 'vera' })).json()
    expect(plan).toMatchObject({ run_id: 'run_w', items: [{ seq: 10, state: 'undoable', undo: 'payments.recall' }] })
    const body = { reason: REASON, effects: [10], on_failure: 'continue' }
    const headers = { 'content-type': 'application/json' }
    const asked = await h.raw(PATH, { method: 'POST', person: 'olga', headers, body: JSON.stringify(body) })
    expect(await asked.json()).toEqual({ run_id: 'run_undo', existed: false })
    expect(h.fake.noted.at(-1)).toMatchObject({
      what: 'compensate',
      by: { id: 'user:olga' },
      request: { runId: 'run_w', effects: [10], onFailure: 'continue' },
    })
  })
})
