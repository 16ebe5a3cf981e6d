import { describe, expect, it } from 'vitest'
import { toSignalboxError } from '../base/errors.ts'
import { loadBundle } from './bundle.ts'
import { draftCatalogue } from './tool-list.ts'

const schema = { type: 'object', properties: { to: { type: 'string' } }, required: ['to'] }
const faultsOf = (list: unknown): string => {
  try {
    draftCatalogue(list)
  } catch (thrown) {
    const { code, message } = toSignalboxError(thrown)
    return `${code} ${message}`
  }
  return 'none'
}

describe('drafts of a catalogue', () => {
  it.each([
    ['an MCP server', { tools: [{ name: 'send', description: 'sends', inputSchema: schema }] }],
    [
      'an answer of an MCP server',
      { jsonrpc: '2.0', id: 1, result: { tools: [{ name: 'send', inputSchema: schema }] } },
    ],
    ['function calling', [{ type: 'function', function: { name: 'send', parameters: schema } }]],
    ['function calling, flat', [{ type: 'function', name: 'send', parameters: schema }]],
    ['names and parameters', { tools: [{ name: 'send', parameters: { properties: { to: {} }, title: 'Input' } }] }],
  ])('ORC-020: reads the list of %s, and the draft loads with every tool unlabelled', (_source, list) => {
    const catalogue = draftCatalogue(list)
    const bundle = loadBundle({
      'bundle.json': JSON.stringify({ name: 'b', version: '1.0.0', owner: 'o', roles: ['r'], reasons: {} }),
      'catalogue.json': JSON.stringify(catalogue),
    })
    const row = bundle.tool('send')
    expect(row).toMatchObject({ class: 'unlabelled', effect: 'irreversible', output: 'outside' })
    expect(row?.critical).toBeUndefined()
    expect(row?.reasons?.critical).toContain('choose among to')
  })

  it('ORC-020: hints of the list itself change nothing', () => {
    const annotations = { readOnlyHint: true, destructiveHint: false }
    const { tools } = draftCatalogue([{ name: 'wipe', inputSchema: schema, annotations }])
    expect(tools).toMatchObject([{ effect: 'irreversible' }])
  })

  it('ORC-021: every fault is named at once', () => {
    const list = [
      { name: 'send', inputSchema: schema },
      { name: 'send', inputSchema: schema },
      { name: 'no name', inputSchema: schema },
      { name: 'odd', inputSchema: { type: 'array' } },
      { name: 'lacks', inputSchema: { ...schema, required: ['from'] } },
      { name: 'none' },
    ]
    const told = faultsOf(list)
    expect(told).toMatch(/^TOOL_LIST_INVALID /)
    for (const part of ['`send` is listed twice', 'tools[2]', '`odd`', '`lacks` requires `from`', '`none`']) {
      expect(told).toContain(part)
    }
  })

  it.each([[[]], [{}], ['text'], [null], [{ tools: [] }]])('ORC-021: %j is no list', (list) => {
    expect(faultsOf(list)).toMatch(/^TOOL_LIST_INVALID /)
  })
})
