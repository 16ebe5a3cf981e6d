import { afterEach, describe, expect, it } from 'vitest'
import { explain, lineageGaps, renderExplanation } from '../observability/index.ts'
import { keyVault } from '../stores/index.ts'
import { type BenchBox, benchSet, PAUL, VERA } from '../testing/bench-box.ts'
import { payTool } from '../testing/engine-kit.ts'
import { job, respond, review } from '../testing/flow-kit.ts'
import { MOVES } from '../testing/move-kit.ts'

const set = benchSet()
const { box, bank } = set
afterEach(() => set.close())

const asking = (options: Parameters<typeof job>[1] = {}) =>
  job(
    async (input, f) => {
      const note = await f.step('note', null, () => 'noted')
      const end = await f.ask(review, { text: String(input) })
      return end.status === 'succeeded' ? { note, ok: end.output.ok } : { note, status: end.status, code: end.code }
    },
    { ports: [review], ...options },
  )

/** An answer put into the inbox beside the check that lets only one in. */
async function postAnswer(
  one: BenchBox,
  runId: string,
  { id, ok, slot }: { readonly id: string; readonly ok: boolean; readonly slot: string },
): Promise<void> {
  const row = await one.row(runId)
  const vault = keyVault({ store: one.store, host: one.host, masterKey: new Uint8Array(32) })
  const sealer = await vault.sealer('acme', row.subject)
  await one.store.post({
    id: `inb_${slot}`,
    tenant: 'acme',
    runId,
    kind: 'respond',
    slot,
    by: PAUL,
    body: JSON.stringify({ request_id: id }),
    sealed: sealer.seal([JSON.stringify({ ok })]).bytes,
    createdAt: one.host.now(),
  })
}

describe('a function that asks a person', () => {
  it('FLW-010: waits outside memory; the answer is stored with who gave it, and found after a restart', async () => {
    const one = box({ workflows: [asking()] })
    const worker = one.work()
    const { runId, status, waitingOn } = await one.run('job', 'hello')
    const asked = await one.asked('request')
    expect([status, waitingOn]).toEqual(['waiting', [{ kind: 'request', id: asked.id }]])
    await one.until(() => (worker.inMemory === 0 ? true : null), 'an empty memory')
    const shown = await one.sb.runs.request('acme', asked.id)
    expect(shown.port?.payload).toEqual({ text: 'hello' })
    expect(shown.port?.responseSchema).toMatchObject({ properties: { ok: { type: 'boolean' } } })
    expect([asked.tool, asked.class]).toEqual(['review', 'port'])
    await one.kill()
    const next = one.another()
    await next.sb.runs.respond({ requestId: asked.id, value: { ok: true }, by: PAUL })
    next.work()
    expect((await next.ended(runId)).output).toEqual({ note: 'noted', ok: true })
    const [answered] = await next.of(runId, 'request.answered')
    expect([answered?.by?.id, answered?.answer]).toEqual([PAUL.id, 'answered'])
    expect(await next.store.request('acme', asked.id)).toMatchObject({ state: 'answered', decidedBy: PAUL.id })
    expect(lineageGaps(await next.records(runId))).toEqual([])
  })

  it('FLW-011: refuses an answer that does not fit, is forged or comes second, and stays open until one fits', async () => {
    const one = box({ workflows: [asking()] })
    one.work()
    const runId = await one.start('job', 'hello')
    const { id } = await one.asked('request')
    const respond = (requestId: string, value: unknown, by = PAUL) => one.sb.runs.respond({ requestId, value, by })
    await expect(respond(id, { ok: 'yes' })).rejects.toMatchObject({ code: 'INPUT_INVALID' })
    await expect(respond('req_0000000000', { ok: true })).rejects.toMatchObject({ code: 'REQUEST_NOT_FOUND' })
    await expect(respond(id, { ok: true }, { ...PAUL, tenant: 'other' })).rejects.toMatchObject({
      code: 'REQUEST_NOT_FOUND',
    })
    expect(await one.of(runId, 'request.answered')).toEqual([])
    await respond(id, { ok: false })
    await expect(respond(id, { ok: true }, VERA)).rejects.toMatchObject({ code: 'APPROVAL_DECIDED' })
    expect((await one.ended(runId)).output).toEqual({ note: 'noted', ok: false })
    await expect(respond(id, { ok: true }, VERA)).rejects.toThrow()
  })

  it('FLW-012: ends as expired at the deadline of its port; nobody can answer it then', async () => {
    const one = box({ workflows: [asking()] })
    one.work()
    const runId = await one.start('job', 'hello')
    const { id } = await one.asked('request')
    await one.until(async () => ((await one.row(runId)).status === 'waiting' ? true : null), 'a run that waits')
    await one.host.advance(3_601_000)
    expect((await one.ended(runId)).output).toEqual({ note: 'noted', status: 'expired', code: 'APPROVAL_EXPIRED' })
    expect(await one.store.request('acme', id)).toMatchObject({ state: 'expired' })
    await expect(one.sb.runs.respond({ requestId: id, value: { ok: true }, by: PAUL })).rejects.toThrow()
    expect(lineageGaps(await one.records(runId))).toEqual([])
  })

  it('FLW-012: an answer that comes after the deadline changes nothing, also when nobody was there to see it pass', async () => {
    const one = box({ workflows: [asking()] })
    one.work()
    const runId = await one.start('job', 'hello')
    const { id } = await one.asked('request')
    await one.kill()
    await one.host.advance(3_601_000)
    await one.sb.runs.respond({ requestId: id, value: { ok: true }, by: PAUL }).catch(() => undefined)
    one.work()
    expect((await one.ended(runId)).output).toEqual({ note: 'noted', status: 'expired', code: 'APPROVAL_EXPIRED' })
    expect((await one.of(runId, 'request.answered')).map(({ answer }) => answer)).toEqual(['expired'])
  })

  it('FLW-017: of two answers that reach the run the first counts, and the second leaves no trace', async () => {
    const one = box({ workflows: [asking()] })
    one.work()
    const runId = await one.start('job', 'hello')
    const { id } = await one.asked('request')
    await one.kill()
    const inbox = [true, false].map((ok, i) => ({ ok, slot: `request:${id}:${i}` }))
    for (const { ok, slot } of inbox) await postAnswer(one, runId, { id, ok, slot })
    await one.host.advance(16_000)
    one.work()
    expect((await one.ended(runId)).output).toEqual({ note: 'noted', ok: true })
    expect(await one.of(runId, 'request.answered')).toHaveLength(1)
  })

  it('FLW-014: takes back what its end does not wait for, as the losers of a race', async () => {
    const work = job(
      async (_input, f) =>
        Promise.race([
          f.ask(review, { text: 'slow' }).then((end) => `asked ${end.status}`),
          f.sleep(86_400).then(() => 'slept'),
          f.step('quick', null, () => 'computed'),
        ]),
      { ports: [review] },
    )
    const one = box({ workflows: [work] })
    one.work()
    const { runId, status, output } = await one.run('job', null)
    expect([status, output]).toEqual(['completed', 'computed'])
    expect(await one.open('request')).toEqual([])
    expect((await one.of(runId, 'request.answered')).map(({ answer, by }) => [answer, by])).toEqual([
      ['cancelled', null],
    ])
    const ends = (await one.of(runId, 'activity.outcome')).map(({ kind, status: how }) => `${kind} ${how}`)
    expect(ends.sort()).toEqual(['request cancelled', 'step succeeded', 'timer cancelled'])
    const [asked] = await one.of(runId, 'request.opened')
    const late = one.sb.runs.respond({ requestId: asked?.request.request_id ?? '', value: { ok: true }, by: PAUL })
    await expect(late).rejects.toThrow()
  })

  it('FLW-015: a cancelled run takes its request back and does nothing that would come after the answer', async () => {
    const outside = await bank()
    const pay = payTool(outside)
    const work = job(
      async (_input, f) => {
        await f.ask(review, { text: 'may I' })
        return (await f.call(pay, { to: 'bob', amount: 1 })).status
      },
      { ports: [review], tools: [pay] },
    )
    const one = box({ workflows: [work] })
    one.work()
    const runId = await one.start('job', null)
    const { id } = await one.asked('request')
    await one.sb.runs.cancel({ runId, by: PAUL, reason: 'not wanted any more' })
    expect((await one.ended(runId)).status).toBe('cancelled')
    expect(await one.store.request('acme', id)).toMatchObject({ state: 'cancelled' })
    await expect(one.sb.runs.respond({ requestId: id, value: { ok: true }, by: PAUL })).rejects.toThrow()
    expect(outside.requests).toEqual([])
    expect(lineageGaps(await one.records(runId))).toEqual([])
  })

  it('FLW-026: the story names step and port, who answered, and what is open', async () => {
    const one = box({ workflows: [asking()] })
    one.work()
    const runId = await one.start('job', 'hello')
    await one.asked('request')
    await one.until(async () => ((await one.row(runId)).status === 'waiting' ? true : null), 'a run that waits')
    const told = async () => renderExplanation(explain(await one.records(runId), { now: one.host.now() }))
    expect(await told()).toContain('port `review` has to be answered')
    await respond(one, true)
    await one.ended(runId)
    const whole = await told()
    expect(whole).toContain('Step `note` of `job` succeeded')
    expect(whole).toContain('`user:paul` answered port `review`')
    expect(whole).toContain('Nothing is open.')
  })

  it('FLW-016: a port that the function does not declare is refused, and nobody is asked', async () => {
    const one = box({ workflows: [asking({ ports: [] })] })
    one.work()
    const result = await one.run('job', 'hello')
    expect([result.status, result.reason?.code]).toEqual(['stopped', 'CONFIG_INVALID'])
    expect(await one.of(result.runId, 'request.opened')).toEqual([])
  })
})

describe.each(MOVES)('a function taken up again by a %s', (_how, move) => {
  it('FLW-013: offers its open request again, and keeps an answer that was given', async () => {
    const work = job(
      async (_input, f) => {
        const first = await f.ask(review, { text: 'first' })
        const second = await f.ask(review, { text: 'second' })
        return [first, second].map((end) => (end.status === 'succeeded' ? end.output.ok : end.status))
      },
      { ports: [review] },
    )
    const one = box({ workflows: [work] })
    one.work()
    const runId = await one.start('job', null)
    await respond(one, true)
    const asked = await one.asked('request')
    const point = asked.seq
    await respond(one, false)
    expect((await one.ended(runId)).output).toEqual([true, false])
    const again = await move(one, runId, point)
    const anew = await one.asked('request')
    expect(anew.id === asked.id).toBe(again === runId)
    expect(await one.open('request')).toHaveLength(1)
    await respond(one, true)
    expect((await one.ended(again)).output).toEqual([true, true])
  })
})
