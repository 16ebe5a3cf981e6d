import { describe, expect, it } from 'vitest'
import { filesOf, places } from '../lib/fixtures.ts'
import { words } from './words.ts'

const one = (text: string, path: string) => filesOf({ [path]: text })

describe('gate words', () => {
  it.each([
    '// TODO later',
    'a FIXME',
    `see ${['', 'work', 'main', 'x'].join('/')}`,
    'in /root/thing',
    '/home/ana/x',
    'see LESSONS.md',
    'DESIGN section 3',
    'the playbook says',
    'issue 12',
    'issue #12',
    'in this session',
    'the worktree',
    ['registry', 'npmjs', 'org'].join('.'),
  ])('planted: %s', (text) => {
    expect(places(words(one(text, 'docs/guide/a.md')))).toEqual(['docs/guide/a.md:1'])
  })

  it('lets ordinary words pass', () => {
    expect(
      words(one('an MCP session; `GET /runs/root/a`; todo; issues a token; ~/root/a; a ticket', 'README.md')),
    ).toEqual([])
  })
})
