import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { WAYS } from '../contracts/ways.ts'
import * as patterns from '../orchestration/patterns/index.ts'
import { POINT_NAMES } from '../policy/points.ts'
import { GATES, READ } from '../testing/matrix/gates.ts'
import { FORMS } from '../testing/matrix/forms.ts'
import { type Peer, startPeer } from '../testing/matrix/outside.ts'
import { PATHS, playAll, SAMPLE } from '../testing/matrix/play.ts'
import { STAGES } from './door/perform.ts'

const PATIENCE_MS = 120_000

/** Stages that hold nothing back, and why. */
const HOLD_NOTHING: Readonly<Record<string, string>> = {
  wait: 'it only waits for the next attempt of a model call',
  origin: 'it only finds out where arguments come from; the decision uses it',
  turn: 'it only puts the effects of a batch in order',
  admit: 'it only waits for the provider of a model, and spares it',
}

/** Ways that no path of the matrix comes by, and why. */
const SEND_NOTHING: Readonly<Record<string, string>> = {
  'read:preview': 'it is read where a person is asked: the gates of approvals come by it',
  'read:reconcile': 'it looks up an effect that was sent already',
}

describe('every path times every gate', () => {
  let peer: Peer
  beforeAll(async () => {
    peer = await startPeer()
  })
  afterAll(() => peer.close())

  it('MTX-001, MTX-004: with every gate open each path comes to the payment, and all ways of the engine are among them', {
    timeout: PATIENCE_MS,
  }, async () => {
    const open = SAMPLE.filter(({ gate }) => gate === null)
    const played = await playAll(peer, open)
    const ends = (those: typeof played) => those.map(({ cell, ends: told }) => `${cell}: ${told.join(', ')}`)
    expect(ends(played.filter(({ before, after }) => after.payments <= before.payments))).toEqual([])
    const told = (seen: readonly string[]) => seen.some((text) => text.startsWith(READ) && text.includes('receipt-of-'))
    const silent = played.filter(({ after }, i) => !open[i]?.form.isUndone && !told(after.seen))
    expect(ends(silent)).toEqual([])
    const lists = ['activity', 'read', 'segment'] as const
    const wanted = lists.flatMap((list) => WAYS[list].map((way) => `${list}:${way}`))
    const came = new Set(played.flatMap(({ ways }) => [...ways]))
    expect(wanted.filter((way) => !came.has(way))).toEqual(Object.keys(SEND_NOTHING))
  })

  it.each(GATES.map((gate) => [gate.name, gate] as const))('MTX-002: %s', { timeout: PATIENCE_MS }, async (_, gate) => {
    const cells = SAMPLE.filter((cell) => cell.gate === gate)
    expect(cells.length).toBeGreaterThan(0)
    const played = await playAll(peer, cells)
    const leaks = played.filter(({ leaked }) => leaked)
    expect(leaks.map(({ cell, ends }) => `${cell}: ${ends.join(', ')}`)).toEqual([])
  })
})

describe('the rows and columns', () => {
  it('MTX-003: each stage of the door and each point has a gate', () => {
    const held = new Set<string>(GATES.flatMap(({ at }) => at))
    const all = [...STAGES.map(({ name }) => name), ...POINT_NAMES]
    expect(all.filter((name) => !held.has(name))).toEqual(Object.keys(HOLD_NOTHING))
  })

  it('MTX-005: each pattern is a row, and each way around a gate has a reason', () => {
    const names = FORMS.map(({ name }) => name.replace(/ (\w)/g, (_, letter: string) => letter.toUpperCase()))
    const offered = ['sequential', 'concurrent', 'handoff', 'groupChat', 'magentic']
    const made = Object.entries(patterns).filter(([name, one]) => typeof one === 'function' && !/^[A-Z]/.test(name))
    expect(made.map(([name]) => name).sort()).toEqual([...offered].sort())
    expect(offered.filter((name) => !names.includes(name))).toEqual([])
    for (const { form, move } of PATHS)
      for (const { name, passesBy } of GATES) expect(passesBy?.(form, move) ?? name, name).not.toBe('')
  })
})
