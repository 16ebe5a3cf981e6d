/** Sees when effects reach the outside systems, by their own records and this process's own clock. */
import { sleep, systemHost } from 'signalbox'
import type { DrillWorld, RecordedEffect } from './define.ts'

/** An effect and when its record was first seen: by the monotonic clock, at most a look too late. */
export interface Seen {
  readonly effect: RecordedEffect
  readonly atMs: number
}

const LOOK_MS = 10

/** Looks at the records again and again. What was recorded twice is seen twice. */
export class EffectWatch {
  readonly seen: Seen[] = []
  readonly #world: Pick<DrillWorld, 'effects'>
  readonly #counts = new Map<string, number>()
  readonly #stopping = new AbortController()
  #looking: Promise<void> = Promise.resolve()

  constructor(world: Pick<DrillWorld, 'effects'>) {
    this.#world = world
  }

  start(): void {
    this.#looking = this.#watch()
    // An error of the world is told when the watch is stopped.
    this.#looking.catch(() => undefined)
  }

  /** Looks a last time and ends. Throws what the world threw. */
  async stop(): Promise<void> {
    if (this.#stopping.signal.aborted) return
    this.#stopping.abort()
    await this.#looking
    await this.#look()
  }

  async #watch(): Promise<void> {
    while (!this.#stopping.signal.aborted) {
      await this.#look()
      await sleep(systemHost, LOOK_MS, this.#stopping.signal).catch(() => undefined)
    }
  }

  async #look(): Promise<void> {
    const effects = await this.#world.effects()
    const atMs = systemHost.monotonicMs()
    const counts = new Map<string, number>()
    for (const effect of effects) {
      const name = JSON.stringify(effect)
      const count = (counts.get(name) ?? 0) + 1
      counts.set(name, count)
      if (count <= (this.#counts.get(name) ?? 0)) continue
      this.#counts.set(name, count)
      this.seen.push({ effect, atMs })
    }
  }
}
