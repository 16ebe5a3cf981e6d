/** Puts together what a bundle of evidence holds about a run, from the store and the project. */
import { explanationMarkdown } from '@signalbox/protocol'
import {
  bundleDefinition,
  bundleHash,
  bundlesIn,
  decisionRecord,
  type Host,
  type Principal,
  type Redactor,
  type RunRow,
  type RunsApi,
  runCostOf,
  type Store,
  type StoredRecord,
  toMermaid,
  type WorkflowSpec,
} from 'signalbox'
import type { AlertService } from '../alerts/service.ts'
import { alertEventView, alertView } from '../views/alerts.ts'
import { undosOf } from '../views/compensation.ts'
import { runCostView } from '../views/cost.ts'
import { auditOne, explanationOf, lineageView } from '../views/history.ts'
import { type OutgoingContents, outgoingContents } from './contents.ts'

/** Files of a bundle without its manifest, and what the manifest says of them. */
export interface Collected {
  readonly files: Map<string, Uint8Array>
  readonly row: RunRow
  readonly leftOut: number
}

type Put = (name: string, content: unknown) => void

/** What of the server a bundle is made from. */
export interface CollectDeps {
  readonly runs: RunsApi
  readonly store: Pick<Store, 'definition' | 'records'>
  readonly alerts?: AlertService
  readonly workflows: readonly WorkflowSpec[]
  readonly host: Host
}

/** Reads the run at one sequence: what comes later is not in any of the files. */
export async function collect(
  deps: CollectDeps,
  redactor: Pick<Redactor, 'clean'>,
  order: { readonly runId: string; readonly by: Principal; readonly content: boolean },
): Promise<Collected> {
  const { runs, store } = deps
  const { tenant } = order.by
  const row = await runs.get(tenant, order.runId)
  const files = new Map<string, Uint8Array>()
  const put: Put = (name, content) => {
    const text = typeof content === 'string' ? content : `${JSON.stringify(content, null, 2)}\n`
    files.set(name, new Uint8Array(Buffer.from(text)))
  }
  const stored = (await store.records(tenant, order.runId)).filter((record) => record.seq <= row.seq)
  const records = (await runs.records(tenant, order.runId)).filter((record) => record.seq <= row.seq)
  const reader = order.content ? await runs.contents(tenant, order.runId).catch(() => null) : null
  const contents = order.content ? await outgoingContents(records, reader, redactor) : null
  put('README.txt', README)
  await putNarrative(put, deps, row, contents)
  put('records.ndjson', ndjson(stored.map(({ seq, type, body, hash }) => ({ seq, type, body, hash }))))
  if (contents) put('contents.ndjson', ndjson(contents.lines))
  put('lineage.json', lineageView(order.runId, records, await undosOf(runs, tenant, order.runId)))
  put('audit.json', await auditOne(store, row))
  put('cost.json', runCostView(order.runId, tenant, runCostOf(records)))
  await putPolicy(put, deps, stored)
  await putWorkflow(put, deps, row)
  await putAlerts(put, deps, row)
  return { files, row, leftOut: contents?.leftOut ?? 0 }
}

async function putNarrative(
  put: Put,
  deps: CollectDeps,
  { tenant, runId, seq }: RunRow,
  opened: OutgoingContents | null,
): Promise<void> {
  const contents = opened ? async (ref: Parameters<OutgoingContents['text']>[0]) => opened.text(ref) : 'sealed'
  const told = await explanationOf(deps, tenant, runId, { contents, through: seq })
  put('narrative.json', told)
  put('narrative.md', explanationMarkdown(told, { all: true }))
  // Each with who asked whom, who answered why, and the keyed hashes of what was shown and seen.
  put('approvals.json', told.answers.approved)
}

/** Every policy bundle that a record names, as its files were. */
async function putPolicy(put: Put, { store }: CollectDeps, stored: readonly StoredRecord[]): Promise<void> {
  for (const id of [...bundlesIn(stored)].sort()) {
    const text = await store.definition(bundleDefinition(bundleHash(id)))
    put(`policy/${bundleHash(id).slice(0, 16)}.json`, { bundle: id, files: text === null ? null : JSON.parse(text) })
  }
}

async function putWorkflow(put: Put, { store, workflows }: CollectDeps, row: RunRow): Promise<void> {
  const { workflow: name, version, signature } = row
  const text = await store.definition(signature)
  const definition: unknown = text === null ? null : JSON.parse(text)
  put('workflow/definition.json', { name, version, signature, definition })
  // The row names what the run was defined as; a project that has another definition by now has another picture.
  const spec = workflows.find((each) => each.definition === signature)
  if (!spec) return
  put('workflow/decision-record.md', decisionRecord(spec))
  put('workflow/diagram.mmd', toMermaid(spec))
}

const MOST_ALERTS = 1_000

/** Alerts that a record of the run is behind, with their histories. */
async function putAlerts(put: Put, { alerts }: CollectDeps, { tenant, runId, workflow }: RunRow): Promise<void> {
  const rows = alerts ? await alerts.list({ tenant, limit: MOST_ALERTS }) : []
  const about = rows
    .filter((row) => row.workflow === null || row.workflow === workflow)
    .filter(({ inputs, latest }) => [...inputs.refs, ...latest.refs].some((ref) => ref.run === runId))
  const told = await Promise.all(
    about.map(async (row) => {
      const events = (await alerts?.show(tenant, row.id))?.events ?? []
      return { ...alertView(row), events: events.map(alertEventView) }
    }),
  )
  put('alerts.json', told)
}

function ndjson(rows: readonly object[]): string {
  return rows.map((row) => `${JSON.stringify(row)}\n`).join('')
}

const README = `What this is: the evidence about one run, signed with the audit key of the server that made it.

manifest.json           what is in here, with the SHA-256 of each file, signed (Ed25519)
narrative.md, .json     the run told from its records, each sentence with its record
records.ndjson          the stored records: the hash of each is SHA-256 over its body, which names the hash before it
contents.ndjson         contents, where they were asked for, as the redaction of the project left them
lineage.json            where each effect came from, and what is missing
audit.json              what the server's own audit of the history found
proof.json              that a signed tree head covers the history, where one did
approvals.json          who was asked, who answered and why, with the keyed hashes of what they were shown
policy/                 the policy bundles that decided, by their hash
workflow/               the definition that ran, its decision record and its diagram
cost.json, alerts.json  what it cost, and which alerts it is behind

Check it anywhere, with the public key that was kept: signalbox explain verify <file> --key audit.pub
`
