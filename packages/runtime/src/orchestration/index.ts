export { type AgentToolDef, agentTool, type AsAgentDef, asAgent } from './agent-tool.ts'
export { workflow } from './builder.ts'
export { toDot, toMermaid, toPicture } from './diagram.ts'
export { decisionRecord } from './decision-record.ts'
export { flow, type FlowCtx, type FlowDef } from './flow.ts'
export { endWith, escalationTo, type SummaryCtx, summaryOf } from './fallbacks.ts'
export { appended, owned, port, reduced } from './fields.ts'
export { oneNodeSpec } from './one-node.ts'
export { type Finished, inDeliveryOrder, numberDeliveries } from './order.ts'
export { REJECTION as Rejection } from './rejection.ts'
export { type Review, reviewWorkflow, type SideEffect } from './review.ts'
export { type Delivery, type Drop, type Held, type Join, route, routeStart } from './route.ts'
export { describeDifference } from './difference.ts'
export { type OwnBudget, type ScopeToolOptions, workflowTool } from './scope-tool.ts'
export { definitionId } from './signature.ts'
export { applyWrites, mergeWrites } from './state.ts'
export {
  type Digests,
  declaredUndone,
  ESCALATION as Escalation,
  judgeBarrier,
  partialOf,
} from './termination.ts'
export type * from './termination-types.ts'
export type * from './types.ts'
export * from './patterns/index.ts'
