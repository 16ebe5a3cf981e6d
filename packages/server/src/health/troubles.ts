import type { TroubleCode, TroubleView } from '@signalbox/protocol'
import { type Host, isoTime, toSignalboxError } from 'signalbox'

/** Each kind of trouble: what is wrong, and what to do. */
const TROUBLES: Readonly<Record<TroubleCode, { readonly title: string; readonly advice: string }>> = {
  STORE_FULL: {
    title: 'the disk is full',
    advice:
      'free space on the disk of the data folder; runs go on by themselves, or ask about an effect whose answer was lost',
  },
  STORE_READ_ONLY: {
    title: 'the data folder cannot be written',
    advice: 'give write access to the data folder and its disk; runs go on by themselves',
  },
  STORE_UNAVAILABLE: {
    title: 'the store does not answer',
    advice: 'end what holds the data file, or check its disk; runs go on by themselves',
  },
  STORE_CORRUPT: {
    title: 'the store is damaged',
    advice: 'stop the server, keep a copy of the folder, and bring back the last backup',
  },
  STORE_SLOW: {
    title: 'the disk is slow',
    advice: 'look for what keeps the disk of the data folder busy; runs wait for it',
  },
  CLOCK_SET_BACK: {
    title: 'the clock was set back',
    advice: 'leave it: timers and schedules go on once it has passed the time that it had shown; nothing happens twice',
  },
  WORKER_HUNG: {
    title: 'a worker process stopped answering and was ended',
    advice:
      'look for a tool that never gives its process back; what the worker held goes on in another, nothing is repeated',
  },
  ROLES_NOT_SIGNED: {
    title: 'the table of roles and tools is not signed',
    advice: 'look at `signalbox roles matrix`, and let its owner sign it with `signalbox roles sign-off`',
  },
  POLICY_REFUSED: {
    title: 'a policy bundle was not taken up',
    advice:
      'the bundle before it stays in force there; mend the bundle and propose it again, or bring the code up to it: see `signalbox policy status`',
  },
  POLICY_REVIEW_DUE: {
    title: 'a bundle was taken back by one person alone',
    advice: 'somebody else looks at it and says so: `signalbox policy review <number>`',
  },
  ALERTS_BLIND: {
    title: 'alerts are not evaluated',
    advice:
      'nobody is told of what goes wrong until it works again: see why in the output of the server, and look by hand',
  },
  OTHER: { title: 'something is wrong', advice: "see the server's output" },
}

/** How much of a code can be told as trouble; anything else is `OTHER`. */
function troubleCode(code: string): TroubleCode {
  return Object.hasOwn(TROUBLES, code) ? (code as TroubleCode) : 'OTHER' // an own key of the table
}

/** Trouble that one look at something found, told by this server. `at` in milliseconds since 1970. */
export function troubleNow(code: TroubleCode, detail: string, at: number): TroubleView {
  const now = isoTime(at)
  return { code, ...TROUBLES[code], detail, since: now, last_at: now, told_by: ['server'] }
}

/** A trouble of the store ends when this long nobody told of one, and a write went through. */
const QUIET_MS = 3_000

interface Trouble {
  readonly code: TroubleCode
  readonly since: number
  lastAt: number
  /** On the monotonic clock. */
  lastMs: number
  detail: string
  readonly toldBy: Set<string>
}

/** What a board works with. */
export interface TroubleBoardOptions {
  readonly host: Host
  /** Writes something durable; its success says that the store works. */
  readonly probe: () => Promise<unknown>
  readonly log: (line: string) => void
}

/**
 * What is wrong now, told by all processes of a server. A trouble of the store ends by itself once nobody has told of it for
 * three seconds and a write of the server's own goes through; while there is none, nothing is written.
 */
export class TroubleBoard {
  readonly #options: TroubleBoardOptions
  readonly #open = new Map<TroubleCode, Trouble>()
  #probing: Promise<void> | null = null
  #highest: number
  #isClosed = false

  constructor(options: TroubleBoardOptions) {
    this.#options = options
    this.#highest = options.host.now()
  }

  /** Notes trouble; told again, it goes on. */
  report(toldBy: string, { code: given, detail }: { readonly code: string; readonly detail: string }): void {
    const { host, log } = this.#options
    const code = troubleCode(given)
    const now = host.now()
    const known = this.#open.get(code)
    const trouble = known ?? { code, since: now, lastAt: now, lastMs: 0, detail, toldBy: new Set<string>() }
    trouble.lastAt = now
    trouble.lastMs = host.monotonicMs()
    trouble.detail = detail
    trouble.toldBy.add(toldBy)
    this.#open.set(code, trouble)
    if (!known) log(`trouble: ${code}: ${TROUBLES[code].title}; ${TROUBLES[code].advice}`)
    if (code !== 'CLOCK_SET_BACK') this.#probing ??= this.#probe().finally(() => (this.#probing = null))
  }

  /** Looks at the clock; call it every second or so. */
  lookAtClock(): void {
    const now = this.#options.host.now()
    const back = this.#highest - now
    if (back > CLOCK_STEP_MS) {
      const detail = `it shows ${isoTime(now)} and had shown ${isoTime(this.#highest)}`
      this.report('server', { code: 'CLOCK_SET_BACK', detail })
      return
    }
    if (back <= 0) this.#highest = now
    if (back <= 0 && this.#open.has('CLOCK_SET_BACK')) this.#end('CLOCK_SET_BACK')
  }

  /** What is wrong now, the oldest first. */
  view(): readonly TroubleView[] {
    return [...this.#open.values()].map(({ code, since, lastAt, detail, toldBy }) => ({
      code,
      ...TROUBLES[code],
      detail,
      since: isoTime(since),
      last_at: isoTime(lastAt),
      told_by: [...toldBy].sort(),
    }))
  }

  /** Probes no more. */
  close(): void {
    this.#isClosed = true
  }

  async #probe(): Promise<void> {
    const { host, probe } = this.#options
    while (!this.#isClosed) {
      await new Promise<void>((resolve) => host.after(PROBE_MS, resolve))
      if (this.#isClosed) return
      try {
        await probe()
      } catch (thrown) {
        const { code, message } = toSignalboxError(thrown, 'STORE_UNAVAILABLE')
        this.report('server', { code, detail: message })
        continue
      }
      const now = host.monotonicMs()
      for (const trouble of this.#open.values())
        if (trouble.code !== 'CLOCK_SET_BACK' && now - trouble.lastMs >= QUIET_MS) this.#end(trouble.code)
      if ([...this.#open.keys()].every((code) => code === 'CLOCK_SET_BACK')) return
    }
  }

  #end(code: TroubleCode): void {
    this.#open.delete(code)
    this.#options.log(`trouble is over: ${code}: ${TROUBLES[code].title} no longer`)
  }
}

const PROBE_MS = 1_000
/** A clock that is corrected by less is no trouble. */
const CLOCK_STEP_MS = 5_000
