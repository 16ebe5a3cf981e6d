import type { Host } from '../base/host.ts'
import { canonicalJson } from '../base/json.ts'
import type { Decision, PolicyPort, PolicyRequest, Verdict } from '../contracts/policy.ts'
import type { ShadowFinding, ShadowOutcome } from '../contracts/policy-history.ts'
import type { Store } from '../contracts/store.ts'

/** Questions that wait to be put to the draft; what does not fit is counted as dropped. */
const WAITING = 2_000
/** Questions for one turn of the event loop. */
const A_TURN = 10
/** Questions that are remembered, so that one that is asked again is compared once. */
const REMEMBERED = 5_000
const FLUSH_MS = 1_000

type Asked = { readonly request: PolicyRequest; readonly decision: Omit<Decision, 'id'>; readonly at: number }

/**
 * Puts the questions of live traffic to a draft beside the bundle in force. The draft is asked after the decision, in a
 * later turn of the event loop, and what it answers or throws reaches no run.
 */
export class ShadowRunner {
  readonly #host: Host
  readonly #store: Pick<Store, 'addShadow'>
  #shadow: { readonly seq: number; readonly draft: PolicyPort } | null = null
  #queue: Asked[] = []
  #seen = new Set<string>()
  #counts = new Map<string, number>()
  #findings: ShadowFinding[] = []
  #draining = false
  #cancelFlush: (() => void) | null = null

  constructor(store: Pick<Store, 'addShadow'>, host: Host) {
    this.#store = store
    this.#host = host
  }

  /** Compares with another draft from here on, or with none. What was found before is stored first. */
  async set(shadow: { readonly seq: number; readonly draft: PolicyPort } | null): Promise<void> {
    if (shadow?.seq === this.#shadow?.seq) return
    await this.flush()
    this.#queue = []
    this.#seen = new Set()
    this.#shadow = shadow
  }

  /** Takes a decision note of; costs the run no more than that. A question with its approval was compared before it. */
  note(request: PolicyRequest, decision: Omit<Decision, 'id'>): void {
    if (this.#shadow === null || request.approval !== null) return
    if (this.#queue.length >= WAITING) {
      this.#count(request.principal.tenant, 'dropped')
      return
    }
    this.#queue.push({ request, decision, at: this.#host.now() })
    if (this.#draining) return
    this.#draining = true
    this.#host.after(0, () => this.#drain())
  }

  /** Stores what was found since the last time. What the store does not take is found again by nobody: it is dropped. */
  async flush(): Promise<void> {
    this.#cancelFlush?.()
    this.#cancelFlush = null
    while (this.#queue.length > 0) this.#compareSome()
    const shadow = this.#shadow
    const counts = [...this.#counts].map(([key, count]) => {
      const [tenant, outcome] = JSON.parse(key) as [string, ShadowOutcome] // written by `#count`
      return { tenant, outcome, count }
    })
    const findings = this.#findings
    this.#counts = new Map()
    this.#findings = []
    if (shadow && counts.length > 0) await this.#store.addShadow({ shadow: shadow.seq, counts, findings })
  }

  #drain(): void {
    this.#compareSome()
    if (this.#queue.length > 0) this.#host.after(0, () => this.#drain())
    else this.#draining = false
  }

  #compareSome(): void {
    for (const asked of this.#queue.splice(0, A_TURN)) this.#compare(asked)
    this.#cancelFlush ??= this.#host.after(FLUSH_MS, () => {
      // A store that fails is told of by the store itself.
      this.flush().catch(() => undefined)
    })
  }

  #compare({ request, decision, at }: Asked): void {
    const { point, run, action, principal } = request
    const key = canonicalJson([run.id, point, action.name, request.input, request.facts])
    if (!this.#shadow || this.#seen.has(key)) return
    if (this.#seen.size >= REMEMBERED) this.#seen.clear()
    this.#seen.add(key)
    const draft = ask(this.#shadow.draft, request)
    const outcome = draft === null ? 'error' : compared(decision.verdict, draft.verdict)
    this.#count(principal.tenant, outcome)
    if (outcome === 'same') return
    const { verdict, reason_code, policies } = draft ?? FAILED
    this.#findings.push({
      tenant: principal.tenant,
      outcome,
      runId: run.id,
      workflow: run.workflow,
      point,
      action: action.name,
      at,
      bundle: decision.bundle,
      now: { verdict: decision.verdict, reason_code: decision.reason_code },
      draft: { verdict, reason_code, policies },
    })
  }

  #count(tenant: string, outcome: ShadowOutcome): void {
    const key = JSON.stringify([tenant, outcome])
    this.#counts.set(key, (this.#counts.get(key) ?? 0) + 1)
  }
}

/** A draft that cannot be evaluated would park the run. */
const FAILED = { verdict: 'deny', reason_code: 'POLICY_MALFUNCTION', policies: [] } as const

function ask(draft: PolicyPort, request: PolicyRequest): Omit<Decision, 'id'> | null {
  try {
    if (!draft.hasRulesAt(request.point)) return { ...NO_RULE, point: request.point, bundle: draft.bundle }
    return draft.decide(request)
  } catch {
    return null
  }
}

/** A point without rules lets everything pass. */
const NO_RULE = { verdict: 'allow', reason_code: 'PERMITTED', policies: [], asks: [] } as const

type Kind = 'pass' | 'ask' | 'block'

const KIND: Readonly<Record<Verdict, Kind>> = {
  allow: 'pass',
  warn: 'pass',
  transform: 'pass',
  require_approval: 'ask',
  deny: 'block',
}

const OUTCOME = { pass: 'would_allow', ask: 'would_ask', block: 'would_block' } as const

function compared(now: Verdict, draft: Verdict): 'same' | 'would_allow' | 'would_ask' | 'would_block' {
  return KIND[now] === KIND[draft] ? 'same' : OUTCOME[KIND[draft]]
}
