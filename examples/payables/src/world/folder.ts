import { fileURLToPath } from 'node:url'

/** Where the committed world lives: `inbox/`, `ledger.json`, and `truth.json`, which only tests read. */
export const WORLD_FOLDER = fileURLToPath(new URL('../../world/', import.meta.url))
