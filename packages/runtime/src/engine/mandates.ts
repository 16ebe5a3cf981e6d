import { SignalboxError } from '../base/errors.ts'
import { newId } from '../base/ids.ts'
import type { Principal } from '../contracts/common.ts'
import type { DelegationBody, LiftBody, MandateRow, StandingBody } from '../contracts/mandates.ts'
import type { DelegationRequest, ReviewApi, ReviewRequest, StandingRequest } from '../contracts/review.ts'
import { allowsStanding, constraintProblems, reviewStats } from '../policy/index.ts'
import type { Env } from './env.ts'
import { checkReason } from './inbox-post.ts'

const DAY_MS = 86_400_000
/** Approvals that statistics look at, at most: so many of the open ones, and so many of those that were decided. */
const MOST_ROWS = 2_000

/** What people allow ahead, what they take back, and how they review. */
export function mandateActions(
  env: Env,
): Pick<ReviewApi, 'delegate' | 'delegations' | 'giveStanding' | 'standing' | 'revoke' | 'liftDecline' | 'stats'> {
  return {
    delegate: (request) => delegate(env, request),
    delegations: (tenant) => env.store.mandates({ tenant, kind: 'delegation' }),
    giveStanding: (request) => giveStanding(env, request),
    standing: async (tenant) => {
      const rows = await env.store.mandates({ tenant, kind: 'standing' })
      return Promise.all(rows.map(async (row) => ({ ...row, uses: await env.store.mandateUses(tenant, row.id) })))
    },
    revoke: (request) => revoke(env, request),
    liftDecline: (request) => liftDecline(env, request),
    stats: async ({ tenant, since, quickSeconds = 30 }) => {
      const limit = MOST_ROWS + 1
      const open = await env.store.requests({ tenant, kind: 'approval', state: 'open', limit })
      const decided = await env.store.decidedRequests({ tenant, kind: 'approval', since, limit })
      const rows = [...open.slice(0, MOST_ROWS), ...decided.slice(0, MOST_ROWS)]
      const cut = open.length > MOST_ROWS || decided.length > MOST_ROWS
      return { ...reviewStats(rows, { since, now: env.host.now(), quickSeconds }), cut }
    },
  }
}

type Made = Pick<MandateRow, 'kind' | 'subject' | 'startsAt' | 'expiresAt'> &
  Partial<Pick<MandateRow, 'maxUses' | 'maxAmount'>>

async function put(env: Env, by: Principal, reason: string, made: Made, body: object): Promise<MandateRow> {
  const now = env.host.now()
  const row: MandateRow = {
    tenant: by.tenant,
    id: newId(env.host, { delegation: 'dlg', standing: 'sta', lift: 'lft' }[made.kind]),
    body: JSON.stringify(body),
    reason: checkReason(reason),
    createdBy: by.id,
    createdAt: now,
    revokedAt: null,
    revokedBy: null,
    maxUses: null,
    maxAmount: null,
    ...made,
  }
  await env.store.putMandate(row)
  return row
}

/** Throws for a time that is over, or longer than the bundle allows. */
function checkTime(now: number, startsAt: number, expiresAt: number, days: number): void {
  if (!(expiresAt > now && expiresAt > startsAt))
    throw new SignalboxError('INPUT_INVALID', '`expires_at` must lie in the future, after the start')
  if (expiresAt - Math.max(now, startsAt) > days * DAY_MS)
    throw new SignalboxError('INPUT_INVALID', `\`expires_at\` is too far away: the bundle allows ${days} days`)
}

async function delegate(env: Env, request: DelegationRequest): Promise<MandateRow> {
  const { by, delegate: deputy, roles = by.roles, expiresAt, reason } = request
  const rules = env.policy.approvals
  const refuse = (why: string): SignalboxError => new SignalboxError('DELEGATION_REFUSED', why)
  if (!rules || rules.delegates.length === 0) throw refuse('the bundle lets nobody stand in for a reviewer')
  if (by.kind !== 'user') throw refuse(`only a person can name a delegate, \`${by.id}\` is a ${by.kind}`)
  if (deputy === by.id || deputy.trim() === '') throw refuse('name another person as the delegate')
  const foreign = roles.filter((role) => !by.roles.includes(role))
  if (foreign.length > 0 || roles.length === 0)
    throw refuse(
      `only roles that you hold can be passed on${foreign.length > 0 ? `: \`${foreign.join('`, `')}\` is not yours` : ''}`,
    )
  const now = env.host.now()
  const startsAt = request.startsAt ?? now
  checkTime(now, startsAt, expiresAt, rules.delegation_days)
  const body: DelegationBody = { delegate: deputy, roles }
  return put(env, by, reason, { kind: 'delegation', subject: deputy, startsAt, expiresAt }, body)
}

async function giveStanding(env: Env, request: StandingRequest): Promise<MandateRow> {
  const { by, tool: name, workflow, principal, constraints, amountField, maxUses, maxAmount, expiresAt } = request
  const refuse = (why: string): SignalboxError => new SignalboxError('STANDING_REFUSED', why)
  const rules = env.policy.approvals?.standing ?? null
  if (rules === null) throw refuse('the bundle lets nobody give standing approvals')
  if (by.kind !== 'user' || !rules.authors.some((role) => by.roles.includes(role)))
    throw refuse(`it takes a person with the role ${rules.authors.map((role) => `\`${role}\``).join(' or ')}`)
  const tool = env.policy.tool(name)
  if (!tool) throw new SignalboxError('TOOL_UNKNOWN', `there is no tool \`${name}\` in the catalogue`)
  if (!allowsStanding(tool)) throw refuse(`the catalogue allows no standing approval for \`${name}\``)
  if (principal === by.id)
    throw new SignalboxError('APPROVAL_SELF', 'a standing approval for yourself is given by another')
  const problems = constraintProblems(tool, constraints, amountField ?? null)
  if (problems.length > 0) throw new SignalboxError('INPUT_INVALID', problems.join('; '))
  if (!(Number.isSafeInteger(maxUses) && maxUses >= 1 && maxUses <= rules.max_uses))
    throw new SignalboxError('INPUT_INVALID', `\`max_uses\` must be from 1 to ${rules.max_uses}`)
  if ((maxAmount === undefined) !== (amountField === undefined))
    throw new SignalboxError('INPUT_INVALID', 'give `max_amount` and `amount_field` together, or neither')
  if (maxAmount !== undefined && !(Number.isSafeInteger(maxAmount) && maxAmount > 0))
    throw new SignalboxError('INPUT_INVALID', '`max_amount` must be a whole number above 0')
  const now = env.host.now()
  checkTime(now, now, expiresAt, rules.max_days)
  const body: StandingBody = {
    ...{ tool: name, workflow, principal, constraints },
    amount_field: amountField ?? null,
    roles: by.roles,
  }
  const made = {
    kind: 'standing',
    subject: name,
    startsAt: now,
    expiresAt,
    maxUses,
    maxAmount: maxAmount ?? null,
  } as const
  return put(env, by, request.reason, made, body)
}

/** Whoever gave it can end it; a standing approval also whoever could have given it. */
async function revoke(env: Env, { id, by, reason }: Parameters<ReviewApi['revoke']>[0]): Promise<MandateRow> {
  checkReason(reason)
  const row = await env.store.mandate(by.tenant, id)
  if (!row || row.kind === 'lift')
    throw new SignalboxError('MANDATE_NOT_FOUND', `there is no delegation or standing approval \`${id}\``)
  const authors = row.kind === 'standing' ? (env.policy.approvals?.standing?.authors ?? []) : []
  if (row.createdBy !== by.id && !authors.some((role) => by.roles.includes(role)))
    throw new SignalboxError('FORBIDDEN', `\`${id}\` was given by \`${row.createdBy}\`, who can take it back`)
  if (row.revokedAt !== null)
    throw new SignalboxError('CONFLICT', `\`${id}\` was revoked by \`${row.revokedBy ?? ''}\` already`)
  const revoked = await env.store.revokeMandate(by.tenant, id, by.id, env.host.now())
  return revoked ?? row
}

/** Not the requester: who was refused does not decide that it may be asked again. */
async function liftDecline(env: Env, { approvalId, by, reason }: ReviewRequest & { reason: string }): Promise<void> {
  const row = await env.store.request(by.tenant, approvalId)
  if (row?.kind !== 'approval') throw new SignalboxError('APPROVAL_NOT_FOUND', `there is no approval \`${approvalId}\``)
  if (row.state !== 'rejected' || row.question === undefined)
    throw new SignalboxError(
      'RUN_STATE',
      `approval \`${approvalId}\` is \`${row.state}\`: no answer to it is remembered`,
    )
  if (by.kind !== 'user' || row.requester === by.id)
    throw new SignalboxError('APPROVAL_SELF', `\`${row.requester}\` asked for this: another person has to lift it`)
  const now = env.host.now()
  const body: LiftBody = { approval: approvalId }
  await put(env, by, reason, { kind: 'lift', subject: row.question, startsAt: now, expiresAt: now + DAY_MS }, body)
}
