import { afterEach, describe, expect, it } from 'vitest'
import { z } from 'zod'
import { explain, lineageGaps, renderExplanation } from '../observability/index.ts'
import { openItems } from '../observability/open.ts'
import { port, workflow } from '../orchestration/index.ts'
import { type BenchBox, benchSet, PAUL, WIDE_BUDGET } from '../testing/bench-box.ts'
import { payTool } from '../testing/engine-kit.ts'
import { lastSeq, MOVES, recordOf } from '../testing/move-kit.ts'
import { ORDER, payDesk, threeLevels } from '../testing/scope-kit.ts'

const set = benchSet()
const { box, bank } = set
afterEach(() => set.close())

const GRANTED = '[first 4; granted]'

/** Three levels, the innermost of which asks before it ends. */
async function asking() {
  const outside = await bank()
  const one = box({ workflows: [threeLevels(payDesk(payTool(outside), true))] })
  one.work()
  const runId = await one.start('desk', 3)
  const request = await one.asked('request')
  return { outside, one, runId, request }
}

const respond = (one: BenchBox, requestId: string, value: unknown) =>
  // What a caller sends may be anything; that is what is tested.
  one.sb.runs.respond({ requestId, value: value as never, by: PAUL })

describe('a request of a nested workflow', () => {
  it('SCP-030: is passed up: listed with the nodes that lead to it, answered like any other, across a restart', async () => {
    const { one, runId, request, outside } = await asking()
    expect(request).toMatchObject({ tool: 'nested/inner/review', class: 'port', runId })
    expect((await one.settled(runId)).status).toBe('waiting')
    await one.killAndExpire()
    await respond(one, request.id, { ok: true })
    one.work()
    expect(await one.ended(runId)).toMatchObject({ status: 'completed', output: GRANTED })
    expect(outside.booked.length).toBe(2)
    const [answer] = await one.of(runId, 'response.received')
    expect(answer).toMatchObject({
      scope: 'root.1.nested.0/0/0.1.inner.0/0/0',
      answer: 'answered',
      by: { id: PAUL.id },
    })
    expect((await one.store.request('acme', request.id))?.state).toBe('answered')
    expect(lineageGaps(await one.records(runId))).toEqual([])
  })

  it('SCP-060: is told with the nodes around it, in the story and in what is open; once its scope ended it is open no more', async () => {
    const { one, runId } = await asking()
    await one.settled(runId)
    const waiting = renderExplanation(explain(await one.records(runId), { now: one.host.now() }))
    expect(waiting).toContain('Port `nested/inner/review` asked for an answer')
    expect(waiting).toContain(
      'Workflow `middle` 1.0.0 was entered as `workflows.middle` (workflows.enter) by node `nested`',
    )
    expect(waiting).toMatch(/is waiting since \d+ m?s ago: port `nested\/inner\/review` has to be answered/)
    expect(waiting).toContain('node `nested/inner/left`, which is plain code, asked in superstep 1')
    expect(waiting).toContain('Superstep 1 of the workflow in `nested/inner` was committed')
    expect(waiting).toMatch(/Request `req_\w+` of port `nested\/inner\/review` is open/)
    await one.host.advance(3_700_000)
    await one.ended(runId)
    expect(openItems(await one.records(runId))).toEqual([])
  })

  it('SCP-031: refuses an answer that does not fit, one to an unknown request, and a second one', async () => {
    const { one, runId, request } = await asking()
    await expect(respond(one, request.id, { ok: 'yes' })).rejects.toMatchObject({ code: 'INPUT_INVALID' })
    await expect(respond(one, 'req_forged', { ok: true })).rejects.toMatchObject({ code: 'REQUEST_NOT_FOUND' })
    await respond(one, request.id, { ok: false })
    expect((await one.ended(runId)).output).toBe('[first 4; refused]')
    const second = await respond(one, request.id, { ok: true }).catch((thrown: unknown) => thrown)
    // The request is closed with the commit that took the answer, and the run may have ended by then.
    expect(['RUN_ENDED', 'APPROVAL_DECIDED']).toContain((second as { code?: string }).code)
  })

  it('SCP-032: that nobody answers in time ends the nested workflow as failed, and the run with what it left undone', async () => {
    const { one, runId, request } = await asking()
    await one.host.advance(3_700_000)
    const end = await one.ended(runId)
    expect(end).toMatchObject({ status: 'stopped', reason: { code: 'APPROVAL_EXPIRED' }, undone: ['nested'] })
    const scopes = (await one.of(runId, 'activity.outcome')).filter((record) => record.kind === 'scope')
    expect(scopes.map(({ status, code }) => [status, code])).toEqual([
      ['failed', 'APPROVAL_EXPIRED'],
      ['failed', 'APPROVAL_EXPIRED'],
    ])
    expect((await one.store.request('acme', request.id))?.state).toBe('expired')
  })

  it('SCP-033: goes with a cancelled run: it is taken back, and each open scope has its end on record', async () => {
    const { one, runId, request } = await asking()
    await one.sb.runs.cancel({ runId, by: PAUL, reason: 'not needed' })
    const end = await one.ended(runId)
    expect(end.status).toBe('cancelled')
    expect(end.undone).toEqual(['nested', 'nested/inner', 'nested/inner/review'])
    expect((await one.store.request('acme', request.id))?.state).toBe('cancelled')
    const ends = (await one.of(runId, 'activity.outcome')).filter((record) => record.kind === 'scope')
    expect(ends.map(({ ask, status }) => [ask.node, status])).toEqual([
      ['inner', 'cancelled'],
      ['nested', 'cancelled'],
    ])
    expect(lineageGaps(await one.records(runId))).toEqual([])
  })

  it('SCP-034: is answered by the workflow around it where that declares an answer; undefined passes it up', async () => {
    const question = port({ name: 'ask', request: z.int(), response: z.string(), deadlineSeconds: 3_600 })
    const asks = workflow({ name: 'asks', version: '1.0.0', input: z.int(), output: z.string(), budget: WIDE_BUDGET })
      .port('ask', question)
      .node('end', { input: z.string(), output: z.string(), run: (text) => text })
      .start('ask')
      .edge('ask', 'end')
      .output('end')
      .build()
    const flow = workflow({ name: 'around', version: '1.0.0', input: z.int(), output: z.string(), budget: WIDE_BUDGET })
      .workflow('nested', asks, {
        answers: { ask: (request: number) => (request > 10 ? undefined : `small: ${request}`) },
      })
      .start('nested')
      .output('nested')
      .build()
    const one = box({ workflows: [flow] })
    one.work()
    const small = await one.run('around', 3)
    expect(small).toMatchObject({ status: 'completed', output: 'small: 3' })
    expect(await one.of(small.runId, 'request.opened')).toEqual([])
    const [barrier] = await one.of(small.runId, 'superstep.completed')
    expect(barrier?.results).toMatchObject([{ node: 'ask', answered_by: 'parent' }])
    const large = await one.start('around', 30)
    const { id } = await one.asked('request')
    await respond(one, id, 'a person said so')
    expect((await one.ended(large)).output).toBe('a person said so')
  })
})

describe.each(MOVES)('a %s to a scope that waits', (name, move) => {
  it('SCP-035: opens its request again: twice from the same record, each time with the same end', async () => {
    const { one, runId, request, outside } = await asking()
    await one.settled(runId)
    const at = await recordOf(one, runId, (record) => record.type === 'run.waiting')
    await respond(one, request.id, { ok: true })
    expect((await one.ended(runId)).output).toBe(GRANTED)
    for (let n = 0; n < 2; n++) {
      await one.kill()
      const fresh = one.another()
      const went = await move(fresh, runId, at)
      fresh.work()
      const { id } = await fresh.until(
        async () => (await fresh.open('request')).find((row) => row.runId === went) ?? null,
        'the request again',
      )
      expect(id === request.id).toBe(name === 'restore')
      await respond(fresh, id, { ok: true })
      expect((await fresh.ended(went)).output).toBe(GRANTED)
      await fresh.kill()
    }
    expect(outside.booked.length).toBe(2)
  })

  it('SCP-036: with a fan-in that is half full goes on the same, twice from the same record', async () => {
    const slow = port({ name: 'slow', request: ORDER, response: z.string(), deadlineSeconds: 3_600 })
    const half = workflow({
      name: 'half',
      version: '1.0.0',
      input: ORDER,
      output: z.array(z.string()),
      budget: WIDE_BUDGET,
    })
      .node('split', { input: ORDER, output: ORDER, run: (order) => order })
      .node('quick', { input: ORDER, output: z.string(), run: ({ to }) => `quick ${to}` })
      .port('slow', slow)
      .node('join', { input: z.array(z.string()), output: z.array(z.string()), run: (parts) => parts })
      .start('split')
      .fanOut('split', ['quick', 'slow'])
      .fanIn(['quick', 'slow'], 'join')
      .output('join')
      .build()
    const flow = workflow({
      name: 'outer',
      version: '1.0.0',
      input: ORDER,
      output: z.array(z.string()),
      budget: WIDE_BUDGET,
    })
      .workflow('nested', half)
      .start('nested')
      .output('nested')
      .build()
    const one = box({ workflows: [flow] })
    one.work()
    const runId = await one.start('outer', { to: 'x', amount: 1 })
    await one.asked('request')
    await one.settled(runId)
    const at = await lastSeq(one, runId)
    const [waits] = (await one.of(runId, 'superstep.completed')).slice(-1)
    expect(Object.keys(waits?.checkpoint.fan_in['fan_in:join'] ?? {})).toEqual(['quick'])
    for (let n = 0; n < 2; n++) {
      await one.kill()
      const fresh = one.another()
      const went = await move(fresh, runId, at)
      fresh.work()
      const { id } = await fresh.until(
        async () => (await fresh.open('request')).find((row) => row.runId === went) ?? null,
        'the request again',
      )
      await respond(fresh, id, 'slow')
      expect((await fresh.ended(went)).output).toEqual(['quick x', 'slow'])
      await fresh.kill()
    }
  })
})
