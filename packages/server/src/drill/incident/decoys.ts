/** Runs that look like incidents and are none: they are what a store is full of. */
import type { Signalbox } from 'signalbox'
import { compensated, forked, restored } from './kinds-recovery.ts'
import { approvedRun, decide, order } from './planter.ts'
import type { SimRandom } from 'signalbox/testing'
import type { World } from './world.ts'

type Decoy = (world: World, box: Signalbox) => Promise<unknown>

const DECOYS: readonly Decoy[] = [
  async (world, box) => world.ended(box, await world.start(box, order(world.invoice(), { amount_minor: 950 }))),
  async (world, box) =>
    world.ended(box, await world.start(box, order(world.invoice(), { amount_minor: 700, plan: 'pay_and_write' }))),
  async (world, box) => approvedRun(world, box, order(world.invoice())),
  async (world, box) => {
    const runId = await world.start(box, order(world.invoice(), { amount_minor: 51_000 }))
    await decide(world, box, runId, 'rejected', 'vera', 'not delivered yet')
    await world.ended(box, runId)
  },
  async (world, box) => {
    const asked = order(world.invoice(), { payee: 'Blocked Ltd', amount_minor: 300 })
    await world.ended(box, await world.start(box, asked, 'ben'))
  },
  // Still open: it waits for somebody.
  async (world, box) => world.asked(box, await world.start(box, order(world.invoice(), { amount_minor: 62_000 }))),
  async (world, box) =>
    world.ended(box, await world.start(box, order(world.invoice(), { amount_minor: 410, plan: 'loop' }))),
  async (world, box) =>
    world.ended(box, await world.start(box, order(world.invoice(), { amount_minor: 420, plan: 'read_first' }))),
  // Forks, restores and compensations happen every day too.
  forked,
  restored,
  compensated,
]

/** Plants so many decoys: one of each sort, then more in an order that the random numbers decide. */
export async function plantDecoys(world: World, random: SimRandom, count: number): Promise<void> {
  await world.during({}, async (box) => {
    for (let i = 0; i < count; i++) {
      const place = i < DECOYS.length ? i : random.between(0, DECOYS.length - 1)
      await DECOYS[place]?.(world, box)
    }
  })
}
