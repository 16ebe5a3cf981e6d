/** Time and bytes of one turn, early and late in a conversation of governed turns. */
import type { Store } from 'signalbox'
import { ended } from './box.ts'
import { GovernedBox } from './governed.ts'

/** Turns in one measured block. */
const BLOCK = 10
/** The early block of a new conversation begins here. */
const EARLY = 5

/** Turn 10 of a new conversation beside a later turn of a long one, measured one after the other. */
export interface TurnPair {
  readonly turn: number
  /** Milliseconds a turn. */
  readonly early: number
  readonly late: number
  /** Growth of the data file in bytes a turn; log and file counted as one. */
  readonly bytes: number
}

/** What the conversations gave. */
export interface TurnsFound {
  readonly pairs: readonly TurnPair[]
  /** Bytes of one turn's two messages, as JSON. */
  readonly messageBytes: number
}

/** Holds a conversation between two turns. */
class Hold {
  #arrive: (() => void) | null = null
  #go: (() => void) | null = null

  /** The conversation is there; resolves when it may go on. */
  here(): Promise<void> {
    this.#arrive?.()
    return new Promise((resolve) => {
      this.#go = resolve
    })
  }

  /** Lets it go on and resolves when it is back. */
  next(): Promise<void> {
    return new Promise((resolve) => {
      this.#arrive = resolve
      this.go()
    })
  }

  /** Lets it go on. */
  go(): void {
    this.#go?.()
  }
}

/** True where a block of the long conversation begins or ends. */
function isEdge(turn: number, marks: readonly number[], pairs: number): boolean {
  return marks.some((mark) => turn >= mark && turn <= mark + pairs * BLOCK && (turn - mark) % BLOCK === 0)
}

/**
 * Times blocks of turns in pairs: a new conversation at turn 10, then the long one from each mark on, on one store and
 * under the same load of the machine. Marks lie further apart than `pairs` blocks.
 */
export async function measureTurns(store: Store, marks: readonly number[], pairs: number): Promise<TurnsFound> {
  const hold = new Hold()
  const long = (marks.at(-1) ?? 0) + pairs * BLOCK
  const short = EARLY + BLOCK + 1
  let early: number[] = []
  const governed = new GovernedBox(store, (turn, turns) => {
    if (turns === long && isEdge(turn, marks, pairs)) return hold.here()
    if (turns === short && (turn === EARLY || turn === EARLY + BLOCK)) early.push(performance.now())
    return undefined
  })
  const { box } = governed
  const worker = box.work()
  const arrived = hold.next()
  await governed.start(long)
  await arrived
  const found: TurnPair[] = []
  for (const mark of marks) {
    for (let i = 0; i < pairs; i++) {
      early = []
      const done = ended(box, 1)
      await governed.start(short)
      await done
      const before = (await store.stats()).bytes
      const from = performance.now()
      await hold.next()
      const ms = performance.now() - from
      const bytes = (await store.stats()).bytes - before
      found.push({
        turn: mark,
        early: ((early[1] ?? 0) - (early[0] ?? 0)) / BLOCK,
        late: ms / BLOCK,
        bytes: bytes / BLOCK,
      })
    }
    // On to the next mark; at the last one the held turn is the conversation's last.
    if (mark !== marks.at(-1)) await hold.next()
  }
  const done = ended(box, 1)
  hold.go()
  await done
  await worker.stop()
  await governed.close()
  return { pairs: found, messageBytes: governed.messageBytes }
}
