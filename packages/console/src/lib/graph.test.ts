import { describe, expect, it } from 'vitest'
import type { Graph, RunDetail, Superstep } from '@signalbox/protocol'
import { nodeRuns, place } from './graph.ts'

const GRAPH: Graph = {
  nodes: ['a', 'b', 'ask'].map((name) => ({ name, kind: 'function', lines: [name, 'a long second line'] })),
  arrows: [
    { from: ':input', to: 'a', label: '', dashed: false },
    { from: 'a', to: 'b', label: 'case 1', dashed: false },
    { from: 'a', to: 'b', label: 'case 2', dashed: true },
    { from: 'b', to: 'b', label: 'again', dashed: false },
    { from: 'b', to: ':output', label: '', dashed: false },
  ],
}
const step = (nodes: string[], part: Partial<Superstep> = {}): Superstep => ({
  superstep: 0,
  branch: 0,
  current: true,
  status: 'completed',
  nodes,
  started_at: '2026-01-01T00:00:00.000Z',
  ended_at: null,
  checkpoint_seq: null,
  save_points: [],
  activities: [],
  notes: [],
  ...part,
})
// Only what the overlay reads.
const detail = (status: string, timeline: Superstep[], open: unknown[] = []): RunDetail =>
  ({ run: { status }, timeline, open }) as unknown as RunDetail
const states = (one: RunDetail): string[] => nodeRuns(GRAPH, one).map(({ state }) => state)

describe('the graph of a run', () => {
  it('CON-083: a node is done, running, waiting, not finished or not reached, by what is open and by the current branch', () => {
    expect(states(detail('completed', [step(['a']), step(['b'])]))).toEqual(['done', 'done', 'untouched'])
    expect(states(detail('running', [step(['a']), step(['b'], { status: 'open' })]))).toEqual([
      'done',
      'running',
      'untouched',
    ])
    const call = { node: 'b', status: 'waiting' } as unknown as Superstep['activities'][number]
    expect(states(detail('waiting', [step(['b'], { status: 'open', activities: [call] })]))[1]).toBe('waiting')
    expect(states(detail('stopped', [step(['b'], { status: 'open' })]))[1]).toBe('halted')
    expect(states(detail('waiting', [step(['a'])], [{ kind: 'request', tool: 'ask' }]))[2]).toBe('waiting')
    expect(states(detail('waiting', [step(['a'])], [{ kind: 'request', tool: 'a/inner/ask' }]))[0]).toBe('waiting')
    expect(states(detail('running', [step(['a'], { current: false })]))[0]).toBe('untouched')
    expect(nodeRuns(GRAPH, detail('completed', [step(['a']), step(['a', 'b'])])).map(({ times }) => times)).toEqual([
      2, 1, 0,
    ])
  })

  it('CON-083: every node and every arrow has its place, also two between the same nodes and one to itself', () => {
    const placed = place(GRAPH)
    expect(placed).toEqual(place(GRAPH))
    expect(placed.nodes.map(({ name }) => name)).toEqual([':input', ':output', 'a', 'b', 'ask'])
    for (const { x, y, width, height } of placed.nodes) {
      expect(x - width / 2).toBeGreaterThanOrEqual(0)
      expect(x + width / 2).toBeLessThanOrEqual(placed.width)
      expect(y + height / 2).toBeLessThanOrEqual(placed.height)
    }
    expect(placed.arrows.every(({ points }) => points.length >= 2)).toBe(true)
    expect(new Set(placed.arrows.map(({ points }) => JSON.stringify(points))).size).toBe(GRAPH.arrows.length)
  })
})
