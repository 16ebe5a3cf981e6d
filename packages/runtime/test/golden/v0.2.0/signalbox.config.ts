/** The frozen workflow of this database as a project: what `signalbox upgrade check --golden` replays it with. */
import { fileURLToPath } from 'node:url'
import { goldenOrders } from '../orders.ts'

export default {
  kind: 'signalbox.project',
  name: 'golden orders',
  workflows: [goldenOrders([])],
  bundleDir: fileURLToPath(new URL('../policy-orders', import.meta.url)),
  models: () => ({
    resolve: (id: string) => {
      throw new Error(`a replay asks no model, and \`${id}\` was asked for`)
    },
  }),
  mode: 'production',
}
