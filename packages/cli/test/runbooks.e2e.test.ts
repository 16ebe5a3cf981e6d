import { readdirSync, readFileSync } from 'node:fs'
import { basename, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { ALERT_RULES } from 'signalbox'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { Ended } from './harness.ts'
import { run } from './harness.ts'
import { follow } from './runbooks/follow.ts'
import { allLifted, LIVE, type Live, startLive, whileStopped } from './runbooks/live.ts'
import { readRunbook } from './runbooks/read.ts'
import { STORED } from './runbooks/stored.ts'

const FOLDER = fileURLToPath(new URL('../../../docs/runbooks', import.meta.url))
const names = readdirSync(FOLDER)
  .filter((name) => name.endsWith('.md'))
  .map((name) => basename(name, '.md'))
const bookOf = (name: string) => readRunbook(readFileSync(join(FOLDER, `${name}.md`), 'utf8'))

describe('runbooks as text', () => {
  it.each(names)('RBK-001: %s says when, what to do, and how one sees that it worked', (name) => {
    expect(bookOf(name).faults).toEqual([])
  })

  it('RBK-004: every command that is named in a sentence or a table exists', async () => {
    const missing: string[] = []
    for (const name of names)
      for (const words of bookOf(name).named) {
        const verbs = words.split(/ (?:-|<|…|")/)[0]?.split(' ') ?? []
        const known = await run([...verbs, '--help'])
        const first = verbs[0] ?? ''
        if (known.code !== 0 || !known.stdout.startsWith(`Usage: signalbox ${first}`)) missing.push(`${name}: ${words}`)
      }
    expect(missing).toEqual([])
  })

  it('RBK-005, RBK-006: every runbook has a situation, and every trouble on call a runbook', () => {
    expect([...Object.keys(LIVE), ...Object.keys(STORED)].sort()).toEqual([...names].sort())
    const onCall =
      'stuck-approval manual-override restore rollback cost-runaway compromised-tool unknown-effects audit-gap'
    expect(names).toEqual(expect.arrayContaining(onCall.split(' ')))
  })
})

describe('runbooks and alerts', () => {
  it('RBK-007: every alert names a runbook that is there', () => {
    const named = Object.values(ALERT_RULES).map(({ runbook }) => runbook)
    expect(named.filter((path) => !names.includes(basename(path, '.md')))).toEqual([])
  })
})

describe('a runbook that is wrong', () => {
  const text = (blocks: string) => `# A\n\n## When\n\nx\n\n## Do\n\n${blocks}\n\n## It worked when\n\nx\n`
  const block = (command: string, seen: string) => `\`\`\`sh\n${command}\n\`\`\`\n\n\`\`\`text\n${seen}\n\`\`\``
  const output = async (): Promise<Ended> => ({ code: 0, stdout: 'engaged ksw_1 by olga\n', stderr: '' })
  const followed = (command: string, seen: string, told = output) =>
    follow(readRunbook(text(block(command, seen))), { run: told, values: new Map() })

  it('RBK-002: a missing part, a line that is no command, and no word of what one sees are found', () => {
    expect(readRunbook(text(block('signalbox status', 'ok'))).faults).toEqual([])
    const whole = text(block('signalbox status', 'ok'))
    expect(readRunbook(whole.replace('## It worked when', '## Then')).faults).toHaveLength(1)
    expect(readRunbook(whole.replace('# A\n', '')).faults).toContain('has no title')
    expect(readRunbook(text(block('rm -rf data', 'ok'))).faults).toEqual([expect.stringContaining('is no command')])
    expect(readRunbook(text('```sh\nsignalbox status\n```')).faults).toEqual(['says nowhere what one sees'])
    expect(readRunbook(text('```\nsignalbox status\n```')).faults).toHaveLength(2)
  })

  it('RBK-003: another output, another exit code and a name that nothing explains are found', async () => {
    expect(await followed('signalbox kill tool x', 'engaged <switch> … olga')).toEqual([])
    expect(await followed('signalbox kill tool x', 'lifted <switch>')).toEqual([
      expect.stringContaining('does not show'),
    ])
    expect(await followed('signalbox kill tool x', 'exit code 4')).toEqual([expect.stringContaining('ends with 0')])
    expect(await followed('signalbox kill lift <switch>', 'engaged')).toEqual([
      expect.stringContaining('nothing says what <switch> is'),
    ])
    const refused = async (): Promise<Ended> => ({ code: 4, stdout: 'engaged', stderr: '' })
    expect(await followed('signalbox kill tool x', 'engaged', refused)).toHaveLength(1)
  })
})

describe('followed on a running server', () => {
  let live: Live
  beforeAll(async () => {
    live = await startLive()
  })
  afterAll(() => live.stop())

  it.each(Object.entries(LIVE))('RBK-005: %s', async (name, situation) => {
    const values = new Map(Object.entries(await situation(live)))
    const book = bookOf(name)
    const then = (command: string) => whileStopped(live, command, values)
    const stand = { run: (args: readonly string[]) => live.cli(...args), values, then }
    expect(await follow(book, stand)).toEqual([])
    await allLifted(live)
    const keys = live.book().map((line) => line.split(' ')[0])
    expect(new Set(keys).size).toBe(keys.length)
  })
})

describe('followed without a server', () => {
  it.each(Object.entries(STORED))('RBK-005: %s', async (name, situation) => {
    const stand = situation()
    try {
      expect(await follow(bookOf(name), stand)).toEqual([])
    } finally {
      stand.end()
    }
  })
})
