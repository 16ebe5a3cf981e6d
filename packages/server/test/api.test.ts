import { ENDPOINTS, type EndpointName, problemSchema } from '@signalbox/protocol'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { REASON, REQUESTS, WRITERS } from './api-requests.ts'
import { type Harness, type Person, startHarness } from './harness.ts'

let h: Harness
beforeEach(async () => {
  h = await startHarness()
})
afterEach(async () => {
  await h.server.close()
})

const send = (name: EndpointName, person?: Person, body = REQUESTS[name]?.body): Promise<Response> =>
  h.raw(`/api/v1${REQUESTS[name]?.path ?? ''}`, {
    method: ENDPOINTS[name].method.toUpperCase(),
    ...(person ? { person } : {}),
    ...(body === undefined ? {} : { body: JSON.stringify(body), headers: { 'content-type': 'application/json' } }),
  })

describe('who may do what', () => {
  it('API-002: every endpoint but health and readiness answers 401 without a valid credential', async () => {
    const closed = (Object.keys(ENDPOINTS) as EndpointName[]).filter(
      (name) => name !== 'health' && name !== 'ready' && name !== 'me',
    )
    expect(Object.keys(REQUESTS).sort()).toEqual(closed.sort())
    for (const name of closed) {
      const response = await send(name)
      expect([name, response.status]).toEqual([name, 401])
      expect(response.headers.get('www-authenticate')).toBe('Bearer')
    }
    for (const header of ['Bearer wrong-token-0123456789', 'Basic dXNlcjpwdw==', 'Bearer ']) {
      const response = await h.raw('/api/v1/me', { headers: { authorization: header } })
      expect(problemSchema.parse(await response.json()).code).toBe('AUTH_REQUIRED')
    }
    expect((await h.raw('/api/v1/health')).status).toBe(200)
    // The board of this server has a full disk on it.
    const ready = await h.raw('/api/v1/ready')
    expect(ready.status).toBe(503)
    expect(await ready.json()).toMatchObject({ code: 'NOT_READY', detail: expect.stringContaining('STORE_FULL') })
    expect((await h.raw('/api/v1/runs/run_w/stream')).status).toBe(401)
  })

  it('API-003: roles decide: each change is open to its roles only, reading to every role', async () => {
    const people: readonly Person[] = ['rita', 'paul', 'vera', 'olga', 'nobody']
    for (const name of Object.keys(REQUESTS) as EndpointName[]) {
      for (const person of people) {
        const allowed = person === 'nobody' ? false : (WRITERS[name]?.includes(person) ?? true)
        const { status } = await send(name, person)
        expect([name, person, status === 403]).toEqual([name, person, !allowed])
      }
    }
  })

  it('API-003: a refusal tells which role would do', async () => {
    const problem = problemSchema.parse(await (await send('decide', 'rita')).json())
    expect(problem).toMatchObject({ code: 'FORBIDDEN', status: 403, details: { roles: ['approver'] } })
    expect(problem.detail).toContain('`user:rita`')
  })

  it('API-004, HOL-012: identity comes from the credential alone; a body or header that names someone changes nothing', async () => {
    await h
      .as('paul')
      .decide({ params: { id: 'apr_1' }, body: { answer: 'approved', reason: REASON, packet_hash: 'packet-hash' } })
    expect(h.fake.noted).toMatchObject([
      { what: 'decide', by: { id: 'user:paul', tenant: 'dev' }, request: { seen: 'packet-hash' } },
    ])
    for (const forged of [
      { by: 'user:paul' },
      { principal: { id: 'user:paul' } },
      { roles: ['approver'] },
      { tenant: 'other' },
    ]) {
      const response = await send('decide', 'paul', { answer: 'approved', reason: REASON, packet_hash: 'x', ...forged })
      expect(problemSchema.parse(await response.json()).code).toBe('INPUT_INVALID')
    }
    const headers = { 'x-user': 'user:paul', 'x-signalbox-principal': 'user:paul', cookie: 'user=paul' }
    expect((await h.raw('/api/v1/me', { person: 'vera', headers })).status).toBe(200)
    expect((await h.as('vera').me()).principal.id).toBe('user:vera')
    expect(h.fake.noted.length).toBe(1)
  })

  it('API-005: another tenant sees and changes nothing: what it does not have does not exist', async () => {
    const stranger = h.as('stranger')
    const params = { id: 'run_w' }
    await expect(stranger.run({ params })).rejects.toMatchObject({ code: 'RUN_NOT_FOUND' })
    await expect(stranger.events({ params })).rejects.toMatchObject({ code: 'RUN_NOT_FOUND' })
    await expect(stranger.checkpoints({ params })).rejects.toMatchObject({ code: 'RUN_NOT_FOUND' })
    await expect(stranger.explain({ params })).rejects.toMatchObject({ code: 'RUN_NOT_FOUND' })
    await expect(stranger.lineage({ params })).rejects.toMatchObject({ code: 'RUN_NOT_FOUND' })
    await expect(stranger.audit({ params })).rejects.toMatchObject({ code: 'RUN_NOT_FOUND' })
    await expect(stranger.cancel({ params, body: { reason: REASON } })).rejects.toMatchObject({ code: 'RUN_NOT_FOUND' })
    await expect(stranger.approval({ params: { id: 'apr_1' } })).rejects.toMatchObject({ code: 'APPROVAL_NOT_FOUND' })
    expect((await stranger.listRuns()).runs.map((run) => run.run_id)).toEqual(['run_other'])
    expect((await h.as('vera').listRuns()).runs.map((run) => run.run_id)).not.toContain('run_other')
    expect((await stranger.auditAll()).runs).toBe(1)
    const stream = await h.raw('/api/v1/runs/run_w/stream', { person: 'stranger' })
    expect(problemSchema.parse(await stream.json()).code).toBe('RUN_NOT_FOUND')
    expect(h.fake.noted).toEqual([])
  })

  it('API-006: a requester cancels own runs only, and terminating takes an operator', async () => {
    await h.as('rita').cancel({ params: { id: 'run_w' }, body: { reason: REASON } })
    expect(h.fake.noted.at(-1)).toMatchObject({
      what: 'cancel',
      by: { id: 'user:rita' },
      request: { terminate: false },
    })
    const terminate = { params: { id: 'run_w' }, body: { reason: REASON, terminate: true } }
    await expect(h.as('rita').cancel(terminate)).rejects.toMatchObject({ code: 'FORBIDDEN' })
    await h.as('olga').cancel(terminate)
    expect(h.fake.noted.at(-1)).toMatchObject({ by: { id: 'user:olga' }, request: { terminate: true } })
  })
})

describe('errors', () => {
  it('API-007: every error is a problem document with the code, status and path', async () => {
    const cases: readonly (readonly [string, RequestInit & { person?: Person }, string, number])[] = [
      ['/api/v1/nothing', { person: 'vera' }, 'NOT_FOUND', 404],
      ['/api/v1/runs/none', { person: 'vera' }, 'RUN_NOT_FOUND', 404],
      ['/api/v1/runs?limit=0', { person: 'vera' }, 'INPUT_INVALID', 422],
      ['/api/v1/runs?status=asleep', { person: 'vera' }, 'INPUT_INVALID', 422],
      ['/api/v1/runs?before=yesterday', { person: 'vera' }, 'INPUT_INVALID', 422],
      ['/api/v1/runs?limt=3', { person: 'vera' }, 'INPUT_INVALID', 422],
      ['/api/v1/runs', { person: 'rita', method: 'POST', body: '{"workflow":"x"}' }, 'USAGE', 400],
      [
        '/api/v1/runs',
        { person: 'rita', method: 'POST', body: '{', headers: { 'content-type': 'application/json' } },
        'USAGE',
        400,
      ],
      ['/api/v1/runs', { person: 'vera', method: 'DELETE' }, 'NOT_FOUND', 404],
      ['/api/v1/runs/run_w/stream', { person: 'vera', headers: { 'last-event-id': 'x' } }, 'INPUT_INVALID', 422],
      ['/not-here.js', {}, 'NOT_FOUND', 404],
    ]
    for (const [path, init, code, status] of cases) {
      const response = await h.raw(path, init)
      const problem = problemSchema.parse(await response.json())
      expect([path, problem.code, response.status]).toEqual([path, code, status])
      expect(problem).toMatchObject({
        status,
        instance: path.split('?')[0],
        type: `urn:signalbox:problem:${code.toLowerCase()}`,
      })
      expect(response.headers.get('content-type')).toBe('application/problem+json')
    }
  })

  it("API-007: a runtime's error keeps its code and details", async () => {
    h.fake.failNext('APPROVAL_DECIDED')
    const response = await send('decide', 'paul')
    expect(response.status).toBe(409)
    expect(problemSchema.parse(await response.json())).toMatchObject({
      code: 'APPROVAL_DECIDED',
      details: { by: 'user:someone' },
    })
  })

  it('API-008: an unexpected fault says nothing of its text, neither to the caller nor in the log', async () => {
    h.fake.runs.list = () => Promise.reject(new TypeError('secret content of a run'))
    const response = await send('listRuns', 'vera')
    const text = await response.text()
    expect(problemSchema.parse(JSON.parse(text)).code).toBe('INTERNAL')
    expect(text).not.toContain('secret')
    expect(h.faults.length).toBe(1)
    expect(JSON.stringify(h.faults)).not.toContain('secret')
    expect(h.faults[0]?.stack).toMatch(/api\.test\.ts/)
  })

  it('API-009: a body above one mebibyte is refused', async () => {
    const body = JSON.stringify({ workflow: 'payables', input: 'x'.repeat(1_100_000) })
    const response = await h.raw('/api/v1/runs', {
      person: 'rita',
      method: 'POST',
      body,
      headers: { 'content-type': 'application/json' },
    })
    expect(problemSchema.parse(await response.json()).code).toBe('INPUT_INVALID')
    expect(h.fake.noted).toEqual([])
  })

  it('FRK-060: what a move would do can be read, and a fork is made in the name of the credential with its plan', async () => {
    const plan = await (await send('movePlan', 'vera')).json()
    expect(plan).toMatchObject({ kind: 'fork', run_id: 'run_w', seq: 1, effects: [{ seq: 9, handling: 'ledger' }] })
    const body = {
      seq: 1,
      reason: REASON,
      plan: [
        { seq: 9, action: 'repeat' },
        { run_id: 'run_b', seq: 3, action: 'ask' },
      ],
    }
    expect(await (await send('fork', 'olga', body)).json()).toEqual({ run_id: 'run_fork', existed: false })
    expect(h.fake.noted.at(-1)).toMatchObject({
      what: 'fork',
      by: { id: 'user:olga' },
      request: {
        runId: 'run_w',
        seq: 1,
        plan: [
          { seq: 9, action: 'repeat' },
          { runId: 'run_b', seq: 3, action: 'ask' },
        ],
      },
    })
  })

  it('API-010: a reason of at least three characters is required wherever a person decides', async () => {
    for (const name of [
      'cancel',
      'resume',
      'release',
      'restore',
      'fork',
      'compensate',
      'feedback',
      'decide',
      'editApproval',
      'delegate',
      'giveStanding',
      'answer',
      'engageKillSwitch',
      'liftKillSwitch',
    ] as const) {
      const body = { ...(REQUESTS[name]?.body as object), reason: ' a ' }
      const person = WRITERS[name]?.at(-1)
      const response = await send(name, person, body)
      const problem = problemSchema.parse(await response.json())
      expect([name, problem.code]).toEqual([name, 'INPUT_INVALID'])
      expect(problem.detail).toContain('`reason`')
    }
    expect(h.fake.noted).toEqual([])
  })
})

describe('what pages show', () => {
  it('API-011: one run tells its budget bars, open requests and activities by superstep with decision and approval', async () => {
    const run = await h.as('vera').run({ params: { id: 'run_c' } })
    expect(run.budget.map(({ name, limit, spent, held }) => [name, limit, spent, held])).toEqual([
      ['turns', '4', '1', '0'],
      ['tool_calls', '4', '1', '0'],
      ['runtime', '60000', '11', '0'],
      ['tokens', '1000', '120', '0'],
      ['cost', '10000000', '2500000', '0'],
    ])
    expect(run.budget.at(-1)?.fraction).toBe(0.25)
    expect(run.timeline.length).toBe(1)
    const [step] = run.timeline
    expect(step).toMatchObject({ superstep: 0, status: 'completed', current: true, nodes: ['pay'], checkpoint_seq: 11 })
    expect(
      step?.activities.map(({ kind, name, status, cost_nano_usd }) => [kind, name, status, cost_nano_usd]),
    ).toEqual([
      ['model', 'scripted/clerk', 'succeeded', '2500000'],
      ['tool', 'payments.pay', 'succeeded', '0'],
    ])
    expect(step?.activities[1]).toMatchObject({
      class: 'payments.write',
      effect: 'irreversible',
      decision: { verdict: 'allow', policies: ['pay-above-limit'] },
      approval: { approval_id: 'apr_1', answer: 'approved', by: 'user:paul', reason: 'invoice and order agree' },
      arguments: '{"content":"3.0"}',
      latency_ms: 30,
      effect_hash: 'eh',
    })
    expect(run.why).toContain('Completed')
  })

  it('DEP-016: it tells with which version the run is and what the one here can do with it; an ended run has none', async () => {
    expect(await (await h.raw('/api/v1/runs/run_w', { person: 'vera' })).json()).toMatchObject({
      definition: { version: '1.0.0', here: '1.0.0', standing: 'same', reason: null, changes: [] },
    })
    expect(await (await h.raw('/api/v1/runs/run_c', { person: 'vera' })).json()).toMatchObject({ definition: null })
  })

  it('API-011: a waiting run shows the call that waits, what it waits for, and what is reserved', async () => {
    const run = await h.as('vera').run({ params: { id: 'run_w' } })
    expect(run.why).toContain('approve `payments.pay`')
    expect(run.open).toMatchObject([{ id: 'apr_1', kind: 'approval', tool: 'payments.pay' }])
    expect(run.timeline[0]?.activities[1]).toMatchObject({ status: 'waiting', approval: { answer: 'open', by: null } })
    expect(run.output).toBeNull()
  })

  it('API-012: erased content reads as null and the rest of the page stands', async () => {
    const run = await h.as('vera').run({ params: { id: 'run_c' } })
    expect(run.output).toBeNull()
    expect(run.input).toEqual({ content: '1.0' })
  })

  it('API-013: an approval shows the four parts, and tells each viewer whether they may answer', async () => {
    const params = { id: 'apr_1' }
    const seen = await h.as('paul').approval({ params })
    expect(seen).toMatchObject({
      packet: {
        summary: 'Pay invoice 4711',
        target: { id: '4711' },
        impact: { money: { minor: 150_000 } },
        rollback: 'Ask the bank within 24 h',
      },
      packet_hash: 'packet-hash',
      can_decide: true,
      cannot_decide_code: null,
    })
    expect(await h.as('vera').approval({ params })).toMatchObject({
      can_decide: false,
      cannot_decide_code: 'FORBIDDEN',
    })
    expect((await h.as('paul').approval({ params })).arguments_schema).toEqual({ type: 'object' })
    expect((await h.as('paul').approvals()).approvals).toMatchObject([{ id: 'apr_1', summary: 'Pay invoice 4711' }])
    await expect(h.as('paul').question({ params })).rejects.toMatchObject({ code: 'QUESTION_NOT_FOUND' })
  })

  it('API-014: events come in pages by sequence', async () => {
    const first = await h.as('vera').events({ params: { id: 'run_c' }, query: { limit: 5 } })
    expect([first.events.map((event) => event.seq), first.next_after]).toEqual([[1, 2, 3, 4, 5], 5])
    const rest = await h.as('vera').events({ params: { id: 'run_c' }, query: { after: 5 } })
    expect([rest.events[0]?.seq, rest.events[0]?.type, rest.next_after]).toEqual([6, 'run.waiting', null])
  })

  it('API-015: explanation, lineage and audit of a sound history; an audit finds a changed byte', async () => {
    const params = { id: 'run_c' }
    const told = await h.as('vera').explain({ params })
    expect(told.status).toContain('completed')
    expect(told.text).toContain('payments.pay')
    expect(told.story.every((sentence) => sentence.seq !== null)).toBe(true)
    const lineage = await h.as('vera').lineage({ params })
    expect(lineage).toMatchObject({
      complete: true,
      gaps: [],
      effects: [{ tool: 'payments.pay', approval: { by: 'user:paul' } }],
    })
    expect(await h.as('vera').audit({ params })).toMatchObject({ ok: true, records: 12, findings: [] })
    expect(await h.as('vera').auditAll()).toMatchObject({ ok: true, runs: 2 })
    const stored = await h.fake.store.records('dev', 'run_c')
    Object.assign(stored[4] ?? {}, { body: stored[4]?.body.replace('apr_1', 'apr_2') })
    const broken = await h.as('vera').audit({ params })
    expect(broken.ok).toBe(false)
    expect(broken.findings[0]?.seq).toBe(5)
    expect(await h.as('vera').auditAll()).toMatchObject({ ok: false, failed: [{ run_id: 'run_c' }] })
  })

  it('API-016: kill switches are engaged with an expiry, listed and lifted by operators', async () => {
    const made = await h.as('olga').engageKillSwitch({
      body: { scope: 'tenant', target: '*', mode: 'stop_new', reason: REASON, expires_in_seconds: 60 },
    })
    expect(made).toMatchObject({ engaged: true, by: 'user:olga', scope: 'tenant' })
    expect((await h.as('vera').killSwitches()).kill_switches.map((each) => each.id)).toEqual([made.id])
    await h.as('olga').liftKillSwitch({ params: { id: made.id }, body: { reason: REASON } })
    expect(h.fake.noted.at(-1)).toMatchObject({ what: 'lift', by: { id: 'user:olga' } })
    const wrong = h
      .as('olga')
      .engageKillSwitch({ body: { scope: 'tenant', target: 'x', mode: 'stop_new', reason: REASON } })
    await expect(wrong).rejects.toMatchObject({ code: 'INPUT_INVALID' })
  })

  it('API-017: the OpenAPI page has every endpoint, with its permission and the problem document', async () => {
    const document = (await (await h.raw('/openapi.json')).json()) as {
      openapi: string
      paths: Record<string, Record<string, { operationId: string; responses: object }>>
    }
    expect(document.openapi).toBe('3.1.0')
    const ids = Object.values(document.paths).flatMap((path) =>
      Object.values(path).map((operation) => operation.operationId),
    )
    expect(ids.sort()).toEqual([...Object.keys(ENDPOINTS), 'streamRun'].sort())
    expect(JSON.stringify(document.paths['/api/v1/approvals/{id}/decision'])).toContain('packet_hash')
  })
})
