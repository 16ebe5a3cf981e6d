import { spawn } from 'node:child_process'
import { fileURLToPath } from 'node:url'

/** What the outside process has on record of one cell. */
export interface Book {
  /** Payments that arrived. */
  readonly payments: number
  /** Calls that reached the provider of the model. */
  readonly model: number
  /** What the model and the readers of the run were given to see. */
  readonly seen: readonly string[]
}

/** The outside process. */
export interface Peer {
  /** `127.0.0.1:port`. */
  readonly host: string
  book(cell: string): Promise<Book>
  close(): Promise<void>
}

/** Starts the service in a process of its own, on a free port of the loopback interface. */
export async function startPeer(): Promise<Peer> {
  const script = fileURLToPath(new URL('./peer.ts', import.meta.url))
  const child = spawn(process.execPath, [script], { stdio: ['pipe', 'pipe', 'inherit'], env: {} })
  const port = await new Promise<number>((resolve, reject) => {
    child.stdout.once('data', (data) => resolve(Number(data)))
    child.once('exit', (code) => reject(new Error(`the outside process ended with ${code}`)))
  })
  const host = `127.0.0.1:${port}`
  return {
    host,
    // What the peer answers is its own book.
    book: async (cell) => (await (await fetch(`http://${host}/${cell}/book`)).json()) as Book,
    close: () =>
      new Promise((resolve) => {
        child.once('exit', () => resolve())
        child.stdin.end()
      }),
  }
}
