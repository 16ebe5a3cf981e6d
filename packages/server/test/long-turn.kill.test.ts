import { fileURLToPath } from 'node:url'
import { afterEach, describe, expect, it } from 'vitest'
import { checkEvidence } from '../src/drill/check.ts'
import { openStand, type Stand } from '../src/drill/stand.ts'
import { outside } from './long-turn/project.ts'

const CONFIG = fileURLToPath(new URL('./long-turn/project.ts', import.meta.url))

let stand: Stand | undefined
afterEach(async () => {
  await stand?.close()
  stand = undefined
})

describe('a run of twenty calls whose process is killed inside call 14', () => {
  it.each([
    { turns: 1, calls: 20, modelCalls: 2 },
    { turns: 20, calls: 1, modelCalls: 21 },
  ])(
    'DRL-020: goes on in another process after call 13, $turns turns of $calls calls',
    async ({ turns, calls, modelCalls }) => {
      stand = await openStand({ configPath: CONFIG, workflow: 'letters' })
      const runId = await stand.start({ name: 'letters', input: `turns ${turns} calls ${calls}` })
      const first = await stand.worker('first')
      // The office has taken letter 14, and the runtime has not seen the answer.
      first.go([{ id: 'call 14', runId, point: 'answer_lost', name: 'office.post', nth: 14 }])
      await first.killed()
      const { office, model } = outside
      if (!office || !model) throw new Error('the stand has started both')
      expect(office.log.map((letter) => letter.number)).toEqual(Array.from({ length: 14 }, (_, i) => i + 1))
      const before = model.log.length

      const second = await stand.worker('second')
      second.go([])
      expect(await stand.untilAllEnded()).toEqual([])
      await second.stop()

      expect(office.log.map((letter) => letter.number)).toEqual(Array.from({ length: 20 }, (_, i) => i + 1))
      expect(new Set(office.log.map((letter) => letter.key)).size).toBe(20)
      // Every turn was asked of the model once, counted by the model's own server.
      expect(model.log.map(({ turn }) => turn)).toEqual(Array.from({ length: modelCalls }, (_, i) => i))
      expect(model.log.length - before).toBe(turns === 1 ? 1 : 7)

      const evidence = await stand.evidence()
      expect(checkEvidence(evidence, ['office.post'])).toEqual([])
      const [run] = evidence.runs
      const ends = (run?.records ?? []).flatMap((record) =>
        record.type === 'activity.outcome' && record.effect_hash !== null ? [record] : [],
      )
      expect(run?.row.status).toBe('completed')
      expect(ends.map((end) => end.segment)).toEqual(
        Array.from({ length: 20 }, (_, i) => (i < 13 ? ends[0]?.segment : ends[19]?.segment)),
      )
      expect(ends[19]?.segment).toBeGreaterThan(ends[0]?.segment ?? 0)
      expect(ends.map((end) => end.resolved_by)).toEqual(
        Array.from({ length: 20 }, (_, i) => (i === 13 ? 'lookup' : null)),
      )
    },
  )
})
