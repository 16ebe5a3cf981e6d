import {
  isoTime,
  type JsonObject,
  type Labels,
  loadBundle,
  policyFindings,
  type Principal,
  type Question,
  questionOf,
  SignalboxError,
  tellDecision,
  toJsonValue,
} from 'signalbox'
import {
  type DecisionDeps,
  decisionDetail,
  decisionRow,
  listDecisions,
  replayDecisions,
  toldView,
} from '../policy/decisions.ts'
import { finderOf, given, nextOf, requireRun, spanOf } from './fact-handlers.ts'
import type { ApiDeps, Handlers } from './handlers.ts'

type Names = 'decisions' | 'decision' | 'simulatePolicy' | 'replayPolicy' | 'policyFindings'

const DAY_MS = 86_400_000

/** Endpoints for authors of policies. Nothing of them changes anything; the tenant is the caller's (Invariant 16). */
export function decisionHandlers(deps: ApiDeps): Pick<Handlers, Names> {
  const { host } = deps
  return {
    decisions: async ({ query }, who) => {
      await requireRun(deps, who.tenant, query.run_id)
      const until = query.until === undefined ? host.now() + 1 : Date.parse(query.until)
      const start = query.run_id === undefined ? until - DAY_MS : 0
      const since = query.since === undefined ? start : Date.parse(query.since)
      const { verdict, tool, policy, principal } = query
      const filter = { ...spanOf(query, who.tenant), since, until, ...given({ name: tool, policy, principal }) }
      const { rows, complete } = await listDecisions(decisionDeps(deps), who.tenant, {
        ...filter,
        ...(verdict === undefined ? {} : { verdict }),
      })
      const next = nextOf(rows, query.limit)
      const runs = new Set(rows.map((row) => row.run_id)).size
      const page = { next, complete, runs, more: next !== null || !complete }
      return { decisions: rows.flatMap(decisionRow), since: isoTime(since), until: isoTime(until), ...page }
    },
    decision: async ({ params, query }, who) =>
      await decisionDetail(decisionDeps(deps), who.tenant, params.id, query.run_id),
    simulatePolicy: async ({ body }, who) => {
      const { bundles } = decisionDeps(deps)
      const { files, who: person, approved_by: approver, labels, input, facts, ...rest } = body
      const asked: Question = {
        ...rest,
        input: objectOf(input),
        facts: objectOf(facts),
        ...(labels ? { labels: labelsOf(labels) } : {}),
      }
      if ([asked.tool, asked.model, asked.point].filter((each) => each !== undefined).length !== 1)
        throw new SignalboxError('INPUT_INVALID', 'the body must say one of `tool`, `model` or `point`')
      const bundle = files === undefined ? bundles.inForce() : loadBundle(files)
      const inTenant = (one: typeof person): Principal => ({ ...one, tenant: who.tenant })
      const request = questionOf(bundle, asked, inTenant(person), approver ? inTenant(approver) : null)
      return toldView(tellDecision(bundle, request, bundle.decide(request)))
    },
    replayPolicy: async ({ body }, who) => {
      const found = decisionDeps(deps)
      const draft = body.files === undefined ? found.bundles.inForce() : loadBundle(body.files)
      const until = host.now() + 1
      return await replayDecisions(found, who.tenant, { draft, since: until - body.days * DAY_MS, until })
    },
    policyFindings: async () => {
      const bundle = decisionDeps(deps).bundles.inForce()
      const codeTools = deps.workflows.flatMap((spec) => [...spec.tools.values()])
      const findings = policyFindings({ bundle, at: host.now(), ...(codeTools.length > 0 ? { codeTools } : {}) })
      return { bundle: bundle.bundle, findings: findings.map((each) => ({ ...each })) }
    },
  }
}

/** The body was JSON, so that its values are. */
function objectOf(values: Readonly<Record<string, unknown>>): JsonObject {
  return Object.fromEntries(Object.entries(values).map(([name, value]) => [name, toJsonValue(value, name)]))
}

/** Labels of a question; what the schema let pass is one of the four. */
function labelsOf({ integrity, marks }: { readonly integrity: number; readonly marks: string[] }): Labels {
  const known = ([0, 1, 2, 3] as const).find((each) => each === integrity)
  return { integrity: known ?? 0, marks }
}

function decisionDeps(deps: ApiDeps): DecisionDeps {
  const { runs, bundles, host } = deps
  if (bundles) return { runs, bundles, host, facts: finderOf(deps) }
  throw new SignalboxError('CONFIG_INVALID', 'this server was started without its policy: give it `bundles`')
}
