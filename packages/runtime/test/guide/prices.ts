/** The prices that docs/guide/costs.md shows. */
import { createModels, loadPriceBook } from '../../src/index.ts'

// #region book
export const models = createModels({
  env: process.env,
  prices: loadPriceBook({ prices: './prices', overlays: './prices/overlays' }),
})
// #endregion book
