import { describe, expect, it } from 'vitest'
import { z } from 'zod'
import { type AgentSpec, shapeOf } from '../contracts/index.ts'
import { port, Rejection, toDot, toMermaid, workflow } from './index.ts'

const Text = z.object({ text: z.string() })
const node = { input: Text, output: Text, run: (message: { text: string }) => message }
const agentSpec: AgentSpec = {
  name: 'clerk "1"',
  model: 'a<b>\\c',
  instructions: '',
  maxOutputTokens: 1,
  tools: [],
  promptHash: '',
}
const shape = shapeOf(Text)
const { spec } = workflow({
  name: 'sample',
  version: '1',
  input: Text,
  output: Text,
  budget: { maxTurns: 1, maxToolCalls: 1, maxRuntimeSeconds: 1, maxTokens: 1, maxCostUsd: '1' },
})
  .node('end', node)
  .agent(
    'work',
    {
      name: 'clerk',
      spec: agentSpec,
      input: shape,
      output: shape,
      tools: [],
      run: async () => ({ kind: 'message', message: {} }),
      _io: (input: { text: string }) => input,
    },
    { prompt: () => '' },
  )
  .port('ask', port({ name: 'q', request: Text, response: Text, deadlineSeconds: 60 }))
  .node('declined', { ...node, input: Rejection, run: ({ reason }) => ({ text: reason }) })
  .start('end')
  .switch('end', [{ when: () => true, to: 'work' }], 'ask')
  .edge('work', 'ask', () => true)
  .fanOut('ask', ['end', 'work'])
  .onRejected('work', 'declined')
  .output('ask')
  .output('declined')
  .build()

describe('diagrams', () => {
  it('GRA-060: as Mermaid', () => {
    expect(toMermaid(spec)).toBe(`flowchart TD
  input(["input"])
  n0["end"]
  n1{{"work<br/>agent clerk #34;1#34;<br/>a#60;b#62;\\c"}}
  n2[/"ask<br/>answer within 60 s"/]
  n3["declined"]
  output(["output"])
  input --> n0
  n0 -->|case 1| n1
  n0 -->|default| n2
  n1 -->|condition| n2
  n2 -->|each| n0
  n2 -->|each| n1
  n1 -.->|rejected| n3
  n2 --> output
  n3 --> output
`)
  })

  it('GRA-060: as Graphviz', () => {
    const text = toDot(spec)
    expect(text).toContain('digraph "sample" {')
    expect(text).toContain('  n1 [shape=hexagon, label="work\\nagent clerk \\"1\\"\\na<b>\\\\c"];')
    expect(text).toContain('  n2 [shape=parallelogram, label="ask\\nanswer within 60 s"];')
    expect(text.split('\n').filter((line) => line.includes(' -> '))).toEqual([
      '  input -> n0;',
      '  n0 -> n1 [label="case 1"];',
      '  n0 -> n2 [label="default"];',
      '  n1 -> n2 [label="condition"];',
      '  n2 -> n0 [label="each"];',
      '  n2 -> n1 [label="each"];',
      '  n1 -> n3 [label="rejected", style=dashed];',
      '  n2 -> output;',
      '  n3 -> output;',
    ])
  })
})
