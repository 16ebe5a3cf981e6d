import { sha256Hex } from '../../base/hash.ts'

/** Numbers that follow from a seed text alone. Streams of different names are independent of each other. */
export class SimRandom {
  private readonly seed: string
  private a: number
  private b: number
  private c: number
  private counter = 1

  constructor(seed: string) {
    const hex = sha256Hex(seed)
    this.seed = seed
    this.a = Number.parseInt(hex.slice(0, 8), 16)
    this.b = Number.parseInt(hex.slice(8, 16), 16)
    this.c = Number.parseInt(hex.slice(16, 24), 16)
  }

  /** Another stream of the same seed. */
  stream(name: string): SimRandom {
    return new SimRandom(`${this.seed}/${name}`)
  }

  /** A whole number of 32 bits (the small fast counter generator, sfc32). */
  bits(): number {
    const sum = (((this.a + this.b) | 0) + this.counter) | 0
    this.counter = (this.counter + 1) | 0
    this.a = this.b ^ (this.b >>> 9)
    this.b = (this.c + (this.c << 3)) | 0
    this.c = ((this.c << 21) | (this.c >>> 11)) + sum
    return sum >>> 0
  }

  /** A number in [0, 1). */
  next(): number {
    return this.bits() / 4_294_967_296
  }

  /** A whole number from `low` to `high`, both included. */
  between(low: number, high: number): number {
    return low + Math.floor(this.next() * (high - low + 1))
  }

  chance(probability: number): boolean {
    return this.next() < probability
  }

  /** One of the items. Throws on an empty list. */
  pick<T>(items: readonly T[]): T {
    const found = items[Math.floor(this.next() * items.length)]
    if (found === undefined) throw new Error('there is nothing to pick from')
    return found
  }

  bytes(length: number): Uint8Array {
    const made = new Uint8Array(length)
    for (let i = 0; i < length; i += 4) {
      const word = this.bits()
      for (let j = i; j < Math.min(i + 4, length); j++) made[j] = (word >>> (8 * (j - i))) & 255
    }
    return made
  }
}
