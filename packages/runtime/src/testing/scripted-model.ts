import { type Script, scriptedHandle } from '../agents/scripted.ts'
import type { ModelHandle, ModelPrice } from '../contracts/model.ts'
import { loadPrices } from '../price-file.ts'

/**
 * A model whose answers a function computes from the request: deterministic, labelled `scripted`, with usage from
 * text lengths, and priced as `scripted/*` of the bundled price file unless a price is given. `name` becomes the id
 * `scripted/<name>`; `chunk` is the number of characters in each provisional part.
 */
export function scriptedModel(
  name: string,
  script: Script,
  options: { readonly price?: ModelPrice; readonly chunk?: number } = {},
): ModelHandle {
  const id = `scripted/${name}`
  return scriptedHandle(id, script, options.price ?? loadPrices().lookup(id), options.chunk)
}
