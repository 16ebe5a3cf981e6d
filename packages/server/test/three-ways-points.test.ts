/** Rules at the intervention points that are not calls: what they withhold leaves nowhere, streamed or not. */
import {
  type AskSpec,
  type ContentRef,
  type InterventionPoint,
  type JsonValue,
  type PolicyPort,
  projectRecords,
  type RunRecord,
  type RunResult,
  type StreamItem,
  type WorkflowSpec,
} from 'signalbox'
import { afterEach, describe, expect, it } from 'vitest'
import { deskAnswer, deskBundle, FINAL_WORDS, rule } from './ways/desk.ts'
import { startProvider } from './ways/outside.ts'
import { type Box, type BoxOptions, openBox, providedDesk, recordsOf, serve } from './ways/play.ts'
import { newReader, readOn } from './ways/reader.ts'

const closing: (() => Promise<void>)[] = []
afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close()
})

/** Everything that left the process or is stored, of one run. */
interface Trace {
  readonly result: RunResult
  readonly records: readonly RunRecord[]
  /** What the shop was asked to change. */
  readonly sent: readonly string[]
  readonly deltas: readonly string[]
  /** By place, as text: bytes of the event stream, items of listeners, stored contents, telemetry, answers of the API. */
  readonly places: Readonly<Record<string, string>>
}

const WAYS = ['collected', 'streamed'] as const

interface PlayOptions {
  readonly policy: PolicyPort
  readonly workflow?: 'answer' | 'refund-desk'
  readonly spec?: (spec: WorkflowSpec) => WorkflowSpec
  /** Changes the runtime before it is used. */
  readonly plant?: (box: Box) => void
}

/** `streamed`: the provider streams, and a reader of the event stream and a listener are there from the start. */
async function play(way: (typeof WAYS)[number], options: PlayOptions): Promise<Trace> {
  const { policy, workflow = 'answer', plant, spec } = options
  const box = await openBox({ policy, ...(spec ? { spec } : {}), ...(await modelOf(way)) })
  closing.push(box.close)
  const items: StreamItem[] = []
  if (way === 'streamed') box.box.onItem((item) => items.push(item))
  plant?.(box)
  const web = await serve(box)
  closing.push(web.server.close)
  const started = await web.ana.startRun({ body: { workflow, input: { orderId: 'o-7' } } })
  const runId = started.run_id
  const seen = newReader()
  if (way === 'streamed') {
    await readOn(web, runId, seen, 2)
    const end = box.box.runs.wait('acme', runId, { untilWaiting: true }).then(({ status }) => status)
    await Promise.race([readOn(web, runId, seen), end.then((status) => (status === 'parked' ? status : readOnForEver))])
  }
  const result = await box.box.runs.wait('acme', runId, { untilWaiting: true })
  const records = await recordsOf(box, runId)
  const params = { id: runId }
  const places = {
    stream: seen.raw,
    listeners: JSON.stringify(items),
    contents: JSON.stringify(await allContents(box, runId, records)),
    records: JSON.stringify(records),
    telemetry: JSON.stringify(projectRecords(null, records)),
    api: JSON.stringify([await web.ana.run({ params }), await web.ana.explain({ params })]),
  }
  const sent = box.shop.log.filter((entry) => entry.method === 'POST').map((entry) => entry.path)
  const provisional = items.flatMap((item) => (item.kind === 'delta' ? [item.delta.delta] : []))
  return { result, records, sent, deltas: [...provisional, ...seen.deltas], places }
}

const readOnForEver: Promise<never> = new Promise(() => undefined)

async function modelOf(way: (typeof WAYS)[number]): Promise<BoxOptions> {
  if (way === 'collected') return {}
  const { url, close } = await startProvider(deskAnswer)
  closing.push(close)
  return { model: 'openai-compatible/clerk', models: providedDesk(url, true) }
}

/** Every sealed value of a run, opened. */
async function allContents({ box }: Box, runId: string, records: readonly RunRecord[]): Promise<JsonValue[]> {
  const contents = await box.runs.contents('acme', runId)
  const refs = records.flatMap((record) => refsIn(record)).filter((ref) => ref.r === undefined)
  return Promise.all(refs.map((ref) => contents.read(ref)))
}

function refsIn(value: unknown): ContentRef[] {
  if (typeof value !== 'object' || value === null) return []
  // A reference is the only object of a record with these three fields.
  if ('s' in value && 'i' in value && 'h' in value) return [value as ContentRef]
  return Object.values(value).flatMap(refsIn)
}

const found = (trace: Trace, text: string): string[] =>
  Object.entries(trace.places).flatMap(([place, all]) => (all.includes(text) ? [place] : []))

/** No byte of the text is anywhere, and no provisional part of anything. */
function expectWithheld(trace: Trace, text: string): void {
  expect(trace.deltas).toEqual([])
  expect(found(trace, text)).toEqual([])
}

/** The text is there, and came after the verdict on it. */
function expectAfterVerdict(trace: Trace, point: InterventionPoint, text: string): void {
  expect(trace.deltas).toEqual([])
  expect(found(trace, text)).toEqual(expect.arrayContaining(['contents', 'api']))
  const seqOf = (find: (record: RunRecord) => boolean): number => trace.records.findLast(find)?.seq ?? 0
  const verdict = seqOf((record) => record.type === 'decision.recorded' && record.decision.point === point)
  const answer = seqOf((record) => record.type === 'activity.outcome' && record.kind === 'model')
  const output = seqOf((record) => record.type === 'run.completed')
  expect(verdict).toBeGreaterThan(0)
  expect(verdict).toBeLessThan(answer)
  expect(verdict).toBeLessThan(output)
}

const stopped = (trace: Trace, subject: string) =>
  expect([trace.result.status, trace.result.reason, trace.result.output]).toEqual([
    'stopped',
    { kind: 'denied', code: 'POLICY_DENIED', subject },
    null,
  ])

const permit = (point: InterventionPoint): string => rule('point.may', 'permit', `point:${point}`)
const permits = (point: InterventionPoint) => deskBundle({ approval: false, more: permit(point) })
const forbids = (point: InterventionPoint, like: string) =>
  deskBundle({
    approval: false,
    more: permit(point) + rule('point.not', 'forbid', `point:${point}`, `context.input.text like "*${like}*"`),
  })
const BOTH = ['/refunds', '/letters']

describe.each(WAYS)('rules at the points, %s', (way) => {
  it('WAY-004: without rules at the points the text is in the stored contents; deltas go to who listens', async () => {
    const trace = await play(way, { policy: deskBundle({ approval: false }) })
    expect(trace.result.status).toBe('completed')
    expect(found(trace, FINAL_WORDS)).toContain('contents')
    expect(found(trace, FINAL_WORDS)).not.toContain('telemetry')
    if (way === 'streamed') expect(trace.deltas.join('')).toContain(FINAL_WORDS)
    expect(trace.sent).toEqual(BOTH)
  })

  it('WAY-004: a denied output is nowhere: not in the stream, with no listener, in no stored content', async () => {
    const trace = await play(way, { policy: forbids('output', 'heron') })
    expectWithheld(trace, 'heron')
    stopped(trace, 'output:clerk')
    expect(trace.sent).toEqual(BOTH)
  })

  it('WAY-004: a permitted output appears after its verdict, decided once', async () => {
    const trace = await play(way, { policy: permits('output') })
    expectAfterVerdict(trace, 'output', FINAL_WORDS)
    expect(trace.records.filter((record) => record.type === 'decision.recorded')).toHaveLength(1)
    expect(trace.result).toMatchObject({ status: 'completed', output: { why: FINAL_WORDS } })
  })

  it('WAY-004: a denied output of a node that is no agent ends the run without one', async () => {
    const trace = await play(way, { policy: forbids('output', 'heron'), workflow: 'refund-desk' })
    expect(trace.deltas).toEqual([])
    stopped(trace, 'output:close')
  })

  it('WAY-005: a denied answer of a model is nowhere, and no call of it is made', async () => {
    const last = await play(way, { policy: forbids('post_model_call', 'heron') })
    expectWithheld(last, 'heron')
    expect([last.result.status, last.result.reason?.code, last.sent]).toEqual(['stopped', 'POLICY_DENIED', BOTH])
    const first = await play(way, { policy: forbids('post_model_call', 'propose') })
    expectWithheld(first, 'propose')
    expect([first.result.status, first.result.reason?.code, first.sent]).toEqual(['stopped', 'POLICY_DENIED', []])
  })

  it('WAY-005: a permitted answer of a model appears after its verdict', async () => {
    const trace = await play(way, { policy: permits('post_model_call') })
    expectAfterVerdict(trace, 'post_model_call', FINAL_WORDS)
    expect(trace.sent).toEqual(BOTH)
  })

  it('WAY-005: an input that is denied starts nothing; a permitted one goes on', async () => {
    const denied = await play(way, { policy: forbids('input', 'o-7') })
    stopped(denied, 'input')
    expect([denied.sent, denied.records.some((record) => record.type === 'activity.intent')]).toEqual([[], false])
    const allowed = await play(way, { policy: permits('input') })
    expect([allowed.result.status, allowed.sent]).toEqual(['completed', BOTH])
  })

  it('WAY-005: an agent that may not start calls nothing; one that may is asked once', async () => {
    const denied = await play(way, { policy: forbids('agent_startup', 'o-7') })
    stopped(denied, 'agent_startup:clerk')
    expect([denied.sent, denied.records.some((record) => record.type === 'activity.intent')]).toEqual([[], false])
    const allowed = await play(way, { policy: permits('agent_startup') })
    expect([allowed.result.status, allowed.sent]).toEqual(['completed', BOTH])
  })

  it('WAY-005: a denied result of an effect is withheld, the effect stays on record and happens once', async () => {
    const trace = await play(way, { policy: forbids('post_tool_call', 'refunds-1') })
    expect(found(trace, 'refunds-1')).toEqual([])
    expect([trace.result.status, trace.sent]).toEqual(['completed', BOTH])
    // The agent is told that it happened, and why it sees nothing of it.
    expect(trace.places.contents).toContain('{"status":"succeeded","reason_code":"NOT_HERE"}')
    const refund = trace.records.find(
      (record) => record.type === 'activity.outcome' && record.name === 'payments.refund',
    )
    expect(refund).toMatchObject({ status: 'succeeded', code: 'NOT_HERE', effect_hash: expect.any(String) })
    const allowed = await play(way, { policy: permits('post_tool_call') })
    expect(found(allowed, 'refunds-1')).toContain('contents')
    expect(allowed.sent).toEqual(BOTH)
  })

  it('WAY-005: a denied result of a read never becomes history, and the agent is told the reason code', async () => {
    const trace = await play(way, { policy: forbids('post_tool_call', 'total_cents') })
    expect(found(trace, 'total_cents')).toEqual([])
    expect(trace.places.contents).toContain('NOT_HERE')
    expect([trace.result.status, trace.sent]).toEqual(['completed', BOTH])
  })

  it('WAY-005: an agent whose end is denied gives no message; a permitted end does', async () => {
    const denied = await play(way, { policy: forbids('agent_shutdown', 'heron') })
    stopped(denied, 'agent_shutdown:clerk')
    expect([denied.deltas, denied.sent]).toEqual([[], BOTH])
    expect(denied.records.some((record) => record.type === 'superstep.completed')).toBe(false)
    const allowed = await play(way, { policy: permits('agent_shutdown') })
    expect([allowed.result.status, allowed.sent]).toEqual(['completed', BOTH])
  })

  it.each(['input', 'agent_startup', 'post_model_call', 'output', 'agent_shutdown'] as const)(
    'WAY-005: a policy that breaks down at %s parks the run, and what it should have judged goes nowhere',
    async (point) => {
      const trace = await play(way, { policy: breaksAt(permits(point), point) })
      expect([trace.result.status, trace.result.reason?.code]).toEqual(['parked', 'POLICY_MALFUNCTION'])
      expect(trace.deltas).toEqual([])
      if (point !== 'agent_shutdown') expect(found(trace, 'heron')).toEqual([])
      expect(trace.sent).toEqual(point === 'output' || point === 'agent_shutdown' ? BOTH : [])
    },
  )
})

function breaksAt(policy: PolicyPort, point: InterventionPoint): PolicyPort {
  return {
    ...policy,
    decide: (request) => {
      if (request.point === point) throw new TypeError('this policy is broken')
      return policy.decide(request)
    },
  }
}

/** The same workflow, whose agent does not say which answer is its last: only the node's message is judged then. */
function judgedLate(spec: WorkflowSpec): WorkflowSpec {
  const clerk = spec.nodes.get('clerk')
  const run = clerk?.run
  if (!clerk || !run) return spec
  const late: typeof clerk = {
    ...clerk,
    run: (input, ctx) =>
      run(
        input,
        Object.create(ctx, {
          ask: {
            value: (one: AskSpec) => {
              const { finalOf: _left, ...rest } = one.kind === 'model' ? one : { ...one, finalOf: null }
              return ctx.ask(rest)
            },
          },
        }),
      ),
  }
  return { ...spec, nodes: new Map(spec.nodes).set('clerk', late) }
}

describe('planted faults', () => {
  const red = async (check: () => void): Promise<boolean> => {
    try {
      check()
      return false
    } catch {
      return true
    }
  }

  it('WAY-006: deltas sent in spite of an output rule are found', async () => {
    const trace = await play('streamed', {
      policy: forbids('output', 'heron'),
      plant: ({ box }) => {
        box.onItem((item) => {
          if (item.kind === 'record' && item.record.type === 'activity.intent')
            box.publish({
              kind: 'delta',
              runId: item.runId,
              ask: item.record.ask.key,
              attempt: 1,
              offset: 0,
              delta: { type: 'text-delta', id: '0', delta: 'a heron' },
            })
        })
      },
    })
    expect(await red(() => expectWithheld(trace, 'heron'))).toBe(true)
  })

  it('WAY-006: a runtime that does not know of its output rule is found', async () => {
    const policy = forbids('output', 'heron')
    const deaf: PolicyPort = { ...policy, hasRulesAt: (point) => point !== 'output' && policy.hasRulesAt(point) }
    const trace = await play('collected', { policy: deaf })
    expect(await red(() => expectWithheld(trace, 'heron'))).toBe(true)
    expect(await red(() => expectAfterVerdict(trace, 'output', FINAL_WORDS))).toBe(true)
  })

  it('WAY-006: an output that is judged only after its answer is on record is found', async () => {
    const trace = await play('collected', { policy: permits('output'), spec: judgedLate })
    expect(trace.result.status).toBe('completed')
    expect(await red(() => expectAfterVerdict(trace, 'output', FINAL_WORDS))).toBe(true)
  })
})
