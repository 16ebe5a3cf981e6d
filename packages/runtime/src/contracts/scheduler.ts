/** Names one run. */
export interface RunKey {
  readonly tenant: string
  readonly runId: string
}

/**
 * Who tells workers that a run can go on (ENGINE R15). The store is the record: every row says when its run is due, and
 * workers look there. A scheduler only makes it sooner, so that losing, doubling or delaying any of its calls harms
 * nothing, and its content can be rebuilt from the store at any time.
 */
export interface Scheduler {
  /** A new run is stored. */
  start(run: RunKey): void
  /** Something for the run is in its inbox, or a person moved it. */
  wake(run: RunKey): void
  /** The run waits until `at` (milliseconds since 1970) at the latest: an expiry, a backoff, a timer. */
  wakeAt(run: RunKey, at: number): void
  /** The run has ended or was taken up: earlier `wakeAt` calls for it mean nothing any more. */
  cancel(run: RunKey): void
  /** A worker of this process: `due` is called when a run may be claimable. The returned function ends that. */
  serve(due: (run: RunKey) => void): () => void
}
