import type { EffectRow, PersonRequestRow, Store } from '../../contracts/store.ts'
import type { Connection } from './connection.ts'
import { effectRow, requestRow } from './rows.ts'

const IN_FLIGHT = `SELECT * FROM effects WHERE tenant = ? AND state IN ('open', 'unknown') ORDER BY entry LIMIT ?`
const DECIDED = `SELECT * FROM requests WHERE tenant = ? AND kind = ? AND decided_at >= ?
  ORDER BY decided_at DESC, id DESC LIMIT ?`

/** The methods of the store that find what stands out among many rows, each through an index of its own. */
export abstract class SqliteOpenThings {
  readonly #connection: Connection

  constructor(connection: Connection) {
    this.#connection = connection
  }

  effectsInFlight(tenant: string, limit: number): Promise<readonly EffectRow[]> {
    return this.#connection.read(() => this.#connection.sql(IN_FLIGHT).all(tenant, limit).map(effectRow))
  }

  decidedRequests(filter: Parameters<Store['decidedRequests']>[0]): Promise<readonly PersonRequestRow[]> {
    const { tenant, kind, since, limit } = filter
    return this.#connection.read(() => this.#connection.sql(DECIDED).all(tenant, kind, since, limit).map(requestRow))
  }
}
