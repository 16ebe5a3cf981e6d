import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { createClient } from '@signalbox/protocol'
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest'
import { CONFIG, type Dev, dataFolder, type Ended, run, runProcess, startDev } from './harness.ts'

let data: ReturnType<typeof dataFolder>
let server: Dev
beforeAll(async () => {
  data = dataFolder()
  server = await startDev(data.path, { env: { SAMPLE_BUDGETS: '1' } })
})
afterAll(async () => {
  await server.end('SIGTERM')
  data.remove()
})

const cli = (...args: string[]): Promise<Ended> => run([...args, '--data', data.path])
const json = async (...args: string[]) => JSON.parse((await cli(...args, '--json')).stdout)
const as = (person: string): string[] => ['--as', person]
const REASON = ['--reason', 'known payee']

async function waitingTransfer(to: string): Promise<{ run_id: string; approval: string }> {
  const started = await json('run', 'transfer', '--input', JSON.stringify({ to, amount: 500 }), '--wait', ...as('rita'))
  expect(started.status).toBe('waiting')
  return { run_id: started.run_id, approval: started.open[0].id }
}

async function untilStatus(runId: string, status: string): Promise<void> {
  await vi.waitFor(async () => expect((await json('show', runId)).run.status).toBe(status), 30_000)
}

describe('runs and people', () => {
  it('CLI-010: starts, waits, shows, approves and explains; --json writes JSON to stdout and nothing else', async () => {
    const { run_id: id, approval } = await waitingTransfer('ana')
    const listed = await cli('approvals')
    expect(listed.stdout).toContain(approval)
    expect(listed.stdout).toContain('Send 500 to ana')
    const before = await cli('show', id)
    expect(before.stdout).toContain(`waits: approval ${approval} (transfer.send)`)
    const approved = await runProcess(['approve', approval, ...REASON, ...as('paul'), '--data', data.path, '--json'])
    expect(approved).toMatchObject({ code: 0, stderr: '' })
    expect(JSON.parse(approved.stdout)).toEqual({ accepted: true, id: approval, answer: 'approved', run_id: id })
    await untilStatus(id, 'completed')
    const shown = await cli('show', id)
    expect(shown).toMatchObject({ code: 0, stderr: '' })
    for (const part of [
      'completed',
      'Completed: it reached its output.',
      'tool_calls',
      'superstep 0  pay',
      'transfer.send irreversible',
      'approved by paul: known payee',
    ])
      expect(shown.stdout).toContain(part)
    const explained = await cli('explain', id)
    expect(explained.stdout.replace(/\s+/g, ' ')).toContain('known payee')
    const effects = await json('lineage', id)
    expect(effects).toMatchObject({
      complete: true,
      effects: [{ tool: 'transfer.send', approval: { by: 'user:paul' } }],
    })
    expect((await json('approvals')).approvals.map((each: { id: string }) => each.id)).not.toContain(approval)
  })

  it('CLI-010: shows the four parts before it rejects; a rejected action does not happen', async () => {
    const { run_id: id, approval } = await waitingTransfer('bob')
    const rejected = await cli('reject', approval, '--reason', 'unknown payee', ...as('paul'))
    for (const part of [
      'summary',
      'Send 500 to bob',
      'target',
      'account bob',
      'impact',
      '500.00 EUR',
      'rollback',
      'Ask for it back',
      'rejected',
    ])
      expect(rejected.stdout).toContain(part)
    await untilStatus(id, 'completed')
    expect((await json('show', id)).output).toBe('rejected')
    // Who said no is nobody who approved it.
    expect((await cli('lineage', id, ...as('vera'))).stdout).toMatch(/transfer\.send +rejected +0 +\S+$/m)
    const book = join(data.path, 'book.txt')
    expect(existsSync(book) ? readFileSync(book, 'utf8') : '').not.toContain('bob')
    const again = await cli('approve', approval, ...REASON, ...as('paul'))
    expect([again.code, again.stderr]).toEqual([4, expect.stringMatching(/^error (APPROVAL_DECIDED|RUN_ENDED): /)])
  })

  it('APV-070: claims, asks, tells, edits, postpones, takes back and counts; who acts is the credential’s person', async () => {
    const { run_id: id, approval } = await waitingTransfer('carol')
    const act = async (person: string, ...args: string[]) => {
      const ended = await cli('approvals', ...args, ...as(person))
      return ended.code === 0 ? 0 : /^error ([A-Z_]+)/.exec(ended.stderr)?.[1]
    }
    expect(await act('paul', 'claim', approval, '--for', '10m')).toBe(0)
    expect(await act('rita', 'claim', approval)).toBe('FORBIDDEN')
    expect(await act('paul', 'claim', approval, '--for', 'soon')).toBe('USAGE')
    expect(await act('paul', 'ask', approval, '--text', 'which order is it?')).toBe(0)
    await vi.waitFor(async () => expect((await json('approvals', approval)).life.information).not.toBeNull(), 30_000)
    expect(await act('rita', 'tell', approval, '--text', 'order 7 of May')).toBe(0)
    expect(await act('paul', 'snooze', approval, '--for', '2h')).toBe(0)
    expect(await act('paul', 'delegate', 'user:eva', '--for', '2d', ...REASON)).toBe('DELEGATION_REFUSED')
    expect(await act('paul', 'edit', approval, '--arguments', '{"to":5}', ...REASON)).toBe('TOOL_INPUT_INVALID')
    await vi.waitFor(async () => {
      const shown = (await cli('approvals', 'show', approval, ...as('paul'))).stdout
      for (const part of ['claimed by paul', 'which order is it?', 'order 7 of May', 'snoozed by paul'])
        expect(shown).toContain(part)
    }, 30_000)
    expect(await act('paul', 'withdraw', approval, ...REASON)).toBe('FORBIDDEN')
    expect(await act('rita', 'withdraw', approval, ...REASON)).toBe(0)
    await untilStatus(id, 'completed')
    const book = join(data.path, 'book.txt')
    expect(existsSync(book) ? readFileSync(book, 'utf8') : '').not.toContain('carol')
    const stats = (await cli('approvals', 'stats')).stdout
    expect(stats).toMatch(/decided +1 approved, .* taken back[\s\S]*REVIEWER/)
    for (const [verb, text] of [
      ['delegations', 'nobody stands in'],
      ['standing', 'no standing approval'],
    ] as const)
      expect((await cli('approvals', verb, ...(verb === 'standing' ? ['list'] : []))).stdout).toContain(text)
  })

  it('CLI-011: an unknown workflow, input of another shape, text that is no JSON, an unknown run', async () => {
    const cases: readonly (readonly [string[], number, string])[] = [
      [['run', 'nothing', '--input', '{}', ...as('rita')], 3, 'WORKFLOW_UNKNOWN'],
      [['run', 'transfer', '--input', '{"to":"x"}', ...as('rita')], 2, 'INPUT_INVALID'],
      [['run', 'transfer', '--input', '{to}', ...as('rita')], 2, 'USAGE'],
      [['run', 'transfer', '--input', '@none.json', ...as('rita')], 2, 'USAGE'],
      [['show', 'run_none'], 3, 'RUN_NOT_FOUND'],
      [['approve', 'apr_none', ...REASON, ...as('paul')], 3, 'APPROVAL_NOT_FOUND'],
      [['runs', '--limit', 'many'], 2, 'USAGE'],
      [['approve', 'apr_none', '--reason', 'x', ...as('paul')], 3, 'APPROVAL_NOT_FOUND'],
      [['answer', 'que_none', 'perhaps', ...REASON, ...as('paul')], 2, 'USAGE'],
    ]
    for (const [args, code, error] of cases) {
      const ended = await cli(...args, '--json')
      expect([args.join(' '), ended.code, JSON.parse(ended.stdout).error.code]).toEqual([args.join(' '), code, error])
      expect(ended.stderr).toMatch(new RegExp(`^error ${error}: `))
    }
  })

  it('CLI-011: input from a file; equal request ids start one run', async () => {
    const file = join(data.path, 'input.json')
    writeFileSync(file, '{"to":"file","amount":7}')
    const first = await json('run', 'transfer', '--input', `@${file}`, '--request-id', 'once', ...as('rita'))
    const second = await json('run', 'transfer', '--input', `@${file}`, '--request-id', 'once', ...as('rita'))
    expect([first.existed, second.existed, second.run_id]).toEqual([false, true, first.run_id])
  })

  it('CLI-012: --wait exits 4 for a run that ends without its output', async () => {
    const ended = await cli('run', 'failing', '--input', '"x"', '--wait', ...as('rita'))
    expect([ended.code, ended.stdout]).toEqual([4, expect.stringContaining('stopped')])
  })

  it('CLI-013: identity is a token or a seeded person; the requester and the viewer cannot approve', async () => {
    const { approval } = await waitingTransfer('cleo')
    for (const person of [as('rita'), as('vera'), []]) {
      const refused = await cli('approve', approval, ...REASON, ...person)
      expect([refused.code, refused.stderr]).toEqual([7, expect.stringMatching(/^error FORBIDDEN: .*approver/)])
      expect(refused.stdout).toBe('')
    }
    expect((await cli('runs', ...as('eve'))).stderr).toMatch(/^error AUTH_REQUIRED: .*rita, paul, vera, olga/)
    expect((await cli('runs', '--token', 'no-such-token-0123456789')).code).toBe(7)
    expect((await cli('runs', ...as('rita'), '--token', 'x')).stderr).toMatch(/^error USAGE: /)
    const token = server.people.find((each) => each.person === 'paul')?.token ?? ''
    expect(
      (
        await run(['approve', approval, ...REASON, '--url', server.url, '--data', data.path], {
          SIGNALBOX_TOKEN: token,
        })
      ).code,
    ).toBe(0)
  })

  it('CLI-016: events come one JSON record a line, and --follow goes on until the run ends', async () => {
    const { run_id: id, approval } = await waitingTransfer('dora')
    const follow = cli('events', id, '--follow', '--json')
    await cli('approve', approval, ...REASON, ...as('paul'))
    const followed = (await follow).stdout
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line))
    expect(followed.map((record) => record.seq)).toEqual(followed.map((_record, at) => at + 1))
    expect(followed.at(-1).type).toBe('run.completed')
    const rest = await cli('events', id, '--after', String(followed.length - 1))
    expect(rest.stdout.trim().split('\n').length).toBe(1)
    expect(rest.stdout).toContain('run.completed')
  })

  it('CLI-022: an effect of which nobody knows becomes a question; a person answers it, and it is not sent again', async () => {
    const started = await json('run', 'lost', '--input', '{"to":"ida","amount":3}', '--wait', ...as('rita'))
    expect(started.open).toMatchObject([{ kind: 'question', tool: 'transfer.murky' }])
    const id = started.open[0].id
    expect((await cli('questions')).stdout).toContain('Did `transfer.murky` happen?')
    const shown = await cli('questions', id)
    for (const part of ['transfer.murky', '"to": "ida"', `signalbox answer ${id} happened|did_not|stop`])
      expect(shown.stdout).toContain(part)
    expect((await cli('answer', id, 'happened', ...REASON, ...as('rita'))).code).toBe(7)
    expect((await cli('answer', id, 'happened', '--reason', 'the bank shows it', ...as('olga'))).code).toBe(0)
    await untilStatus(started.run_id, 'completed')
    const lines = readFileSync(join(data.path, 'book.txt'), 'utf8')
      .split('\n')
      .filter((line) => line.includes(' ida '))
    expect(lines.length).toBe(1)
    expect((await cli('show', started.run_id)).stdout).toContain('transfer.murky irreversible  succeeded')
    expect((await json('questions')).questions).toEqual([])
    expect((await cli('audit', 'verify', started.run_id)).code).toBe(0)
  })

  it('PRT-004: what a port asks is listed, shown with the shape of its answer, and answered once', async () => {
    const started = await json('run', 'asking', '--input', '{"to":"eva","amount":7}', '--wait', ...as('rita'))
    expect(started.open).toMatchObject([{ kind: 'request', tool: 'review' }])
    const id = started.open[0].id
    expect((await cli('requests')).stdout).toContain('`review` asks for an answer')
    const shown = await cli('requests', id)
    for (const part of ['"to": "eva"', '"note"', `signalbox respond ${id}`]) expect(shown.stdout).toContain(part)
    const wrong = await cli('respond', id, '--value', '{"ok":1}', ...as('paul'))
    expect([wrong.code, wrong.stderr]).toEqual([2, expect.stringContaining('INPUT_INVALID')])
    expect((await cli('respond', id, '--value', '{"ok":true,"note":"seen"}', ...as('paul'))).code).toBe(0)
    await untilStatus(started.run_id, 'completed')
    expect((await json('requests')).requests).toEqual([])
    expect((await json('requests', id)).decided_by).toBe('user:paul')
    expect((await json('requests', '--all')).requests).toHaveLength(1)
  })

  it('API-025: deltas of a model call in a worker process reach a reader of the server, before the record of the call', async () => {
    const started = await json('run', 'letter', '--input', '{"to":"hugo","amount":500}', '--wait', ...as('rita'))
    const token = server.people.find((each) => each.person === 'vera')?.token ?? ''
    const seen: string[] = []
    let text = ''
    for await (const event of createClient({ baseUrl: server.url, token }).streamRun(started.run_id)) {
      if (event.event === 'record' && event.data.type === 'run.waiting')
        await cli('approve', started.open[0].id, ...REASON, ...as('paul'))
      if (event.event === 'delta') text += event.data.delta.delta
      seen.push(event.event === 'record' ? event.data.type : event.event)
    }
    expect(JSON.parse(text)).toEqual({ line: 'it was sent as asked' })
    expect(seen.indexOf('delta')).toBeLessThan(seen.lastIndexOf('superstep.completed'))
    expect(seen.at(-1)).toBe('end')
    expect((await json('show', started.run_id)).output).toEqual({ line: 'it was sent as asked' })
    expect((await cli('workflows')).stdout).toContain('scripted/writer (scripted: no language model)')
  })

  it('CLI-017: restore lists the points, and moves a run to one of them without sending again', async () => {
    const { run_id: id, approval } = await waitingTransfer('emil')
    const points = (await json('restore', id)).checkpoints
    expect(points).toMatchObject([{ seq: 1, kind: 'entry', current: true }])
    expect((await cli('restore', id)).stdout).toContain('entry')
    expect((await cli('restore', id, '--to', '1', ...as('olga'))).stderr).toMatch(/^error USAGE: .*--reason/)
    expect((await cli('restore', id, '--to', '1', ...REASON, ...as('paul'))).code).toBe(7)
    expect((await cli('restore', id, '--to', '9999', ...REASON, ...as('olga'))).stderr).toMatch(
      /^error CHECKPOINT_NOT_FOUND/,
    )
    expect((await cli('restore', id, '--to', '1', ...REASON, ...as('olga'))).code).toBe(0)
    await vi.waitFor(async () => {
      const shown = await json('show', id)
      expect([shown.run.branch, shown.run.status]).toEqual([1, 'waiting'])
      expect(shown.open[0].id).not.toBe(approval)
    }, 30_000)
  })

  it('CLI-023: compensate shows what can be undone, undoes it with an approval, and never twice', async () => {
    const { run_id: id, approval } = await waitingTransfer('undine')
    const early = await cli('compensate', id, ...REASON, ...as('olga'))
    expect([early.code, early.stderr]).toEqual([4, expect.stringMatching(/^error RUN_STATE: .*waiting/)])
    await cli('approve', approval, ...REASON, ...as('paul'))
    await untilStatus(id, 'completed')
    const book = (): string[] =>
      readFileSync(join(data.path, 'book.txt'), 'utf8')
        .split('\n')
        .flatMap((line) => (line.includes(' undine ') ? [line.replace(/^.* undine /, '')] : []))
    const plan = await cli('compensate', id, '--dry-run')
    expect(plan.stdout).toMatch(/transfer\.send +undoable +transfer\.back/)
    expect((await cli('compensate', id, ...as('olga'))).stderr).toMatch(/^error USAGE: .*--reason/)
    expect((await cli('compensate', id, ...REASON, ...as('paul'))).code).toBe(7)
    expect((await cli('compensate', id, ...REASON, '--effects', '1', ...as('olga'))).stderr).toMatch(
      /^error COMPENSATION_REFUSED: .*record 1 is no effect/,
    )
    expect(book()).toEqual(['500'])
    const made = await json('compensate', id, ...REASON, ...as('olga'))
    await untilStatus(made.run_id, 'waiting')
    const [asked] = (await json('show', made.run_id)).open
    expect((await cli('approvals', asked.id)).stdout).toContain('Take 500 back from undine')
    expect(book()).toEqual(['500'])
    expect((await cli('approve', asked.id, ...REASON, ...as('paul'))).code).toBe(0)
    await untilStatus(made.run_id, 'completed')
    expect(book()).toEqual(['500', '-500'])
    expect((await cli('compensate', id, '--dry-run')).stdout.replace(/\s+/g, ' ')).toContain(`${made.run_id} undid it`)
    expect((await cli('compensate', id, ...REASON, ...as('olga'))).stderr).toMatch(/^error COMPENSATION_REFUSED/)
    expect(book()).toEqual(['500', '-500'])
  })

  it('BUD-030: budget show tells what is limited, given out and left', async () => {
    await cli('run', 'failing', '--input', '"x"', '--wait', ...as('rita'))
    const { budgets } = await json('budget', 'show')
    const runs = budgets[0].lines.find((each: { count: string }) => each.count === 'runs')
    expect(Number(runs.given)).toBeGreaterThan(0)
    expect(Number(runs.given) + Number(runs.left)).toBe(1_000)
    expect((await cli('budget', 'show')).stdout).toMatch(/^tenant:\S+\n(.*\n)*? *runs +.* of 1000 given, \d+ left/)
  })

  it('FRK-061: a fork and a restore show what will happen, take any record, and change nothing with --dry-run', async () => {
    const { run_id: id } = await waitingTransfer('fiona')
    const before = (await json('runs')).runs.length
    const shown = await cli('fork', id, '--at', '2', '--dry-run')
    expect(shown.stdout).toContain(`fork of ${id} at record 2 (segment.started`)
    expect(shown.stdout).toContain('no effect came later')
    expect((await json('run', 'restore', id, '--at', '3', '--dry-run')).kind).toBe('restore')
    expect((await cli('fork', id, '--at', '2', '--plan', '12=ask', ...REASON, ...as('olga'))).stderr).toMatch(
      /^error USAGE/,
    )
    expect((await cli('fork', id, '--at', '2', ...REASON, ...as('paul'))).code).toBe(7)
    expect((await json('runs')).runs).toHaveLength(before)
    const made = await json('run', 'fork', id, '--at', '2', ...REASON, '--request-id', 'fork-of-fiona', ...as('olga'))
    expect(made).toMatchObject({ existed: false })
    await untilStatus(made.run_id, 'waiting')
    expect((await cli('explain', made.run_id)).stdout).toMatch(/It is a fork of\s+run/)
    expect((await json('audit', 'verify', made.run_id)).ok ?? true).toBe(true)
    expect((await json('show', id)).run.status).toBe('waiting')
  })

  it('CLI-018: cancel ends a waiting run with who and why on record', async () => {
    const { run_id: id } = await waitingTransfer('fred')
    expect((await cli('cancel', id, '--reason', 'not needed', '--terminate', ...as('rita'))).code).toBe(7)
    expect((await cli('cancel', id, '--reason', 'not needed', ...as('rita'))).code).toBe(0)
    await untilStatus(id, 'cancelled')
    expect((await cli('explain', id)).stdout).toContain('rita')
    expect((await cli('resume', id, ...REASON, ...as('olga'))).code).toBe(4)
  })

  it('CLI-019: a kill switch refuses new runs until it is lifted', async () => {
    const engaged = await json(
      'kill-switch',
      'engage',
      'workflow',
      'failing',
      '--mode',
      'stop_new',
      '--reason',
      'drill',
      ...as('olga'),
    )
    expect(engaged).toMatchObject({ engaged: true, target: 'failing', by: 'user:olga' })
    expect((await cli('kill-switch', 'list')).stdout).toContain('workflow failing')
    const refused = await cli('run', 'failing', '--input', '"x"', ...as('rita'))
    expect([refused.code, refused.stderr]).toEqual([4, expect.stringMatching(/^error KILL_SWITCH: /)])
    expect((await cli('kill-switch', 'lift', engaged.id, '--reason', 'drill over', ...as('olga'))).code).toBe(0)
    expect((await cli('run', 'failing', '--input', '"x"', ...as('rita'))).code).toBe(0)
  })
})

describe('without a server', () => {
  it('CLI-014, CLI-015: opens the store itself with the same credentials; what it stores is taken up at the next start; a damaged history does not verify', async () => {
    const own = dataFolder()
    const config = ['--data', own.path, '--config', CONFIG]
    try {
      expect((await run(['runs', ...config, '--token', 'x'.repeat(20)])).stderr).toMatch(
        /^error SERVER_UNREACHABLE: .*signalbox dev/,
      )
      let dev = await startDev(own.path)
      const started = await run([
        'run',
        'transfer',
        '--input',
        '{"to":"gina","amount":900}',
        '--wait',
        '--as',
        'rita',
        '--json',
        ...config,
      ])
      const { run_id: id, open } = JSON.parse(started.stdout)
      await dev.end('SIGTERM')
      expect((await run(['runs', ...config])).stdout).toContain('waiting')
      expect((await run(['approve', open[0].id, ...REASON, '--as', 'rita', ...config])).code).toBe(7)
      const approved = await runProcess(['approve', open[0].id, ...REASON, '--as', 'paul', ...config])
      expect(approved).toMatchObject({ code: 0 })
      expect(
        (await run(['run', 'transfer', '--input', '{"to":"x","amount":1}', '--wait', '--as', 'rita', ...config]))
          .stderr,
      ).toMatch(/^error SERVER_UNREACHABLE: .*--wait/)
      dev = await startDev(own.path)
      await vi.waitFor(async () => {
        const shown = await run(['show', id, '--json', ...config])
        expect(JSON.parse(shown.stdout).run.status).toBe('completed')
      }, 30_000)
      await dev.end('SIGTERM')
      const sound = await run(['audit', 'verify', ...config])
      expect([sound.code, sound.stdout]).toEqual([0, expect.stringContaining('1 of 1 histories verified')])
      damage(join(own.path, 'signalbox.db'))
      const damaged = await run(['audit', 'verify', id, ...config])
      expect([damaged.code, damaged.stdout]).toEqual([6, expect.stringContaining('does not verify')])
    } finally {
      own.remove()
    }
  })
})

/** Changes one byte of one stored record. */
function damage(path: string): void {
  const db = new DatabaseSync(path)
  const tables = db
    .prepare("SELECT name FROM sqlite_master WHERE type = 'table'")
    .all()
    .map((row) => String(row.name))
  const table = tables.find(
    (name) =>
      db
        .prepare(`SELECT name FROM pragma_table_info('${name}')`)
        .all()
        .some((row) => row.name === 'body') && /record/.test(name),
  )
  db.exec(
    `UPDATE ${table} SET body = replace(body, 'gina', 'gino'), body = replace(body, 'LARGE_TRANSFER', 'SMALL_TRANSFER')`,
  )
  db.close()
}
