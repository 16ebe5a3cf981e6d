/** The workers of a drill of the kill switches: a sound one, one that stands still, one that cannot read, one that dies. */
import { DatabaseSync } from 'node:sqlite'
import { sleep, systemHost } from 'signalbox'
import type { SwitchOrders } from './orders.ts'
import type { Killable } from './process.ts'
import type { Stand } from './stand.ts'

/** See the file's head. With a planted fault: a sound worker and the one that has it. */
export interface Squad {
  go(): Promise<void>
  /** Before the throw: one stands still, one's store answers no more about switches; or the planted clock stops. */
  disturb(): Promise<void>
  /** After it: one is killed. */
  killOne(): Promise<void>
  /** The one that stood still goes on. */
  wake(): Promise<void>
  /** All that live are sound again. */
  recover(): Promise<void>
  end(): Promise<void>
}

const MANY = 64

/** Starts the workers, one process each. */
export async function startSquad(stand: Stand, orders: SwitchOrders): Promise<Squad> {
  const worker = (name: string, fault: SwitchOrders['fault']): Promise<Killable> =>
    // One whose clocks stand still never lets go of a run that waits.
    stand.worker(name, { concurrency: fault === null ? 1 : MANY, switches: { ...orders, fault } })
  if (orders.fault !== null) {
    const [sound, planted] = await Promise.all([worker('sound', null), worker('planted', orders.fault)])
    return {
      go: async () => {
        await Promise.all([sound.go([]), planted.go([])])
      },
      disturb: () => (orders.fault === 'clock_stands_still' ? planted.tell('frozen') : Promise.resolve()),
      killOne: () => Promise.resolve(),
      wake: () => Promise.resolve(),
      recover: () => Promise.resolve(),
      end: async () => {
        await Promise.all([sound.kill(), planted.kill()])
      },
    }
  }
  const names = ['sound', 'standing still', 'not reading', 'killed']
  const [sound, still, blocked, killed] = await Promise.all(names.map((name) => worker(name, null)))
  if (!sound || !still || !blocked || !killed) throw new Error('a squad has four workers')
  const wake = (): void => {
    still.child.kill('SIGCONT')
  }
  return {
    go: async () => {
      await Promise.all([sound, still, blocked, killed].map((each) => each.go([])))
    },
    disturb: async () => {
      await blocked.tell('blocked')
      await standStill(still, stand.database)
    },
    killOne: () => killed.kill(),
    wake: async () => wake(),
    recover: async () => {
      wake()
      await blocked.tell('readable')
    },
    end: async () => {
      await Promise.all([sound.stop(), still.stop(), blocked.stop()])
    },
  }
}

const TRIES = 20

/** Stops a process that does not hold the database just then: one that does would hold everybody up, the throw too. */
async function standStill({ child }: Killable, database: string): Promise<void> {
  const probe = new DatabaseSync(database, { timeout: 0 })
  try {
    for (;;) {
      child.kill('SIGSTOP')
      // The others hold it for a moment only; whoever stands still holds it for good.
      for (let tries = 0; tries < TRIES; tries++) {
        try {
          probe.exec('BEGIN IMMEDIATE; ROLLBACK')
          return
        } catch {
          await sleep(systemHost, 10)
        }
      }
      child.kill('SIGCONT')
      await sleep(systemHost, 5)
    }
  } finally {
    probe.close()
  }
}
