import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, it } from 'vitest'
import { run } from '../test/harness.ts'

const work = mkdtempSync(join(tmpdir(), 'signalbox-tools-'))
afterAll(() => rmSync(work, { recursive: true, force: true }))
const file = (name: string, text: string): string => {
  writeFileSync(join(work, name), text)
  return join(work, name)
}
const LIST = JSON.stringify({ tools: [{ name: 'mail.send', inputSchema: { type: 'object', properties: { to: {} } } }] })

describe('tools import', () => {
  it('ORC-020, ORC-022: writes a draft to a new file and never over another', async () => {
    const list = file('list.json', LIST)
    const out = join(work, 'catalogue.json')
    expect(await run(['tools', 'import', list, '--out', out])).toMatchObject({ code: 0, stderr: '' })
    const draft = readFileSync(out, 'utf8')
    expect(JSON.parse(draft)).toMatchObject({ tools: [{ name: 'mail.send', class: 'unlabelled' }] })
    const again = await run(['tools', 'import', file('other.json', LIST.replace('mail', 'post')), '--out', out])
    expect(again).toMatchObject({ code: 2 })
    expect(again.stderr).toContain('error USAGE')
    expect(readFileSync(out, 'utf8')).toBe(draft)
    expect(JSON.parse((await run(['tools', 'import', list])).stdout)).toEqual(JSON.parse(draft))
  })

  it('ORC-021: a list that cannot be read leaves nothing behind', async () => {
    const out = join(work, 'never.json')
    for (const text of ['no json', '{"tools":[]}', LIST.replace('"object"', '"array"')]) {
      const told = await run(['tools', 'import', file('bad.json', text), '--out', out])
      expect(told.code).toBe(2)
      expect(told.stderr).toContain('error TOOL_LIST_INVALID')
    }
    expect(existsSync(out)).toBe(false)
  })
})
