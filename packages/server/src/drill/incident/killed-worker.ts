/** A worker in a process of its own that is killed with SIGKILL after it sent a payment. */
import { fork } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import { SignalboxError } from 'signalbox'
import type { ModelCall, Order } from './desk.ts'
import type { World } from './world.ts'

const isSource = import.meta.url.endsWith('.ts')
const ENTRY = fileURLToPath(
  new URL(isSource ? '../../incident-worker-main.ts' : '../../incident-worker-main.js', import.meta.url),
)

/** What the process is started with. */
export interface IncidentWorkerStart {
  readonly path: string
  readonly url: string
  readonly host: string
  readonly order: Order
  /** Milliseconds by which the clock of the drill is ahead. */
  readonly aheadMs: number
}

/** What it tells the drill: the run that it started, and each call of its model as the model counted it. */
export type IncidentWorkerTold = { readonly runId: string } | { readonly call: ModelCall }

/**
 * Starts a run in another process and kills that once its payment has reached the service, which then books it. Gives the
 * run's id.
 */
export async function killedWorker(world: World, order: Order): Promise<string> {
  const { outside, path, aheadMs } = world
  const { arrived, release } = outside.holdNext()
  const start: IncidentWorkerStart = { path, url: outside.url, host: outside.host, order, aheadMs: aheadMs() }
  const child = fork(ENTRY, [JSON.stringify(start)], {
    execArgv: [...(isSource ? ['--conditions=signalbox-source'] : []), '--no-warnings'],
    stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
  })
  const told = Promise.withResolvers<string>()
  child.on('message', (message) => {
    // What `incident-worker-main.ts` sends.
    const said = message as IncidentWorkerTold
    if ('call' in said) world.calls.push(said.call)
    else told.resolve(said.runId)
  })
  const exited = once(child, 'exit')
  const failed = exited.then(() => {
    throw new SignalboxError('INTERNAL', 'the worker of the drill ended before it paid: see its output above')
  })
  const runId = await Promise.race([told.promise, failed])
  await Promise.race([arrived, failed])
  failed.catch(() => undefined)
  child.kill('SIGKILL')
  await exited
  release()
  await world.until('the booking', async () => (outside.booked.some((one) => one.runId === runId) ? true : null))
  return runId
}
