/** A seeded source of choices: the same seed gives the same sequence on every machine. */
export interface Prng {
  /** An integer from `min` to `max`, both included. */
  int(min: number, max: number): number
  /** One element of a list that is not empty. */
  pick<T>(list: readonly T[]): T
  /** True with a chance of `percent` in a hundred. */
  chance(percent: number): boolean
  /** A shuffled copy. */
  shuffle<T>(list: readonly T[]): T[]
}

/** 32 bits of the string (FNV-1a), so that any text can be a seed. */
export function hash32(text: string): number {
  let hash = 0x811c9dc5
  for (let index = 0; index < text.length; index++) hash = Math.imul(hash ^ text.charCodeAt(index), 0x01000193)
  return hash >>> 0
}

/** Makes a generator (SplitMix32: an additive counter, then a finaliser) from a text seed. Not for secrets. */
export function makePrng(seed: string): Prng {
  let state = hash32(seed)
  const next = (): number => {
    state = (state + 0x9e3779b9) | 0
    let mixed = state
    mixed = Math.imul(mixed ^ (mixed >>> 16), 0x21f0aaad)
    mixed = Math.imul(mixed ^ (mixed >>> 15), 0x735a2d97)
    return (mixed ^ (mixed >>> 15)) >>> 0
  }
  const int = (min: number, max: number): number => min + Math.floor((next() / 0x1_0000_0000) * (max - min + 1))
  const pick = <T>(list: readonly T[]): T => {
    const chosen = list[int(0, list.length - 1)]
    if (chosen === undefined) throw new RangeError('cannot pick from an empty list')
    return chosen
  }
  const shuffle = <T>(list: readonly T[]): T[] => {
    const rest = [...list]
    const out: T[] = []
    while (rest.length > 0) out.push(...rest.splice(int(0, rest.length - 1), 1))
    return out
  }
  return { int, pick, chance: (percent) => int(1, 100) <= percent, shuffle }
}
