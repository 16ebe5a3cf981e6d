/** The example as a project: what `signalbox dev` starts and `signalbox drill` exercises. */
import { fileURLToPath } from 'node:url'
import { defineProject, type Project } from '@signalbox/server'
import { refundModels, SAM } from './main.ts'
import { refunds } from './refunds.ts'
import { SHOP_URL, type Shop, startShop } from './shop.ts'

const orders = Array.from({ length: 18 }, (_, i) => ({
  order: `A-${i + 1}`,
  cents: i % 3 === 2 ? 9_900 + i : 1_999 + i,
}))

/** The project over a shop service; drills start it anew each time. */
export function refundsOver(shop: () => Promise<Shop>): Project {
  return defineProject({
    name: 'refunds',
    workflows: [refunds],
    bundleDir: fileURLToPath(new URL('../policy', import.meta.url)),
    models: refundModels,
    // #region drill
    drills: [
      {
        workflow: 'refunds',
        inputs: orders.map((input) => ({ name: input.order, input })),
        principal: SAM,
        // Approves, and says what became of a refund by looking for its key in the shop's own record.
        person: { by: { ...SAM, id: 'user:lee', roles: ['lead', 'approver'] } },
        recorded: ['payments.refund'],
        world: async () => {
          const { url, booked, stop } = await shop()
          return { env: { [SHOP_URL]: url }, effects: async () => booked, stop }
        },
      },
    ],
    // #endregion drill
  })
}

export default refundsOver(startShop)
