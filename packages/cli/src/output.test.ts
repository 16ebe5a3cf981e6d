import { describe, expect, it } from 'vitest'
import { run } from '../test/harness.ts'
import { folded, outputOf, printable, table } from './output.ts'

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
      'kill-switch',
    ])
      expect(help.stdout).toMatch(new RegExp(`^  ${command} `, 'm'))
    expect(help.stdout).toContain('Exit codes')
    expect(await run(['--version'])).toMatchObject({ code: 0, stdout: '0.1.0\n' })
    expect((await run(['restore', '--help'])).stdout).toContain('--to <seq>')
  })
})
