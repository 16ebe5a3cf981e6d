import { mediatedCall } from './place.ts'

/** A fetch for adapters of our own (models): through the door wherever it is asked for, so the watch lets it be. */
export function mediatedFetch(base: typeof fetch = globalThis.fetch): typeof fetch {
  return (input, init) => mediatedCall(() => base(input, init))
}
