import { SignalboxError } from '../base/errors.ts'
import type { CheckpointBody, Sessions } from '../contracts/checkpoint.ts'
import type { ListRef } from '../contracts/common.ts'
import type { NodeSpec, WorkflowSpec } from '../contracts/workflow.ts'
import { sessionFault } from '../reliability/upgrade.ts'
import type { Done } from './done.ts'
import type { Scope } from './scope.ts'

/** The conversation that a node with a kept session goes on with; null when it has none yet or keeps none. */
export function sessionOf({ state }: Scope, node: NodeSpec): ListRef | null {
  return (node.session === 'kept' ? state.checkpoint.sessions?.[node.name] : null) ?? null
}

/**
 * The sessions after a superstep: of deliveries to one node the last one counts. An activation that failed for good has
 * no part in it, so that its node goes on from where it was before.
 */
export function sessionsAfter({ state }: Scope, all: readonly Done[]): Pick<CheckpointBody, 'sessions'> {
  const sessions: Record<string, ListRef> = { ...state.checkpoint.sessions }
  const inOrder = all.toSorted((a, b) => a.delivery - b.delivery)
  for (const { node, session } of inOrder) if (session) sessions[node] = session
  const names = Object.keys(sessions).sort()
  if (names.length === 0) return {}
  return { sessions: Object.fromEntries(names.flatMap((name) => (sessions[name] ? [[name, sessions[name]]] : []))) }
}

/** Refuses to go on without a conversation that is on record: never a new one in its place. Throws WORKFLOW_CHANGED. */
export function refuseLostSessions(spec: WorkflowSpec, sessions: Sessions | undefined): void {
  for (const node of Object.keys(sessions ?? {})) {
    const fault = sessionFault(spec, node)
    if (fault !== null) throw new SignalboxError('WORKFLOW_CHANGED', fault)
  }
}
