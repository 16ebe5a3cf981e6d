import { type SignalboxError, toSignalboxError } from '../base/errors.ts'
import type { Host } from '../base/host.ts'
import { sleep } from '../base/host.ts'
import type { CommitResult, RunCommit, RunRow, Store } from '../contracts/store.ts'
import { withActs, withTerms } from './acts.ts'
import { withNotices } from './notices.ts'
import { tellStored } from './stored-channel.ts'

/** A run that has records to commit. The committer calls these and nothing else. */
export interface Committing {
  readonly row: Pick<RunRow, 'workflow' | 'principal'>
  /** True when the run has left this process: nothing more is written for it (ENGINE R4). */
  readonly dead: boolean
  /** Takes the buffered records as one commit; null when there is nothing to commit. */
  takeCommit(): RunCommit | null
  onCommitted(commit: RunCommit): void
  /** The commit was refused because the inbox was not empty: records stay buffered, without the release. */
  onInboxNotEmpty(commit: RunCommit): void
  /** The run cannot go on in this process: fenced, an effect claimed or a standing approval used up elsewhere, or the store does not take it. */
  onLost(why: SignalboxError | 'fenced' | 'effect_claimed' | 'mandate_spent'): void
}

const MAX_BATCH_RUNS = 128
const MAX_BATCH_BYTES = 1_000_000
const RETRY_MS = [50, 200, 1_000]

/**
 * Commits many runs in one durable transaction (ENGINE pump, R10, R11). Owns the order of commits: at most one is in
 * flight, and a run is in it at most once. After an error that may hide a commit, it reads the row again.
 */
export class Committer {
  private readonly dirty = new Set<Committing>()
  private running: Promise<void> | null = null
  private readonly store: Store
  private readonly host: Host
  private readonly tell: typeof tellStored

  /** `tell` hears of what became durable; a replay, which stores nothing, gives one that does nothing. */
  constructor(store: Store, host: Host, tell: typeof tellStored = tellStored) {
    this.store = store
    this.host = host
    this.tell = tell
  }

  /** Asks for the run's buffer to be committed with the next batch. */
  request(run: Committing): void {
    this.dirty.add(run)
    this.running ??= this.pump()
  }

  /** Resolves when nothing is left to commit. */
  async idle(): Promise<void> {
    while (this.running) await this.running
  }

  private async pump(): Promise<void> {
    try {
      while (this.dirty.size > 0) {
        // One macrotask, so that every run that is about to ask for a flush gets into this batch.
        await this.host.macrotask()
        const batch = this.nextBatch()
        if (batch.length > 0) await this.commit(batch)
      }
    } finally {
      // In the same step as the look at what is left: whoever asks from now on starts the pump again.
      this.running = null
    }
  }

  private nextBatch(): { run: Committing; commit: RunCommit }[] {
    const batch: { run: Committing; commit: RunCommit }[] = []
    let bytes = 0
    for (const run of this.dirty) {
      if (batch.length >= MAX_BATCH_RUNS || bytes >= MAX_BATCH_BYTES) break
      this.dirty.delete(run)
      const taken = run.takeCommit()
      if (!taken) continue
      const commit = withTerms(withActs(withNotices(taken, run.row.workflow), run.row.principal))
      for (const record of commit.records) bytes += record.body.length + (record.sealed?.byteLength ?? 0)
      batch.push({ run, commit })
    }
    return batch
  }

  private async commit(batch: readonly { run: Committing; commit: RunCommit }[]): Promise<void> {
    let results: readonly CommitResult[]
    try {
      results = await this.store.commit(batch.map((entry) => entry.commit))
    } catch (thrown) {
      await Promise.all(
        batch.map((entry) => this.settleAlone(entry.run, entry.commit, toSignalboxError(thrown, 'STORE_UNAVAILABLE'))),
      )
      return
    }
    batch.forEach((entry, i) => {
      this.deliver(entry.run, entry.commit, results[i] ?? { status: 'fenced' })
    })
  }

  /** The ambiguous case (ENGINE R11): my head means committed; my expected sequence and epoch means again; else fenced. */
  private async settleAlone(run: Committing, commit: RunCommit, first: SignalboxError): Promise<void> {
    let error = first
    for (const wait of RETRY_MS) {
      await sleep(this.host, wait)
      try {
        const row = await this.store.run(commit.tenant, commit.runId)
        if (row && row.seq === commit.seq && row.head === commit.head)
          return this.deliver(run, commit, { status: 'committed' })
        if (!row || row.seq !== commit.expectSeq || row.epoch !== commit.epoch) return run.onLost('fenced')
        // The lease may have been lost while the store was asked.
        if (run.dead) return
        const [result] = await this.store.commit([commit])
        return this.deliver(run, commit, result ?? { status: 'fenced' })
      } catch (thrown) {
        error = toSignalboxError(thrown, 'STORE_UNAVAILABLE')
      }
    }
    run.onLost(error)
  }

  private deliver(run: Committing, commit: RunCommit, result: CommitResult): void {
    switch (result.status) {
      case 'committed':
        this.tell(commit.runId, commit.records)
        run.onCommitted(commit)
        return
      case 'inbox_not_empty':
        run.onInboxNotEmpty(commit)
        return
      case 'fenced':
      case 'effect_claimed':
      case 'mandate_spent':
        run.onLost(result.status)
        return
      default:
        result satisfies never
    }
  }
}
