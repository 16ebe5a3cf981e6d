/** An ask's place in a batch. */
export interface GatePlace {
  readonly gate: BatchGate
  readonly index: number
}

/**
 * Order within a batch of parallel tool calls (ENGINE R6): every call is decided, and every approval answered, before
 * the first effect runs; effects then run one after another in call order. Reads do not wait.
 */
export class BatchGate {
  private undecided: number
  private readonly ended: boolean[]
  private waiting: { readonly ready: () => boolean; readonly resolve: () => void }[] = []
  private readonly cleared: boolean[]

  constructor(size: number) {
    this.undecided = size
    this.ended = Array.from({ length: size }, () => false)
    this.cleared = Array.from({ length: size }, () => false)
  }

  /** The call at this place is decided and, where it was asked, approved or not. */
  clear(index: number): void {
    if (this.cleared[index]) return
    this.cleared[index] = true
    this.undecided -= 1
    this.wake()
  }

  /** The call at this place has ended; reads pass here too. */
  settled(index: number): void {
    this.clear(index)
    this.ended[index] = true
    this.wake()
  }

  /** True when the effect at this place may run now. */
  mayRun(index: number): boolean {
    return this.undecided === 0 && this.ended.slice(0, index).every(Boolean)
  }

  /** Resolves when the effect at this place may run. `resolve` is called before anybody can see a quiet run. */
  whenMayRun(index: number, onReady: () => void): Promise<void> {
    return new Promise((resolve) => {
      this.waiting.push({
        ready: () => this.mayRun(index),
        resolve: () => {
          onReady()
          resolve()
        },
      })
    })
  }

  private wake(): void {
    const ready = this.waiting.filter((entry) => entry.ready())
    this.waiting = this.waiting.filter((entry) => !ready.includes(entry))
    for (const entry of ready) entry.resolve()
  }
}
