import type { CredentialListView, RoleMatrixView } from '@signalbox/protocol'
import { type CredentialStatus, type Duty, isoTime, type PolicyBundle, type RoleMatrix } from 'signalbox'
import type { SignOff } from '../identity/access.ts'

/** The rows of the matrix, with the sentences of the reasons. */
export function matrixRows({ rows }: RoleMatrix, bundle: Pick<PolicyBundle, 'sentence'>): RoleMatrixView['rows'] {
  return rows.map(({ cells, ...row }) => ({
    ...row,
    cells: cells.map(({ verdict, reason, approvers, conditions }) => ({
      verdict,
      reason,
      approvers: [...approvers],
      conditions: conditions.map((each) => ({
        ...each,
        sentence: each.reason === null ? null : bundle.sentence(each.reason),
        when: [...each.when],
      })),
    })),
  }))
}

/** A duty in words. */
export function dutyView(duty: Duty, bundle: Pick<PolicyBundle, 'sentence'>): RoleMatrixView['duties'][number] {
  const sentence = bundle.sentence(duty.reason) ?? duty.reason
  const { id, kind } = duty
  if (duty.kind === 'roles') return { id, kind, sentence, what: [...duty.roles] }
  return { id, kind, sentence, what: [duty.done, duty.barred].map(({ tool, field }) => `${tool} (${field})`) }
}

/** How the signature of the matrix stands. */
export function signOffView({ state, rule, signatures }: SignOff): RoleMatrixView['sign_off'] {
  return {
    state,
    rule: rule === null ? null : { ...rule },
    signatures: signatures.map(({ by, at, reason, bundle, matrix, expires_at }) => ({
      by: by === null ? null : { ...by, roles: [...by.roles] },
      at,
      reason,
      bundle,
      matrix,
      expires_at,
    })),
  }
}

/** How one credential stands. */
export function credentialView(status: CredentialStatus): CredentialListView['credentials'][number] {
  const { tool, kind, source, hosts, header, resolves, problem, expiresAt, sharedWith } = status
  const expires_at = expiresAt === null ? null : isoTime(expiresAt)
  return { tool, kind, source, hosts: [...hosts], header, resolves, problem, expires_at, shared_with: sharedWith }
}
