import { describe, expect, it } from 'vitest'
import { itemPath, paths, RUN_VIEWS, runViewOf } from './paths.ts'

describe('addresses', () => {
  it('CON-082: ids are escaped, so that no id leads to another page', () => {
    expect(paths.run('../x?y#z')).toBe('/runs/..%2Fx%3Fy%23z')
    expect(paths.approval('a/b', 'decided')).toBe('/approvals/a%2Fb?show=decided')
  })

  it('CON-082: every view of a run has an address, an unknown one leads to the timeline', () => {
    for (const view of RUN_VIEWS) expect(runViewOf(paths.run('r', view).split('/')[3])).toBe(view)
    expect(runViewOf('nonsense')).toBe('timeline')
    expect(runViewOf(undefined)).toBe('timeline')
  })

  it('CON-082: questions and approvals open in one inbox', () => {
    expect(itemPath({ id: 'q', kind: 'question' }, 'open')).toBe('/questions/q')
    expect(itemPath({ id: 'a', kind: 'approval' }, 'mine')).toBe('/approvals/a?show=mine')
  })
})
