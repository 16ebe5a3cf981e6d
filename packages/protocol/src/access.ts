import { z } from 'zod'
import { effectClassSchema, permissionSchema, principalSchema, reasonSchema, timeSchema } from './common.ts'

/** What somebody with one role may do with one tool, and on what it depends. */
export const matrixCellSchema = z.object({
  verdict: z.enum(['allowed', 'asks_sometimes', 'asks', 'denied']),
  reason: z.string().nullable(),
  approvers: z.array(z.string()),
  conditions: z.array(
    z.object({
      policy: z.string(),
      kind: z.enum(['permit', 'forbid', 'require_approval', 'warn']),
      reason: z.string().nullable(),
      /** What the reason means, or null. */
      sentence: z.string().nullable(),
      when: z.array(z.string()),
    }),
  ),
})
/** What somebody with one role may do with one tool. */
export type MatrixCellView = z.output<typeof matrixCellSchema>

/** A signature of the matrix by its owner. */
export const signatureSchema = z.object({
  by: principalSchema.nullable(),
  at: timeSchema,
  reason: z.string(),
  bundle: z.string(),
  matrix: z.string(),
  expires_at: timeSchema,
})

/** How the signature of the matrix stands. */
export const signOffSchema = z.object({
  state: z.enum(['not_asked', 'missing', 'changed', 'expired', 'signed']),
  /** How often it has to be signed, and by which role; null when the bundle does not ask. */
  rule: z.object({ days: z.int(), role: z.string() }).nullable(),
  /** Newest first. */
  signatures: z.array(signatureSchema),
})

/** The table of roles and tools of the bundle in force. */
export const roleMatrixSchema = z.object({
  bundle: z.string(),
  hash: z.string(),
  /** The columns; the last is somebody who holds every role. */
  roles: z.array(z.string()),
  rows: z.array(
    z.object({
      tool: z.string(),
      class: z.string(),
      effect: effectClassSchema,
      owner: z.string(),
      /** In the order of `roles`. */
      cells: z.array(matrixCellSchema),
    }),
  ),
  /** What one person may not combine. */
  duties: z.array(
    z.object({ id: z.string(), kind: z.enum(['roles', 'acts']), sentence: z.string(), what: z.array(z.string()) }),
  ),
  sign_off: signOffSchema,
})
/** The table of roles and tools of the bundle in force. */
export type RoleMatrixView = z.output<typeof roleMatrixSchema>

/** A signature of the matrix as the signer saw it; refused as CONFLICT when it is another by now. */
export const signRolesSchema = z.strictObject({ matrix: z.string().min(1).max(64), reason: reasonSchema })

/** Tools that may run without an approval, and who answers for that. */
export const exemptionListSchema = z.object({
  exemptions: z.array(
    z.object({
      tool: z.string(),
      workflows: z.array(z.string()).nullable(),
      condition: z.string(),
      owner: z.string(),
      reason: z.string(),
      signed_by: z.string().nullable(),
      signed_at: timeSchema.nullable(),
      expires_at: timeSchema,
      state: z.enum(['in_force', 'unsigned', 'not_yet', 'expired']),
    }),
  ),
})
/** Tools that may run without an approval. */
export type ExemptionListView = z.output<typeof exemptionListSchema>

/** How the credentials of tools stand. Never a value. */
export const credentialListSchema = z.object({
  credentials: z.array(
    z.object({
      tool: z.string(),
      kind: z.string(),
      source: z.string(),
      hosts: z.array(z.string()),
      header: z.string(),
      /** Null: it was not asked for yet. */
      resolves: z.boolean().nullable(),
      problem: z.string().nullable(),
      expires_at: timeSchema.nullable(),
      shared_with: z.string().nullable(),
    }),
  ),
  /** Tools without a credential. */
  without: z.array(z.string()),
  /** What is wrong, a sentence each. */
  faults: z.array(z.string()),
})
/** How the credentials of tools stand. */
export type CredentialListView = z.output<typeof credentialListSchema>

/** Whether every source is asked again; `true` or absent. */
export const credentialsQuerySchema = z.object({ prove: z.enum(['true', 'false']).optional() })

/** Who may sign in to this tenant, with which credentials. Never a token, nor its hash. */
export const principalListSchema = z.object({
  principals: z.array(
    z.object({
      id: z.string(),
      kind: z.enum(['user', 'service', 'agent']),
      owner: z.string().nullable(),
      roles: z.array(z.string()),
      tokens: z.array(
        z.object({
          name: z.string(),
          scopes: z.array(permissionSchema).nullable(),
          expires_at: timeSchema.nullable(),
          on_behalf_of: z.string().nullable(),
        }),
      ),
    }),
  ),
})
/** Who may sign in to this tenant. */
export type PrincipalListView = z.output<typeof principalListSchema>

/** Endpoints about who may do what. */
export const ACCESS_ENDPOINTS = {
  roleMatrix: {
    method: 'get',
    path: '/access/matrix',
    summary: 'What each role may do with each tool, and who signed that',
    permission: 'read',
    status: 200,
    response: roleMatrixSchema,
  },
  signRoles: {
    method: 'post',
    path: '/access/signatures',
    summary: 'Sign the table of roles and tools',
    permission: 'roles.sign_off',
    status: 201,
    body: signRolesSchema,
    response: signOffSchema,
  },
  exemptions: {
    method: 'get',
    path: '/access/exemptions',
    summary: 'Tools that may run without an approval, and until when',
    permission: 'read',
    status: 200,
    response: exemptionListSchema,
  },
  credentials: {
    method: 'get',
    path: '/access/credentials',
    summary: 'How the credentials of tools stand',
    permission: 'read',
    status: 200,
    query: credentialsQuerySchema,
    response: credentialListSchema,
  },
  principals: {
    method: 'get',
    path: '/access/principals',
    summary: 'Who may sign in to this tenant',
    permission: 'read',
    status: 200,
    response: principalListSchema,
  },
} as const
