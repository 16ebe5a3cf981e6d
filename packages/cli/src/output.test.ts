import { describe, expect, it } from 'vitest'
import { run } from '../test/harness.ts'
import type { ApprovalDetail, RequestSummary, RunDetail } from '@signalbox/protocol'
import { lifeText } from './approval-views.ts'
import { folded, outputOf, printable, table } from './output.ts'
import { requestsText } from './people-views.ts'
import { recordText, runText } from './run-views.ts'

const terminal = (isTTY: boolean, env: Record<string, string> = {}) => {
  const written: string[] = []
  return {
    written,
    stdout: { write: (text: string) => written.push(text), isTTY, columns: 100 },
    stderr: { write: () => undefined },
    env,
  }
}

describe('output', () => {
  it('CLI-024: a question that waits for ever has no deadline, and a line of an approval has its time apart', () => {
    const out = outputOf(terminal(false), false)
    const row = { id: 'que_1', tool: 'pay.send', impact: null, state: 'open', summary: 'Did it happen?' }
    const asked = (deadline: string) => requestsText([{ ...row, deadline } as RequestSummary], out) // what the list reads
    expect(asked('+275760-09-13T00:00:00.000Z')).toContain('pay.send  no deadline')
    expect(asked('2026-11-22T23:49:00.000Z')).toContain('pay.send  until 11-22 23:49')
    const event = {
      at: '2026-11-22T23:49:12.000Z',
      what: 'claimed',
      by: 'user:ben',
      for: null,
      detail: null,
      text: null,
    }
    const life = { stage: 1, stages: 1, demands: [] }
    const detail = { life, history: [event] } as unknown as ApprovalDetail // what these lines read
    expect(lifeText(detail, out)).toBe('  11-22 23:49  claimed by ben')
  })

  it('CLI-020: colours only on a terminal that does not refuse them, and never with --json', () => {
    const red = (isTTY: boolean, env: Record<string, string>, json = false) =>
      outputOf(terminal(isTTY, env), json).color.red('x')
    expect(red(true, {})).not.toBe('x')
    expect(red(false, {})).toBe('x')
    expect(red(true, { NO_COLOR: '1' })).toBe('x')
    expect(red(true, { TERM: 'dumb' })).toBe('x')
    expect(red(true, {}, true)).toBe('x')
  })

  it('CLI-020: a table gives way in its growing column and stays within the width', () => {
    const rows = [{ id: 'a'.repeat(30), what: 'long '.repeat(40), n: '1' }]
    const text = table(
      rows,
      [
        { title: 'id', of: (row) => row.id },
        { title: 'what', of: (row) => row.what, grow: true },
        { title: 'n', of: (row) => row.n, right: true },
      ],
      80,
    )
    expect(Math.max(...text.split('\n').map((line) => line.length))).toBeLessThanOrEqual(80)
    expect(text).toContain('…')
    expect(text).toContain('a'.repeat(30))
  })

  it('CLI-020: untrusted text cannot move the cursor, change colours or turn its direction', () => {
    expect(printable('a\u001b[31mb\u0007\u202ec\rd')).toBe('a·[31mb··c·d')
    expect(printable('pay\u200b \u2066bob\u2028\ufeff\u{e0041}')).toBe('pay· ·bob···')
  })

  it('CLI-020: a name that a model made up cannot either', () => {
    const name = 'x\u001b[2J\u001b[1mall is well'
    const activity = { kind: 'tool', name, effect: 'none', status: 'denied', code: 'TOOL_UNKNOWN', parent: null }
    const rest = { cost_nano_usd: '0', latency_ms: null, from_ledger: null, decision: null, approval: null }
    const step = { superstep: 0, branch: 0, nodes: ['clerk'], current: true, checkpoint_seq: 3, notes: [] }
    const summary = { run_id: 'run_a', workflow: 'desk', version: '1.0.0', status: 'running', code: null }
    // Of a page only what the terminal shows.
    const detail = {
      run: summary,
      why: 'it runs',
      principal: { id: 'user:ana', roles: [] },
      cost_nano_usd: '0',
      bundle: 'b@1',
      open: [],
      held_up: [],
      undone: [],
      budget: [],
      timeline: [{ ...step, activities: [{ ...activity, ...rest }] }],
    } as unknown as RunDetail
    const text = runText(detail, outputOf(terminal(false), false))
    expect(text).toContain('x·[2J·[1mall is well')
    expect(text).not.toContain('\u001b')
    const at = '2026-01-01T00:00:00.000Z'
    const base = { v: 1, run: 'run_a', seq: 4, at, prev: '', branch: 0, segment: 1, cause: null, active_ms: 0 }
    expect(recordText({ ...base, type: 'activity.outcome', name, ask: { node: name } })).not.toContain('\u001b')
  })

  it('folds at spaces, keeps its own indentation, indents what follows', () => {
    expect(folded('  one two three', 9, '    ')).toBe('  one two\n    three')
    expect(folded('short', 80)).toBe('short')
  })
})

describe('usage', () => {
  it('CLI-021: a mistyped option or command is an error with a suggestion, and exit code 2', async () => {
    const option = await run(['runs', '--jsn'])
    expect([option.code, option.stderr]).toEqual([2, expect.stringContaining('did you mean --json?')])
    const command = await run(['aprove', 'x'])
    expect([command.code, command.stderr]).toEqual([2, expect.stringContaining('did you mean approve?')])
    const missing = await run(['approve', 'x'])
    expect([missing.code, missing.stderr]).toEqual([2, expect.stringMatching(/^error USAGE: .*--reason/)])
    const extra = await run(['show', 'x', 'y'])
    expect(extra.code).toBe(2)
    const group = await run(['audit'])
    expect([group.code, group.stdout]).toEqual([2, ''])
  })

  it('CLI-021: help and version go to stdout with exit code 0', async () => {
    const help = await run(['--help'])
    expect([help.code, help.stderr]).toEqual([0, ''])
    for (const command of [
      'dev',
      'run',
      'runs',
      'show',
      'explain',
      'approvals',
      'approve',
      'reject',
      'answer',
      'resume',
      'restore',
      'cancel',
      'events',
      'audit',
      'kill\\|kill-switch',
      'outbox',
    ])
      expect(help.stdout).toMatch(new RegExp(`^  ${command} `, 'm'))
    expect(help.stdout).toContain('Exit codes')
    expect(await run(['--version'])).toMatchObject({ code: 0, stdout: '0.1.0\n' })
    expect((await run(['restore', '--help'])).stdout).toContain('--at <record>')
  })

  it('END-050: an ended run is shown with what ended it, and why each thing was left undone', () => {
    const run = { run_id: 'run_a', workflow: 'desk', version: '1.0.0', status: 'stopped', code: 'LOOP_FOUND' }
    const rest = { why: 'it stopped', principal: { id: 'user:ana', roles: [] }, cost_nano_usd: '0', bundle: 'b' }
    const left = [{ what: 'close', why: 'message_waiting' }]
    const ending = {
      by: 'loop',
      code: 'LOOP_FOUND',
      subject: '3 times',
      left_undone: left,
      turns: 4,
      cycle: ['a', 'b'],
    }
    const detail = {
      run,
      ...rest,
      open: [],
      held_up: [],
      undone: ['close'],
      budget: [],
      timeline: [],
      definition: null,
    }
    // Of a page only what the terminal shows.
    const page = (over: object): string =>
      runText({ ...detail, ...over } as unknown as RunDetail, outputOf(terminal(false), false))
    expect(page({ ending })).toContain(
      'ended by: loop (3 times), after 4 model calls\nloop: a, b\nleft undone: close (message waiting)',
    )
    expect(page({ ending: null })).toContain('left undone: close\n')
  })

  it('DEP-016: a run is shown with what another version means for it, and a quarantined one with the way out', () => {
    const page = (over: object, code: string | null = null): string => {
      const run = { run_id: 'run_a', workflow: 'desk', version: '1.0.0', status: 'parked', code }
      const rest = { why: 'it waits', principal: { id: 'user:ana', roles: [] }, cost_nano_usd: '0', bundle: 'b' }
      const detail = {
        run,
        ...rest,
        open: [],
        held_up: [],
        undone: [],
        budget: [],
        timeline: [],
        definition: null,
        ...over,
      }
      // Of a page only what the terminal shows.
      return runText(detail as unknown as RunDetail, outputOf(terminal(false), false)).replaceAll(/\s+/g, ' ')
    }
    const definition = { version: '1.0.0', here: '2.0.0', standing: 'upgrade', stands: 'barrier', changes: [] }
    expect(page({ definition: { ...definition, standing: 'same', steps: [], reason: null } })).not.toContain('2.0.0')
    const carried = page({ definition: { ...definition, steps: ['1.0.0 to 2.0.0'], reason: null } })
    expect(carried).toContain('when no worker has 1.0.0, 2.0.0 takes over (carried over by the step 1.0.0 to 2.0.0)')
    const code = page({ definition: { ...definition, standing: 'same_graph', steps: [], reason: null } })
    expect(code).toContain('2.0.0 takes over (code alone differs)')
    const reason = 'workflow `desk` changed: node `ask` was removed'
    expect(page({ definition: { ...definition, standing: 'refused', steps: [], reason } })).toContain(
      `version 1.0.0: ${reason}`,
    )
    expect(page({}, 'RUN_QUARANTINED')).toContain('signalbox release run_a --reason')
  })
})
