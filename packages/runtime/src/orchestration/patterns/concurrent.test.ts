import { afterEach, describe, expect, it } from 'vitest'
import { z } from 'zod'
import type { Script } from '../../agents/index.ts'
import type { JsonValue } from '../../base/json.ts'
import type { Store } from '../../contracts/store.ts'
import { type BenchBox, benchSet, WIDE_BUDGET } from '../../testing/bench-box.ts'
import { crashSweep } from '../../testing/crash-sweep.ts'
import { approvalPolicy, lookUp, payTool } from '../../testing/engine-kit.ts'
import { finish, lastAsked, payer, restoredTwice, talker, voices, watched } from '../../testing/pattern-kit.ts'
import { toMermaid } from '../index.ts'
import { concurrent, type ConcurrentOptions } from './concurrent.ts'
import type { Conflict, Contribution } from './contributions.ts'

const set = benchSet()
const { box, bank } = set
afterEach(() => set.close())

const HEAD = { name: 'side', version: '1.0.0', input: z.string(), budget: WIDE_BUDGET }
const [anna, ben, carl] = [talker('anna'), talker('ben'), talker('carl')]
const BROKEN: Script = () => ({ finishReason: 'content-filter' })

/** Says yes or no, as scripted, and fails unless it was told the input alone. */
const votes =
  (vote: string): Script =>
  (request) => {
    if (lastAsked(request) !== 'user:\n> buy it?') throw new Error('told too much')
    return vote
  }

/** A conflict for everybody who did not vote as the first. */
const differ = (list: readonly Contribution[]): Conflict[] => {
  const positions = list.map((one) => ({ participant: one.participant, says: String(one.answer) }))
  return new Set(positions.map((one) => one.says)).size > 1 ? [{ about: 'vote', positions }] : []
}
const person = { person: { deadlineSeconds: 3_600 } }

async function play<O extends z.ZodType>(
  options: Partial<ConcurrentOptions<z.ZodString, O>>,
  scripts: Readonly<Record<string, Script>> = {},
  people: Readonly<Record<string, readonly JsonValue[]>> = {},
) {
  const flow = concurrent({ ...HEAD, participants: [anna, ben], ...options })
  const models = voices({ anna: votes('yes'), ben: votes('no'), carl: votes('no'), ...scripts })
  const one = box({ workflows: [flow], models })
  one.work()
  const runId = await one.start('side', 'buy it?')
  await finish(one, runId, people)
  return { one, ...(await one.ended(runId)) }
}

describe('concurrent', () => {
  it('PAT-030: all work on the input alone at the same time; the default is their answers in their order', async () => {
    const { output, one, runId } = await play({ participants: [ben, anna, carl] })
    expect(output).toEqual({
      status: 'completed',
      output: [
        { participant: 'ben', answer: 'no' },
        { participant: 'anna', answer: 'yes' },
        { participant: 'carl', answer: 'no' },
      ],
      contributions: ['ben', 'anna', 'carl'].map((name) => ({ participant: name, speaker: name, by: 'answer' })),
      skipped: [],
      resolved: [],
    })
    const steps = (await one.of(runId, 'activity.intent')).map((record) => record.ask.superstep)
    expect(new Set(steps).size).toBe(1)
  })

  it('PAT-031: a function or a participant makes one output of what came', async () => {
    const counted = await play({
      aggregate: (list) => list.filter((one) => one.answer === 'yes').length,
      output: z.int(),
    })
    expect(counted.output).toMatchObject({ status: 'completed', output: 1 })
    const asked: string[] = []
    const summed = await play(
      { aggregate: talker('summer'), output: z.string(), onFailure: 'skip', participants: [anna, ben, carl] },
      {
        carl: BROKEN,
        summer: (request) => {
          asked.push(lastAsked(request))
          return 'one yes, one no'
        },
      },
    )
    expect(summed.output).toMatchObject({ status: 'completed', output: 'one yes, one no' })
    expect(asked[0]).toContain('carl gave no answer (MODEL_FAILED).')
    expect(asked[0]).toContain('anna:\n> yes\n\nben:\n> no')
  })

  it('PAT-032: a participant that fails ends the run, is skipped and named, or has a stand-in or a value in its place', async () => {
    const failed = await play({}, { ben: BROKEN })
    expect(failed).toMatchObject({
      status: 'stopped',
      reason: { kind: 'failed', code: 'MODEL_FAILED', subject: 'ben' },
    })
    expect(failed.ending).toMatchObject({ by: 'failure', subject: 'ben' })
    const skipped = await play({ onFailure: 'skip' }, { ben: BROKEN })
    expect(skipped.output).toMatchObject({
      status: 'completed',
      output: [{ participant: 'anna', answer: 'yes' }],
      skipped: [{ participant: 'ben', code: 'MODEL_FAILED' }],
    })
    const stood = await play({ onFailureOf: { ben: { fallBack: carl } } }, { ben: BROKEN })
    expect(stood.output).toMatchObject({
      output: [{ answer: 'yes' }, { participant: 'ben', answer: 'no' }],
      contributions: [{ by: 'answer' }, { participant: 'ben', by: 'fall_back', speaker: 'carl-for-ben' }],
      skipped: [],
    })
    const valued = await play({ onFailureOf: { ben: { value: 'abstains' } } }, { ben: BROKEN })
    expect(valued.output).toMatchObject({
      output: [{ answer: 'yes' }, { participant: 'ben', answer: 'abstains' }],
      contributions: [{ by: 'answer' }, { participant: 'ben', by: 'value', speaker: null }],
    })
    const whole = await play({ onFailureOf: { ben: { fallBack: carl } } })
    expect(whole.output).toMatchObject({ contributions: [{ by: 'answer' }, { by: 'answer', speaker: 'ben' }] })
  })

  it('PAT-033: fewer contributions than `atLeast` stop it, with those that came', async () => {
    const { output } = await play({ onFailure: 'skip', atLeast: 2 }, { ben: BROKEN })
    expect(output).toEqual({
      status: 'stopped',
      by: 'too_few',
      reason: '1 of at least 2 contributions came',
      partial: [{ participant: 'anna', answer: 'yes' }],
      skipped: [expect.objectContaining({ participant: 'ben' })],
      leftUndone: ['ben', 'aggregate'],
    })
  })

  it('PAT-034: conflicts are settled by a function, one that stays open stops it, and without conflict nobody is asked', async () => {
    const settled = { about: 'vote', decision: 'no', why: 'caution' }
    const merged = await play({
      conflict: { detect: differ, resolve: () => [settled] },
      aggregate: (_list, resolutions) => resolutions[0]?.decision ?? 'none',
      output: z.string(),
    })
    expect(merged.output).toMatchObject({ status: 'completed', output: 'no', resolved: [settled] })
    const open = await play({ conflict: { detect: differ, resolve: () => [] } })
    expect(open.output).toMatchObject({ status: 'stopped', by: 'unresolved', reason: 'nothing settles: vote' })
    const agreed = await play({ conflict: { detect: differ, resolve: person } }, { anna: votes('no') })
    expect(agreed.output).toMatchObject({ status: 'completed', resolved: [] })
  })

  it('PAT-035: a person settles conflicts, stops, leaves one open or stays silent, and the result says which', async () => {
    const options = { conflict: { detect: differ, resolve: person } }
    const settled = { about: 'vote', decision: 'yes', why: 'we need it' }
    const resolved = await play(options, {}, { settle: [{ decision: 'resolve', resolutions: [settled] }] })
    expect(resolved.output).toMatchObject({ status: 'completed', resolved: [settled] })
    const [asked] = await resolved.one.of(resolved.runId, 'request.opened')
    const contents = await resolved.one.sb.runs.contents('acme', resolved.runId)
    expect(asked && (await contents.read(asked.request.payload))).toMatchObject({
      conflicts: [{ about: 'vote', positions: [{ participant: 'anna', says: 'yes' }, { says: 'no' }] }],
      answers: [{ participant: 'anna' }, { participant: 'ben' }],
    })
    const stopped = await play(options, {}, { settle: [{ decision: 'stop', reason: 'later' }] })
    expect(stopped.output).toMatchObject({ status: 'stopped', by: 'reviewer', reason: 'later' })
    const open = await play(options, {}, { settle: [{ decision: 'resolve', resolutions: [] }] })
    expect(open.output).toMatchObject({ status: 'stopped', by: 'unresolved' })
    const flow = concurrent({ ...HEAD, participants: [anna, ben], ...options })
    const one = box({ workflows: [flow], models: voices({ anna: votes('yes'), ben: votes('no') }) })
    one.work()
    const runId = await one.start('side', 'buy it?')
    await one.asked('request')
    await one.host.advance(3_601_000)
    expect((await one.ended(runId)).output).toMatchObject({ status: 'stopped', by: 'deadline' })
  })

  it('PAT-036: every wrong option is told at once', () => {
    const wrong = () =>
      concurrent({
        ...HEAD,
        participants: [anna],
        atLeast: 2,
        onFailureOf: { carl: 'skip' },
        conflict: { detect: differ, resolve: { person: { deadlineSeconds: 0 } } },
        aggregate: () => [],
      })
    expect(wrong).toThrow(
      /at least 2[\s\S]*`onFailureOf` names `carl`[\s\S]*`atLeast` must[\s\S]*deadlineSeconds` must[\s\S]*`output` is needed/,
    )
    const misfit = () => concurrent({ ...HEAD, participants: [anna, ben], aggregate: carl, output: z.int() })
    expect(misfit).toThrow(/aggregator `carl` can never fit `output`/)
  })

  it.each([true, false])(
    'PAT-037: broken off after each record and taken up elsewhere it ends alike and pays once, streamed %s; restored twice too',
    async (streamed) => {
      const outside = await bank()
      const pay = payTool(outside, { found: lookUp(outside) })
      const flow = concurrent({
        ...HEAD,
        participants: [anna, talker('paula', [pay]), ben],
        onFailure: 'skip',
        conflict: { detect: differ, resolve: person },
      })
      expect(toMermaid(flow.spec)).toContain('lost-paula')
      const settled = { about: 'vote', decision: 'yes', why: 'we need it' }
      const people = { settle: [{ decision: 'resolve', resolutions: [settled] }] }
      const models = () => voices({ anna: votes('yes'), paula: payer('bob', 7), ben: BROKEN })
      const first = box({ workflows: [flow], models: models(), policy: approvalPolicy() })
      first.work()
      const runId = await first.start('side', 'buy it?')
      const watch = streamed ? watched(first, runId) : Promise.resolve(0)
      await finish(first, runId, people)
      expect((await first.ended(runId)).output).toMatchObject({
        status: 'completed',
        skipped: [{ participant: 'ben' }],
      })
      expect(await watch).toBe(streamed ? (await first.records(runId)).length : 0)
      const make = (store: Store) => box({ workflows: [flow], models: models(), policy: approvalPolicy(), store })
      const end = (one: BenchBox) => finish(one, runId, people)
      expect(await crashSweep({ first, runId, make, finish: end, bank: outside })).toEqual([])
      const booked = outside.booked.length
      if (!streamed) expect(await restoredTwice(first, runId, { models: models() }, end)).toEqual([])
      expect(outside.booked).toHaveLength(booked)
    },
    120_000,
  )
})
