/**
 * Shuts the ways out of this process while stored runs are replayed: user code that goes out by itself reaches nobody. The
 * engine's own door is shut already; this is for code that goes around it.
 */
import childProcess, { ChildProcess } from 'node:child_process'
import dgram from 'node:dgram'
import { syncBuiltinESMExports } from 'node:module'
import net from 'node:net'
import { SignalboxError } from 'signalbox'

/** A way out that somebody tried: `tcp`, `udp` or `process`. */
export type OutletAttempt = 'tcp' | 'udp' | 'process'

/**
 * Shuts sockets, datagrams and child processes of the whole process; the returned function opens them again. Not caught:
 * native code, worker threads, and sockets that were open before.
 */
export function shutOutlets(onAttempt: (what: OutletAttempt) => void): () => void {
  const refuse = (what: OutletAttempt): SignalboxError => {
    onAttempt(what)
    return new SignalboxError('UNMEDIATED_CALL', 'a replay reaches nothing outside; use a tool instead')
  }
  const undo = [
    replaced(net.Socket.prototype, 'connect', function (this: net.Socket) {
      const error = refuse('tcp')
      // As a connection that is refused: told by the socket, never thrown into who asked.
      process.nextTick(() => this.destroy(error))
      return this
    }),
    replaced(dgram.Socket.prototype, 'send', () => {
      throw refuse('udp')
    }),
    replaced(dgram.Socket.prototype, 'connect', () => {
      throw refuse('udp')
    }),
    replaced(ChildProcess.prototype, 'spawn', () => {
      throw refuse('process')
    }),
    ...(['spawnSync', 'execFileSync', 'execSync'] as const).map((name) =>
      replaced(childProcess, name, () => {
        throw refuse('process')
      }),
    ),
  ]
  syncBuiltinESMExports()
  return () => {
    for (const back of undo) back()
    syncBuiltinESMExports()
  }
}

/** Puts another function in the place of one, whatever its overloads are; the returned function puts it back. */
function replaced(owner: object, name: string, by: (this: never) => unknown): () => void {
  const before: unknown = Reflect.get(owner, name)
  Reflect.set(owner, name, by)
  return () => {
    Reflect.set(owner, name, before)
  }
}
