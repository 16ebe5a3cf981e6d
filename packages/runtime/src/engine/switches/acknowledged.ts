import type { KillSwitch, SwitchWorker } from '../../contracts/switches.ts'
import type { Acknowledgement, SwitchStatus } from '../../contracts/switches-api.ts'
import type { Env } from '../env.ts'
import { eventOf } from './history.ts'

/**
 * Which workers act on a switch. A worker that was silent for two leases is dead: it wrote its row within a lease of its
 * last reading, so that what it had read is not trusted any more, and it sends nothing before it has read again.
 */
export async function acknowledgements(
  env: Pick<Env, 'store' | 'host'>,
  row: KillSwitch,
  workers: readonly SwitchWorker[],
): Promise<SwitchStatus> {
  const stored = await env.store.switchEvents(row.tenant)
  const thrown = stored.find((each) => {
    const { kind, switch_id: id } = eventOf(each)
    return kind === 'thrown' && id === row.id
  })
  const position = thrown?.position ?? null
  const now = env.host.now()
  const all = workers.map((worker) => acknowledgement(worker, position, now))
  const open = all.filter(({ state }) => state === 'waiting')
  return { switch: row, position, workers: all, acknowledged: open.length === 0 }
}

function acknowledgement(worker: SwitchWorker, position: number | null, now: number): Acknowledgement {
  const { worker: name, seenAt, version, since, leaseMs, ended } = worker
  const knows = position !== null && version >= position
  const common = { worker: name, seenAt, at: knows ? since : null }
  if (ended) return { ...common, state: 'ended' }
  if (knows) return { ...common, state: 'acknowledged' }
  return { ...common, state: now - seenAt > 2 * leaseMs ? 'dead' : 'waiting' }
}
