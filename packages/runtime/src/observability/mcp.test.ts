import { afterEach, describe, expect, it } from 'vitest'
import { benchSet } from '../testing/bench-box.ts'
import { oneNode, readTool } from '../testing/engine-kit.ts'
import { checkTelemetry } from './checker.ts'
import { projectRecords } from './project.ts'

const set = benchSet()
const { box } = set
afterEach(() => set.close())

describe('a tool of an MCP server', () => {
  it.each([false, true])(
    'TEL-040: its span tells method and server, and no other span does (streamed: %s)',
    async (streamed) => {
      const read = readTool((n) => n, 'far.one')
      const far = { ...read, spec: { ...read.spec, server: 'records server' } }
      const near = readTool((n) => n, 'near.one')
      const flow = oneNode(
        async (_input, ctx) => [(await ctx.call(far, { n: 1 })).status, (await ctx.call(near, { n: 2 })).status],
        { tools: [far, near] },
      )
      const one = box({ workflows: [flow] })
      one.work()
      const runId = await one.start('one', {})
      if (streamed) for await (const _ of one.sb.runs.stream('acme', runId));
      expect((await one.ended(runId)).output).toEqual(['succeeded', 'succeeded'])
      const told = projectRecords(null, await one.records(runId))
      expect(checkTelemetry(told)).toEqual([])
      const calls = told.spans.filter(({ id }) => id === 'tool_call')
      expect(
        calls.map(({ name, attributes }) => [name, attributes['mcp.method.name'], attributes['signalbox.tool.server']]),
      ).toEqual([
        // The name has a space, which a name in telemetry may not have.
        ['execute_tool far.one', 'tools/call', '_OTHER'],
        ['execute_tool near.one', undefined, undefined],
      ])
    },
  )
})
