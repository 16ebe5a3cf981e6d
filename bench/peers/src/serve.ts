/** The protocol between the benchmark and a peer, which is a process of its own: messages over Node's channel. */

/**
 * What a unit of work is: a bare durable step; a turn of an agent with a call that has an effect; a turn with one
 * read-only call of a model that answers at once; a piece of a streamed answer.
 */
export const LINES = ['steps', 'turns', 'agent', 'chunks'] as const

/** One of the lines. */
export type Line = (typeof LINES)[number]

/** What the benchmark asks a peer to do. */
export type PeerTask =
  | { readonly kind: Line; readonly runs: number; readonly each: number }
  | { readonly kind: 'conversation'; readonly turns: number; readonly marks: readonly number[] }
  | { readonly kind: 'close' }

/** A product that is measured. A method that is missing is told as not measured. */
export interface Peer {
  /** Runs `runs` concurrent runs of `each` durable steps to their ends. */
  steps?(runs: number, each: number): Promise<void>
  /** The same for turns of an agent: one model answer and one tool call each, no policy, no budget, no ledger. */
  turns?(runs: number, each: number): Promise<void>
  /** One run with `each` turns of a model that answers at once and one read-only call each. */
  agent?(runs: number, each: number): Promise<void>
  /** One run whose answer comes in `each` pieces, each of which is read as it comes; also timed with one piece. */
  chunks?(runs: number, each: number): Promise<void>
  /** One conversation; calls `mark` when the given turn begins. */
  conversation?(turns: number, mark: (turn: number) => void): Promise<void>
  /** Bytes on disk now, its log included; 0 when it does not tell. */
  bytes(): number
  close(): Promise<void>
}

/** One measured place of a conversation: what it took from its start until this turn began. */
export interface Mark {
  readonly turn: number
  readonly ms: number
  readonly bytes: number
}

async function perform(peer: Peer, task: PeerTask): Promise<object> {
  const from = performance.now()
  if (task.kind === 'close') {
    await peer.close()
    return {}
  }
  if (task.kind === 'conversation') {
    const marks: Mark[] = []
    if (!peer.conversation) return { missing: true }
    const bytesBefore = peer.bytes()
    let looking = performance.now() - from
    await peer.conversation(task.turns, (turn) => {
      if (!task.marks.includes(turn)) return
      const at = performance.now()
      const ms = at - from - looking
      const bytes = peer.bytes() - bytesBefore
      // To look at the bytes takes time that is not the conversation's.
      looking += performance.now() - at
      marks.push({ turn, ms, bytes })
    })
    return { marks }
  }
  const measured = peer[task.kind]
  if (!measured) return { missing: true }
  await measured(task.runs, task.each)
  const ms = performance.now() - from
  if (task.kind !== 'chunks') return { ms }
  // What a run costs however short its answer is, is not the cost of a piece.
  const again = performance.now()
  await measured(task.runs, 1)
  return { ms: Math.max(0.001, ms - (performance.now() - again)) }
}

/** Serves tasks one after the other until `close`, then ends the process. */
export function serve(peer: Peer): void {
  process.on('message', (task: PeerTask) => {
    perform(peer, task).then(
      (result) => {
        process.send?.(result, () => {
          if (task.kind === 'close') process.exit(0)
        })
      },
      (thrown: unknown) => {
        process.send?.({ error: thrown instanceof Error ? (thrown.stack ?? thrown.message) : String(thrown) })
      },
    )
  })
  process.send?.({ ready: true })
}
