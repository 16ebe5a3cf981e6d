/** The policies under test: the one that the project gives to start with, and simple ones to compare it with. */
import { readdirSync, readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { sha256Hex } from '../../packages/runtime/src/base/hash.ts'
import { canonicalJson } from '../../packages/runtime/src/base/json.ts'
import { loadBundle, type PolicyBundle } from '../../packages/runtime/src/policy/index.ts'
import type { CatalogueTool } from '../../packages/runtime/src/contracts/policy.ts'
import type { Suite } from './cases.ts'

/** Policies by name. `start` is the project's. */
export const POLICIES = ['start', 'none', 'ask for every effect'] as const
/** Which policy is in force. */
export type PolicyName = (typeof POLICIES)[number]

const START = fileURLToPath(new URL('../../packages/runtime/policies/start/', import.meta.url))
const LABELS = fileURLToPath(new URL('labels/', import.meta.url))

const folder = (path: string): Record<string, string> =>
  Object.fromEntries(readdirSync(path).map((file) => [file, readFileSync(`${path}/${file}`, 'utf8')]))

/** SHA-256 (hex) over the policies of the start bundle and all labels: what the committed numbers are about. */
export function bundleHash(): string {
  return sha256Hex(canonicalJson({ policies: folder(START), labels: folder(LABELS) }))
}

const NONE = `@id("none") @owner("nobody") permit (principal is Signalbox::Run, action, resource is Signalbox::Target);`
const ASK = `${NONE}
@id("ask") @owner("nobody") @effect("require_approval") @approvers("role:approver") @reason("ARGUMENTS_UNPROVEN")
forbid (principal is Signalbox::Run,
  action in [Signalbox::Action::"effect:reversible", Signalbox::Action::"effect:irreversible"],
  resource is Signalbox::Target)
unless { context has approval && context.approval.approver in Signalbox::Role::"approver" };`

/** The bundle of one suite: its tools with their labels, all others as a draft has them, under the named policy. */
export function bundleFor(suite: Suite, policy: PolicyName, input: 'user' | 'outside' = 'user'): PolicyBundle {
  const labels = JSON.parse(readFileSync(`${LABELS}/${suite.labels}.json`, 'utf8')) as { tools: CatalogueTool[] } // checked as part of the bundle
  const tools = suite.tools.map((name) => labels.tools.find((row) => row.name === name) ?? unlabelled(name))
  const catalogue = {
    tools: tools.map((row) => ({ ...row, owner: 'suite', input: {}, facts: {} })),
    models: [{ name: 'scripted/case', owner: 'suite' }],
    workflows: [{ name: 'case', owner: 'suite', roles: ['requester'], input }],
  }
  const start = folder(START)
  const policies = { start: start['start.cedar'], none: NONE, 'ask for every effect': ASK }[policy] ?? ''
  return loadBundle({
    'bundle.json': start['bundle.json'] ?? '',
    'catalogue.json': JSON.stringify(catalogue),
    'policy.cedar': policies,
  })
}

function unlabelled(name: string): Pick<CatalogueTool, 'name' | 'class' | 'effect' | 'blast_radius'> {
  return { name, class: 'unlabelled', effect: 'irreversible', blast_radius: 'nobody has judged it yet' }
}
