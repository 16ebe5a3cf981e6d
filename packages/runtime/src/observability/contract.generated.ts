// Made from contract.v1.json by `node tools/telemetry-contract.ts`. Change that file, not this one.

/** Version of the telemetry contract, and what it was compared with. */
export const CONTRACT = {
  version: 1,
  semconvCommit: '9430220eb6f3f8a0e41d2e0e548aeb5cb9ca5f14',
  semconvRepository: 'open-telemetry/semantic-conventions-genai',
  reviewedOn: '2026-11-22',
  reviewAfterDays: 100,
} as const

/** Attributes that every span and event carries. Names are separated by spaces here and below. */
export const COMMON =
  'signalbox.run.id signalbox.workflow.id signalbox.workflow.version signalbox.request.id gen_ai.workflow.name'

/** Every attribute with its type, sensitivity and cardinality. */
export const ATTRIBUTES = {
  'signalbox.run.id': { type: 'string', sensitivity: 'none', cardinality: 'high' },
  'signalbox.run.segment': { type: 'int', sensitivity: 'none', cardinality: 'high' },
  'signalbox.run.branch': { type: 'int', sensitivity: 'none', cardinality: 'high' },
  'signalbox.run.parent_id': { type: 'string', sensitivity: 'none', cardinality: 'high' },
  'signalbox.run.status': { type: 'string', sensitivity: 'none', cardinality: 'low' },
  'signalbox.run.stop_reason': { type: 'string', sensitivity: 'none', cardinality: 'low' },
  'signalbox.run.active_ms': { type: 'int', sensitivity: 'none', cardinality: 'high' },
  'signalbox.run.waiting_ms': { type: 'int', sensitivity: 'none', cardinality: 'high' },
  'signalbox.run.mode': { type: 'string', sensitivity: 'none', cardinality: 'low' },
  'signalbox.record.seq': { type: 'int', sensitivity: 'none', cardinality: 'high' },
  'signalbox.workflow.id': { type: 'string', sensitivity: 'none', cardinality: 'low' },
  'signalbox.workflow.version': { type: 'string', sensitivity: 'none', cardinality: 'low' },
  'signalbox.request.id': { type: 'string', sensitivity: 'none', cardinality: 'high' },
  'signalbox.segment.reason': { type: 'string', sensitivity: 'none', cardinality: 'low' },
  'signalbox.worker.id': { type: 'string', sensitivity: 'none', cardinality: 'high' },
  'signalbox.superstep.index': { type: 'int', sensitivity: 'none', cardinality: 'high' },
  'signalbox.node.name': { type: 'string', sensitivity: 'none', cardinality: 'low' },
  'signalbox.attempt': { type: 'int', sensitivity: 'none', cardinality: 'high' },
  'signalbox.checkpoint.id': { type: 'string', sensitivity: 'none', cardinality: 'high' },
  'signalbox.ask.phase': { type: 'string', sensitivity: 'none', cardinality: 'low' },
  'signalbox.activity.kind': { type: 'string', sensitivity: 'none', cardinality: 'low' },
  'signalbox.activity.outcome': { type: 'string', sensitivity: 'none', cardinality: 'low' },
  'signalbox.tool.risk_class': { type: 'string', sensitivity: 'none', cardinality: 'low' },
  'signalbox.tool.effect': { type: 'string', sensitivity: 'none', cardinality: 'low' },
  'signalbox.approval.required': { type: 'boolean', sensitivity: 'none', cardinality: 'low' },
  'signalbox.approval.decision': { type: 'string', sensitivity: 'none', cardinality: 'low' },
  'signalbox.approval.id': { type: 'string', sensitivity: 'none', cardinality: 'high' },
  'signalbox.approval.actor.kind': { type: 'string', sensitivity: 'none', cardinality: 'low' },
  'signalbox.approval.wait_ms': { type: 'int', sensitivity: 'none', cardinality: 'high' },
  'signalbox.question.id': { type: 'string', sensitivity: 'none', cardinality: 'high' },
  'signalbox.question.about': { type: 'string', sensitivity: 'none', cardinality: 'low' },
  'signalbox.question.answer': { type: 'string', sensitivity: 'none', cardinality: 'low' },
  'signalbox.port_request.id': { type: 'string', sensitivity: 'none', cardinality: 'high' },
  'signalbox.port_request.answer': { type: 'string', sensitivity: 'none', cardinality: 'low' },
  'signalbox.cost.estimate_nano_usd': { type: 'int', sensitivity: 'none', cardinality: 'high' },
  'signalbox.cost.nano_usd': { type: 'int', sensitivity: 'none', cardinality: 'high' },
  'signalbox.cost.source': { type: 'string', sensitivity: 'none', cardinality: 'low' },
  'signalbox.price.overlay_id': { type: 'string', sensitivity: 'none', cardinality: 'low' },
  'signalbox.price.id': { type: 'string', sensitivity: 'none', cardinality: 'low' },
  'signalbox.latency_ms': { type: 'double', sensitivity: 'none', cardinality: 'high' },
  'signalbox.policy.verdict': { type: 'string', sensitivity: 'none', cardinality: 'low' },
  'signalbox.policy.decision_id': { type: 'string', sensitivity: 'none', cardinality: 'high' },
  'signalbox.policy.reason_code': { type: 'string', sensitivity: 'none', cardinality: 'low' },
  'signalbox.policy.rules': { type: 'string[]', sensitivity: 'none', cardinality: 'high' },
  'signalbox.policy.bundle': { type: 'string', sensitivity: 'none', cardinality: 'high' },
  'signalbox.policy.point': { type: 'string', sensitivity: 'none', cardinality: 'low' },
  'signalbox.effect.id': { type: 'string', sensitivity: 'none', cardinality: 'high' },
  'signalbox.effect.phase': { type: 'string', sensitivity: 'none', cardinality: 'low' },
  'signalbox.effect.hash': { type: 'string', sensitivity: 'none', cardinality: 'high' },
  'signalbox.model.trouble': { type: 'string', sensitivity: 'none', cardinality: 'low' },
  'signalbox.effect.resolved_by': { type: 'string', sensitivity: 'none', cardinality: 'low' },
  'signalbox.effect.ledger_run': { type: 'string', sensitivity: 'none', cardinality: 'high' },
  'signalbox.budget.limit': { type: 'string', sensitivity: 'none', cardinality: 'low' },
  'signalbox.retry.scheduled': { type: 'boolean', sensitivity: 'none', cardinality: 'low' },
  'signalbox.drop.reason': { type: 'string', sensitivity: 'none', cardinality: 'low' },
  'signalbox.override.what': { type: 'string', sensitivity: 'none', cardinality: 'low' },
  'signalbox.feedback.verdict': { type: 'string', sensitivity: 'none', cardinality: 'low' },
  'signalbox.restore.from_seq': { type: 'int', sensitivity: 'none', cardinality: 'high' },
  'signalbox.unmediated.where': { type: 'string', sensitivity: 'none', cardinality: 'low' },
  'signalbox.link.kind': { type: 'string', sensitivity: 'none', cardinality: 'low' },
  'signalbox.approval.change': { type: 'string', sensitivity: 'none', cardinality: 'low' },
  'signalbox.budget.percent': { type: 'int', sensitivity: 'none', cardinality: 'low' },
  'signalbox.budget.scope': { type: 'string', sensitivity: 'none', cardinality: 'high' },
  'signalbox.budget.near_misses': { type: 'string[]', sensitivity: 'none', cardinality: 'high' },
  'signalbox.late.how': { type: 'string', sensitivity: 'none', cardinality: 'low' },
  'signalbox.late_ms': { type: 'double', sensitivity: 'none', cardinality: 'high' },
  'signalbox.step.attempt': { type: 'int', sensitivity: 'none', cardinality: 'high' },
  'signalbox.upgrade.from_version': { type: 'string', sensitivity: 'none', cardinality: 'low' },
  'signalbox.upgrade.to_version': { type: 'string', sensitivity: 'none', cardinality: 'low' },
  'signalbox.upgrade.steps': { type: 'int', sensitivity: 'none', cardinality: 'high' },
  'signalbox.history.change': { type: 'string', sensitivity: 'none', cardinality: 'low' },
  'gen_ai.operation.name': { type: 'string', sensitivity: 'none', cardinality: 'low' },
  'gen_ai.workflow.name': { type: 'string', sensitivity: 'none', cardinality: 'low' },
  'gen_ai.agent.name': { type: 'string', sensitivity: 'none', cardinality: 'low' },
  'gen_ai.provider.name': { type: 'string', sensitivity: 'none', cardinality: 'low' },
  'gen_ai.request.model': { type: 'string', sensitivity: 'none', cardinality: 'low' },
  'gen_ai.usage.input_tokens': { type: 'int', sensitivity: 'none', cardinality: 'high' },
  'gen_ai.usage.output_tokens': { type: 'int', sensitivity: 'none', cardinality: 'high' },
  'gen_ai.usage.cache_read.input_tokens': { type: 'int', sensitivity: 'none', cardinality: 'high' },
  'gen_ai.usage.cache_write.input_tokens': { type: 'int', sensitivity: 'none', cardinality: 'high' },
  'gen_ai.usage.reasoning.output_tokens': { type: 'int', sensitivity: 'none', cardinality: 'high' },
  'gen_ai.token.type': { type: 'string', sensitivity: 'none', cardinality: 'low' },
  'gen_ai.token.modality': { type: 'string', sensitivity: 'none', cardinality: 'low' },
  'gen_ai.tool.name': { type: 'string', sensitivity: 'none', cardinality: 'low' },
  'gen_ai.tool.call.id': { type: 'string', sensitivity: 'none', cardinality: 'high' },
  'gen_ai.tool.type': { type: 'string', sensitivity: 'none', cardinality: 'low' },
  'signalbox.tool.server': { type: 'string', sensitivity: 'none', cardinality: 'low' },
  'mcp.method.name': { type: 'string', sensitivity: 'none', cardinality: 'low' },
  'gen_ai.input.messages': { type: 'string', sensitivity: 'content', cardinality: 'high' },
  'gen_ai.output.messages': { type: 'string', sensitivity: 'content', cardinality: 'high' },
  'gen_ai.tool.call.arguments': { type: 'string', sensitivity: 'content', cardinality: 'high' },
  'gen_ai.tool.call.result': { type: 'string', sensitivity: 'content', cardinality: 'high' },
  'signalbox.error.detail': { type: 'string', sensitivity: 'content', cardinality: 'high' },
  'signalbox.approval.texts': { type: 'string', sensitivity: 'content', cardinality: 'high' },
  'signalbox.content.refs': { type: 'string[]', sensitivity: 'none', cardinality: 'high' },
  'signalbox.content.left_out': { type: 'string[]', sensitivity: 'none', cardinality: 'high' },
  'signalbox.content.about': { type: 'string', sensitivity: 'none', cardinality: 'low' },
  'user.id': { type: 'string', sensitivity: 'identity', cardinality: 'high' },
  'error.type': { type: 'string', sensitivity: 'none', cardinality: 'low' },
  'server.address': { type: 'string', sensitivity: 'none', cardinality: 'high' },
} as const

/** The closed values of attributes that have them. */
export const ENUMS = {
  'signalbox.run.status': 'waiting parked taken_over completed stopped cancelled terminated',
  'signalbox.run.stop_reason':
    'budget failed rejected denied person supersteps deadline unmediated completion_event timeout loop quality',
  'signalbox.run.mode': 'development production',
  'signalbox.segment.reason': 'start wake takeover person',
  'signalbox.ask.phase': 'facts preview reconcile',
  'signalbox.activity.kind': 'tool model timer human step scope',
  'signalbox.activity.outcome': 'succeeded failed unknown denied rejected expired cancelled refused not_sent open',
  'signalbox.tool.effect': 'none reversible irreversible',
  'signalbox.approval.decision': 'approved rejected expired cancelled void',
  'signalbox.approval.actor.kind': 'user service agent none',
  'signalbox.question.about': 'unknown_effect other_arguments undone_effect asked_again',
  'signalbox.question.answer': 'happened did_not stop',
  'signalbox.port_request.answer': 'answered expired cancelled',
  'signalbox.cost.source': 'provider local estimated',
  'signalbox.policy.verdict': 'allow warn deny require_approval transform',
  'signalbox.policy.point':
    'agent_startup input pre_model_call post_model_call pre_tool_call post_tool_call output agent_shutdown',
  'signalbox.effect.phase': 'prepared committed deduplicated unknown failed not_sent',
  'signalbox.model.trouble':
    'rate_limited overloaded unreachable interrupted unreadable timeout circuit_open queue_full',
  'signalbox.effect.resolved_by': 'lookup same_key person',
  'signalbox.budget.limit': 'max_turns max_tool_calls max_runtime_seconds max_tokens max_cost_nano_usd other',
  'signalbox.drop.reason': 'no_edge condition_false type_mismatch fan_in_incomplete escalated',
  'signalbox.override.what': 'resume_parked release_quarantined cancel terminate restore',
  'signalbox.feedback.verdict': 'accepted edited rejected reopened',
  'signalbox.unmediated.where': 'node condition preview facts tool step',
  'signalbox.link.kind': 'resume takeover restore resolution retry fork',
  'signalbox.approval.change':
    'voted claimed unclaimed information_asked information_given snoozed seen edited edit_refused stage_begun escalated reminded',
  'signalbox.late.how': 'answered failed',
  'signalbox.history.change': 'pruned moved subject_erased',
  'gen_ai.operation.name': 'chat execute_tool invoke_agent invoke_workflow',
  'gen_ai.token.type': 'input output',
  'gen_ai.token.modality': 'text image audio video unknown',
  'gen_ai.tool.type': 'function extension datastore',
  'mcp.method.name': 'tools/call',
  'signalbox.content.about': 'run node tool activity',
} as const

/** Every kind of span. `conditional` has a condition for each key; `optIn` is left out unless capture is switched on. */
export const SPANS = {
  segment: {
    name: 'invoke_workflow {gen_ai.workflow.name}',
    kind: 'internal',
    required:
      'signalbox.run.segment signalbox.run.branch gen_ai.operation.name signalbox.segment.reason signalbox.worker.id signalbox.run.status signalbox.run.active_ms signalbox.run.waiting_ms signalbox.run.mode',
    conditional: {
      'error.type': 'signalbox.run.status in parked stopped cancelled terminated',
      'signalbox.run.stop_reason': 'signalbox.run.status in stopped cancelled terminated',
    },
    recommended: 'signalbox.checkpoint.id signalbox.run.parent_id',
    optIn:
      'user.id gen_ai.input.messages gen_ai.output.messages signalbox.error.detail signalbox.content.refs signalbox.content.left_out',
  },
  superstep: {
    name: 'superstep {signalbox.superstep.index}',
    kind: 'internal',
    required: 'signalbox.run.segment signalbox.run.branch signalbox.superstep.index',
    conditional: {},
    recommended: 'signalbox.checkpoint.id',
    optIn: '',
  },
  node: {
    name: 'node {signalbox.node.name}',
    kind: 'internal',
    required: 'signalbox.run.segment signalbox.run.branch signalbox.superstep.index signalbox.node.name',
    conditional: {},
    recommended: 'signalbox.attempt error.type signalbox.checkpoint.id',
    optIn: 'signalbox.error.detail signalbox.content.refs signalbox.content.left_out',
  },
  agent: {
    name: 'invoke_agent {gen_ai.agent.name}',
    kind: 'internal',
    required:
      'signalbox.run.segment signalbox.run.branch gen_ai.operation.name gen_ai.agent.name signalbox.superstep.index signalbox.node.name',
    conditional: {},
    recommended: 'signalbox.attempt',
    optIn: '',
  },
  model_call: {
    name: 'chat {gen_ai.request.model}',
    kind: 'client',
    required:
      'signalbox.run.segment signalbox.run.branch signalbox.activity.kind signalbox.activity.outcome signalbox.superstep.index signalbox.node.name signalbox.attempt signalbox.record.seq gen_ai.operation.name gen_ai.provider.name gen_ai.request.model',
    conditional: {
      'signalbox.policy.decision_id': 'signalbox.policy.verdict',
      'signalbox.policy.reason_code': 'signalbox.policy.verdict',
      'signalbox.policy.rules': 'signalbox.policy.verdict',
      'signalbox.policy.bundle': 'signalbox.policy.verdict',
      'signalbox.approval.required': 'signalbox.policy.verdict',
      'error.type': 'signalbox.activity.outcome in failed denied refused',
      'signalbox.latency_ms':
        'signalbox.activity.outcome in succeeded failed unknown denied rejected expired cancelled refused not_sent',
      'signalbox.cost.nano_usd':
        'signalbox.activity.outcome in succeeded failed unknown denied rejected expired cancelled refused not_sent',
      'gen_ai.usage.output_tokens': 'gen_ai.usage.input_tokens',
    },
    recommended:
      'signalbox.model.trouble signalbox.policy.verdict signalbox.approval.id signalbox.cost.estimate_nano_usd signalbox.checkpoint.id signalbox.ask.phase gen_ai.agent.name signalbox.price.id signalbox.price.overlay_id signalbox.cost.source gen_ai.usage.input_tokens gen_ai.usage.cache_read.input_tokens gen_ai.usage.cache_write.input_tokens gen_ai.usage.reasoning.output_tokens',
    optIn:
      'gen_ai.input.messages gen_ai.output.messages signalbox.error.detail signalbox.approval.texts signalbox.content.refs signalbox.content.left_out',
  },
  tool_call: {
    name: 'execute_tool {gen_ai.tool.name}',
    kind: 'internal',
    required:
      'signalbox.run.segment signalbox.run.branch signalbox.activity.kind signalbox.activity.outcome signalbox.superstep.index signalbox.node.name signalbox.attempt signalbox.record.seq gen_ai.operation.name gen_ai.tool.name gen_ai.tool.type signalbox.tool.risk_class signalbox.tool.effect',
    conditional: {
      'signalbox.policy.decision_id': 'signalbox.policy.verdict',
      'signalbox.policy.reason_code': 'signalbox.policy.verdict',
      'signalbox.policy.rules': 'signalbox.policy.verdict',
      'signalbox.policy.bundle': 'signalbox.policy.verdict',
      'signalbox.approval.required': 'signalbox.policy.verdict',
      'error.type': 'signalbox.activity.outcome in failed denied refused',
      'signalbox.latency_ms':
        'signalbox.activity.outcome in succeeded failed unknown denied rejected expired cancelled refused not_sent',
      'signalbox.cost.nano_usd':
        'signalbox.activity.outcome in succeeded failed unknown denied rejected expired cancelled refused not_sent',
      'signalbox.effect.ledger_run': 'signalbox.effect.phase in deduplicated',
      'mcp.method.name': 'signalbox.tool.server',
    },
    recommended:
      'signalbox.policy.verdict signalbox.approval.id signalbox.cost.estimate_nano_usd signalbox.checkpoint.id signalbox.ask.phase gen_ai.agent.name gen_ai.tool.call.id signalbox.approval.decision signalbox.effect.id signalbox.effect.phase signalbox.effect.hash signalbox.effect.resolved_by signalbox.tool.server',
    optIn:
      'gen_ai.tool.call.arguments gen_ai.tool.call.result signalbox.error.detail signalbox.approval.texts signalbox.content.refs signalbox.content.left_out',
  },
  activity: {
    name: 'activity {signalbox.activity.kind}',
    kind: 'internal',
    required:
      'signalbox.run.segment signalbox.run.branch signalbox.activity.kind signalbox.activity.outcome signalbox.superstep.index signalbox.node.name signalbox.attempt signalbox.record.seq',
    conditional: {
      'signalbox.policy.decision_id': 'signalbox.policy.verdict',
      'signalbox.policy.reason_code': 'signalbox.policy.verdict',
      'signalbox.policy.rules': 'signalbox.policy.verdict',
      'signalbox.policy.bundle': 'signalbox.policy.verdict',
      'signalbox.approval.required': 'signalbox.policy.verdict',
      'error.type': 'signalbox.activity.outcome in failed denied refused',
      'signalbox.latency_ms':
        'signalbox.activity.outcome in succeeded failed unknown denied rejected expired cancelled refused not_sent',
      'signalbox.cost.nano_usd':
        'signalbox.activity.outcome in succeeded failed unknown denied rejected expired cancelled refused not_sent',
    },
    recommended:
      'signalbox.policy.verdict signalbox.approval.id signalbox.cost.estimate_nano_usd signalbox.checkpoint.id signalbox.ask.phase gen_ai.agent.name',
    optIn:
      'gen_ai.tool.call.arguments gen_ai.tool.call.result signalbox.error.detail signalbox.approval.texts signalbox.content.refs signalbox.content.left_out',
  },
} as const

/** Every log event. */
export const EVENTS = {
  'signalbox.run.started': {
    required: 'signalbox.record.seq signalbox.run.mode',
    conditional: {},
    recommended:
      'signalbox.run.segment signalbox.run.branch signalbox.checkpoint.id signalbox.run.parent_id signalbox.policy.bundle',
    optIn: '',
  },
  'signalbox.run.segment_started': {
    required: 'signalbox.record.seq signalbox.segment.reason signalbox.worker.id',
    conditional: {},
    recommended: 'signalbox.run.segment signalbox.run.branch signalbox.checkpoint.id signalbox.run.waiting_ms',
    optIn: '',
  },
  'signalbox.run.waiting': {
    required: 'signalbox.record.seq signalbox.run.active_ms',
    conditional: {},
    recommended: 'signalbox.run.segment signalbox.run.branch signalbox.checkpoint.id',
    optIn: '',
  },
  'signalbox.run.parked': {
    required: 'signalbox.record.seq error.type',
    conditional: {},
    recommended: 'signalbox.run.segment signalbox.run.branch signalbox.checkpoint.id signalbox.run.active_ms',
    optIn: '',
  },
  'signalbox.run.stopping': {
    required: 'signalbox.record.seq signalbox.run.stop_reason error.type',
    conditional: {},
    recommended: 'signalbox.run.segment signalbox.run.branch signalbox.checkpoint.id signalbox.run.active_ms',
    optIn: '',
  },
  'signalbox.run.finished': {
    required:
      'signalbox.record.seq signalbox.run.status signalbox.run.active_ms signalbox.run.waiting_ms signalbox.cost.nano_usd',
    conditional: {
      'error.type': 'signalbox.run.status in stopped cancelled terminated',
      'signalbox.run.stop_reason': 'signalbox.run.status in stopped cancelled terminated',
    },
    recommended: 'signalbox.run.segment signalbox.run.branch signalbox.checkpoint.id signalbox.budget.near_misses',
    optIn: '',
  },
  'signalbox.run.restored': {
    required: 'signalbox.record.seq signalbox.restore.from_seq',
    conditional: {},
    recommended: 'signalbox.run.segment signalbox.run.branch signalbox.checkpoint.id',
    optIn: '',
  },
  'signalbox.override.recorded': {
    required: 'signalbox.record.seq signalbox.override.what',
    conditional: {},
    recommended: 'signalbox.run.segment signalbox.run.branch signalbox.checkpoint.id',
    optIn: '',
  },
  'signalbox.cost.corrected': {
    required: 'signalbox.record.seq signalbox.price.id',
    conditional: {},
    recommended: 'signalbox.run.segment signalbox.run.branch signalbox.checkpoint.id',
    optIn: '',
  },
  'signalbox.feedback.recorded': {
    required: 'signalbox.record.seq signalbox.feedback.verdict',
    conditional: {},
    recommended: 'signalbox.run.segment signalbox.run.branch signalbox.checkpoint.id',
    optIn: '',
  },
  'signalbox.superstep.committed': {
    required: 'signalbox.record.seq signalbox.superstep.index',
    conditional: {},
    recommended: 'signalbox.run.segment signalbox.run.branch signalbox.checkpoint.id signalbox.run.active_ms',
    optIn: '',
  },
  'signalbox.checkpoint.saved': {
    required: 'signalbox.record.seq signalbox.superstep.index signalbox.node.name',
    conditional: {},
    recommended: 'signalbox.run.segment signalbox.run.branch signalbox.checkpoint.id signalbox.attempt',
    optIn: '',
  },
  'signalbox.policy.decided': {
    required:
      'signalbox.record.seq signalbox.policy.verdict signalbox.policy.decision_id signalbox.policy.reason_code signalbox.policy.bundle signalbox.policy.point',
    conditional: {},
    recommended:
      'signalbox.run.segment signalbox.run.branch signalbox.checkpoint.id signalbox.policy.rules signalbox.approval.required signalbox.activity.kind gen_ai.tool.name gen_ai.tool.call.id gen_ai.request.model gen_ai.provider.name gen_ai.agent.name signalbox.tool.risk_class signalbox.tool.effect signalbox.superstep.index signalbox.node.name signalbox.attempt',
    optIn: '',
  },
  'signalbox.approval.requested': {
    required:
      'signalbox.record.seq signalbox.approval.id signalbox.approval.required gen_ai.tool.name signalbox.tool.risk_class',
    conditional: {},
    recommended:
      'signalbox.run.segment signalbox.run.branch signalbox.checkpoint.id signalbox.policy.decision_id signalbox.policy.rules signalbox.policy.bundle signalbox.policy.reason_code signalbox.cost.estimate_nano_usd gen_ai.tool.call.id gen_ai.request.model gen_ai.provider.name gen_ai.agent.name signalbox.tool.effect signalbox.superstep.index signalbox.node.name signalbox.attempt',
    optIn: '',
  },
  'signalbox.approval.decided': {
    required:
      'signalbox.record.seq signalbox.approval.id signalbox.approval.decision signalbox.approval.actor.kind signalbox.approval.wait_ms',
    conditional: {},
    recommended:
      'signalbox.run.segment signalbox.run.branch signalbox.checkpoint.id error.type gen_ai.tool.name gen_ai.tool.call.id gen_ai.request.model gen_ai.provider.name gen_ai.agent.name signalbox.tool.risk_class signalbox.tool.effect signalbox.superstep.index signalbox.node.name signalbox.attempt',
    optIn: '',
  },
  'signalbox.question.asked': {
    required: 'signalbox.record.seq signalbox.question.id signalbox.question.about',
    conditional: {},
    recommended:
      'signalbox.run.segment signalbox.run.branch signalbox.checkpoint.id gen_ai.tool.name gen_ai.tool.call.id gen_ai.request.model gen_ai.provider.name gen_ai.agent.name signalbox.tool.risk_class signalbox.tool.effect signalbox.superstep.index signalbox.node.name signalbox.attempt',
    optIn: '',
  },
  'signalbox.question.answered': {
    required: 'signalbox.record.seq signalbox.question.id signalbox.question.answer',
    conditional: {},
    recommended:
      'signalbox.run.segment signalbox.run.branch signalbox.checkpoint.id gen_ai.tool.name gen_ai.tool.call.id gen_ai.request.model gen_ai.provider.name gen_ai.agent.name signalbox.tool.risk_class signalbox.tool.effect signalbox.superstep.index signalbox.node.name signalbox.attempt',
    optIn: '',
  },
  'signalbox.port.requested': {
    required: 'signalbox.record.seq signalbox.port_request.id signalbox.node.name',
    conditional: {},
    recommended: 'signalbox.run.segment signalbox.run.branch signalbox.checkpoint.id',
    optIn: '',
  },
  'signalbox.port.answered': {
    required: 'signalbox.record.seq signalbox.port_request.id signalbox.port_request.answer signalbox.node.name',
    conditional: {},
    recommended: 'signalbox.run.segment signalbox.run.branch signalbox.checkpoint.id signalbox.superstep.index',
    optIn: '',
  },
  'signalbox.tool.blocked': {
    required: 'signalbox.record.seq signalbox.activity.outcome error.type gen_ai.tool.name signalbox.tool.risk_class',
    conditional: {},
    recommended:
      'signalbox.run.segment signalbox.run.branch signalbox.checkpoint.id signalbox.policy.verdict signalbox.policy.decision_id signalbox.policy.reason_code signalbox.policy.rules signalbox.policy.bundle signalbox.approval.required signalbox.approval.id gen_ai.tool.call.id gen_ai.request.model gen_ai.provider.name gen_ai.agent.name signalbox.tool.effect signalbox.superstep.index signalbox.node.name signalbox.attempt',
    optIn: '',
  },
  'signalbox.effect.prepared': {
    required:
      'signalbox.record.seq signalbox.effect.phase signalbox.effect.id gen_ai.tool.name signalbox.tool.risk_class signalbox.tool.effect',
    conditional: {},
    recommended:
      'signalbox.run.segment signalbox.run.branch signalbox.checkpoint.id signalbox.policy.verdict signalbox.policy.decision_id signalbox.policy.reason_code signalbox.policy.rules signalbox.policy.bundle signalbox.approval.required signalbox.approval.id signalbox.cost.estimate_nano_usd gen_ai.tool.call.id gen_ai.request.model gen_ai.provider.name gen_ai.agent.name signalbox.superstep.index signalbox.node.name signalbox.attempt',
    optIn: '',
  },
  'signalbox.effect.settled': {
    required:
      'signalbox.record.seq signalbox.effect.phase gen_ai.tool.name signalbox.tool.risk_class signalbox.tool.effect',
    conditional: {
      'error.type': 'signalbox.effect.phase in failed',
    },
    recommended:
      'signalbox.run.segment signalbox.run.branch signalbox.checkpoint.id signalbox.effect.id signalbox.effect.hash signalbox.effect.resolved_by signalbox.effect.ledger_run signalbox.latency_ms signalbox.cost.nano_usd signalbox.approval.id gen_ai.tool.call.id gen_ai.request.model gen_ai.provider.name gen_ai.agent.name signalbox.superstep.index signalbox.node.name signalbox.attempt',
    optIn: '',
  },
  'signalbox.budget.exhausted': {
    required: 'signalbox.record.seq signalbox.budget.limit',
    conditional: {},
    recommended:
      'signalbox.run.segment signalbox.run.branch signalbox.checkpoint.id gen_ai.tool.name gen_ai.request.model gen_ai.provider.name gen_ai.agent.name signalbox.superstep.index signalbox.node.name error.type',
    optIn: '',
  },
  'signalbox.node.failed': {
    required:
      'signalbox.record.seq signalbox.node.name signalbox.superstep.index signalbox.attempt error.type signalbox.retry.scheduled',
    conditional: {},
    recommended: 'signalbox.run.segment signalbox.run.branch signalbox.checkpoint.id',
    optIn: '',
  },
  'signalbox.message.dropped': {
    required: 'signalbox.record.seq signalbox.drop.reason signalbox.superstep.index signalbox.node.name',
    conditional: {},
    recommended: 'signalbox.run.segment signalbox.run.branch signalbox.checkpoint.id',
    optIn: '',
  },
  'signalbox.call.unmediated': {
    required: 'signalbox.record.seq signalbox.unmediated.where server.address',
    conditional: {},
    recommended: 'signalbox.run.segment signalbox.run.branch signalbox.checkpoint.id',
    optIn: '',
  },
  'signalbox.approval.changed': {
    required:
      'signalbox.record.seq signalbox.approval.id signalbox.approval.change signalbox.superstep.index signalbox.node.name',
    conditional: {},
    recommended: 'signalbox.run.segment signalbox.run.branch signalbox.checkpoint.id error.type',
    optIn: '',
  },
  'signalbox.timer.set': {
    required: 'signalbox.record.seq signalbox.superstep.index signalbox.node.name',
    conditional: {},
    recommended: 'signalbox.run.segment signalbox.run.branch signalbox.checkpoint.id signalbox.attempt',
    optIn: '',
  },
  'signalbox.step.failed': {
    required: 'signalbox.record.seq signalbox.step.attempt error.type signalbox.superstep.index signalbox.node.name',
    conditional: {},
    recommended: 'signalbox.run.segment signalbox.run.branch signalbox.checkpoint.id signalbox.attempt',
    optIn: '',
  },
  'signalbox.activity.late': {
    required: 'signalbox.record.seq signalbox.late.how signalbox.late_ms signalbox.superstep.index signalbox.node.name',
    conditional: {},
    recommended: 'signalbox.run.segment signalbox.run.branch signalbox.checkpoint.id signalbox.attempt',
    optIn: '',
  },
  'signalbox.run.upgraded': {
    required:
      'signalbox.record.seq signalbox.upgrade.from_version signalbox.upgrade.to_version signalbox.upgrade.steps',
    conditional: {},
    recommended: 'signalbox.run.segment signalbox.run.branch signalbox.checkpoint.id',
    optIn: '',
  },
  'signalbox.budget.warned': {
    required: 'signalbox.record.seq signalbox.budget.limit signalbox.budget.percent signalbox.budget.scope',
    conditional: {},
    recommended: 'signalbox.run.segment signalbox.run.branch signalbox.checkpoint.id',
    optIn: '',
  },
  'signalbox.history.changed': {
    required: 'signalbox.record.seq signalbox.history.change',
    conditional: {},
    recommended: 'signalbox.run.segment signalbox.run.branch signalbox.checkpoint.id',
    optIn: '',
  },
  'gen_ai.client.inference.operation.details': {
    required: 'signalbox.record.seq gen_ai.operation.name gen_ai.provider.name gen_ai.request.model',
    conditional: {},
    recommended:
      'signalbox.run.segment signalbox.run.branch signalbox.checkpoint.id gen_ai.agent.name signalbox.superstep.index signalbox.node.name signalbox.attempt gen_ai.input.messages gen_ai.output.messages signalbox.error.detail signalbox.approval.texts signalbox.content.refs signalbox.content.left_out',
    optIn: '',
  },
  'signalbox.content.details': {
    required: 'signalbox.record.seq signalbox.content.about',
    conditional: {},
    recommended:
      'signalbox.run.segment signalbox.run.branch signalbox.checkpoint.id gen_ai.agent.name signalbox.superstep.index signalbox.node.name signalbox.attempt gen_ai.tool.name gen_ai.input.messages gen_ai.output.messages gen_ai.tool.call.arguments gen_ai.tool.call.result signalbox.error.detail signalbox.approval.texts signalbox.content.refs signalbox.content.left_out',
    optIn: '',
  },
} as const

/** Every metric. Bounds are upper bounds in the unit; a counter and a gauge have none. */
export const METRICS = {
  'signalbox.runs': {
    instrument: 'counter',
    unit: '{run}',
    brief: 'Runs that ended.',
    required: 'signalbox.workflow.id signalbox.run.status',
    recommended: 'signalbox.run.stop_reason',
    bounds: [],
  },
  'signalbox.run.cost': {
    instrument: 'counter',
    unit: 'USD',
    brief: 'Cost of runs that ended.',
    required: 'signalbox.workflow.id signalbox.run.status',
    recommended: '',
    bounds: [],
  },
  'signalbox.run.active.duration': {
    instrument: 'histogram',
    unit: 's',
    brief: 'Active time of runs that ended.',
    required: 'signalbox.workflow.id signalbox.run.status',
    recommended: '',
    bounds: [1, 5, 10, 30, 60, 120, 300, 600, 1800, 3600, 7200],
  },
  'signalbox.policy.decisions': {
    instrument: 'counter',
    unit: '{decision}',
    brief: 'Policy verdicts.',
    required: 'signalbox.workflow.id signalbox.policy.verdict signalbox.policy.reason_code signalbox.policy.point',
    recommended: '',
    bounds: [],
  },
  'signalbox.approvals': {
    instrument: 'counter',
    unit: '{approval}',
    brief: 'Approvals that ended.',
    required: 'signalbox.workflow.id signalbox.tool.risk_class signalbox.approval.decision',
    recommended: '',
    bounds: [],
  },
  'signalbox.approval.wait.duration': {
    instrument: 'histogram',
    unit: 's',
    brief: 'From request to answer.',
    required: 'signalbox.workflow.id signalbox.tool.risk_class signalbox.approval.decision',
    recommended: '',
    bounds: [10, 60, 300, 900, 3600, 14_400, 43_200, 86_400, 259_200],
  },
  'signalbox.effects': {
    instrument: 'counter',
    unit: '{effect}',
    brief: 'Effects by how far they came.',
    required: 'signalbox.workflow.id gen_ai.tool.name signalbox.tool.risk_class signalbox.effect.phase',
    recommended: '',
    bounds: [],
  },
  'signalbox.tool.blocked': {
    instrument: 'counter',
    unit: '{call}',
    brief: 'Tool calls that were never sent.',
    required: 'signalbox.workflow.id gen_ai.tool.name signalbox.tool.risk_class signalbox.activity.outcome',
    recommended: '',
    bounds: [],
  },
  'signalbox.model.troubles': {
    instrument: 'counter',
    unit: '{call}',
    brief: 'Attempts of model calls that their provider did not answer.',
    required: 'signalbox.workflow.id gen_ai.provider.name gen_ai.request.model signalbox.model.trouble',
    recommended: '',
    bounds: [],
  },
  'signalbox.budget.exhausted': {
    instrument: 'counter',
    unit: '{refusal}',
    brief: 'Refusals by the budget.',
    required: 'signalbox.workflow.id signalbox.budget.limit',
    recommended: '',
    bounds: [],
  },
  'signalbox.budget.warnings': {
    instrument: 'counter',
    unit: '{warning}',
    brief: 'Declared parts of limits that were used up.',
    required: 'signalbox.workflow.id signalbox.budget.limit signalbox.budget.percent',
    recommended: '',
    bounds: [],
  },
  'signalbox.restores': {
    instrument: 'counter',
    unit: '{restore}',
    brief: 'Heads moved back by a person.',
    required: 'signalbox.workflow.id',
    recommended: '',
    bounds: [],
  },
  'signalbox.takeovers': {
    instrument: 'counter',
    unit: '{takeover}',
    brief: 'Runs taken over from a worker that stopped answering.',
    required: 'signalbox.workflow.id',
    recommended: '',
    bounds: [],
  },
  'signalbox.telemetry.completeness': {
    instrument: 'gauge',
    unit: '1',
    brief: 'Part of the records older than a minute whose telemetry was delivered.',
    required: '',
    recommended: '',
    bounds: [],
  },
  'gen_ai.client.inference.duration': {
    instrument: 'histogram',
    unit: 's',
    brief: 'Duration of model calls.',
    required: 'gen_ai.operation.name gen_ai.provider.name gen_ai.request.model',
    recommended: 'error.type',
    bounds: [0.01, 0.02, 0.04, 0.08, 0.16, 0.32, 0.64, 1.28, 2.56, 5.12, 10.24, 20.48, 40.96, 81.92],
  },
  'gen_ai.client.inference.operation.input_tokens': {
    instrument: 'histogram',
    unit: '{token}',
    brief: 'Input tokens of each model call.',
    required: 'gen_ai.operation.name gen_ai.provider.name gen_ai.request.model',
    recommended: '',
    bounds: [1, 4, 16, 64, 256, 1024, 4096, 16_384, 65_536, 262_144, 1_048_576, 4_194_304, 16_777_216, 67_108_864],
  },
  'gen_ai.client.inference.operation.output_tokens': {
    instrument: 'histogram',
    unit: '{token}',
    brief: 'Output tokens of each model call.',
    required: 'gen_ai.operation.name gen_ai.provider.name gen_ai.request.model',
    recommended: '',
    bounds: [1, 4, 16, 64, 256, 1024, 4096, 16_384, 65_536, 262_144, 1_048_576, 4_194_304, 16_777_216, 67_108_864],
  },
  'gen_ai.client.inference.usage.input_tokens': {
    instrument: 'counter',
    unit: '{token}',
    brief: 'Input tokens of model calls, cached ones included.',
    required: 'gen_ai.operation.name gen_ai.provider.name gen_ai.request.model gen_ai.token.modality',
    recommended: '',
    bounds: [],
  },
  'gen_ai.client.inference.usage.output_tokens': {
    instrument: 'counter',
    unit: '{token}',
    brief: 'Output tokens of model calls, reasoning included.',
    required: 'gen_ai.operation.name gen_ai.provider.name gen_ai.request.model gen_ai.token.modality',
    recommended: '',
    bounds: [],
  },
  'gen_ai.client.inference.usage.cache_read.input_tokens': {
    instrument: 'counter',
    unit: '{token}',
    brief: 'Input tokens served from the provider’s cache.',
    required: 'gen_ai.operation.name gen_ai.provider.name gen_ai.request.model gen_ai.token.modality',
    recommended: '',
    bounds: [],
  },
  'gen_ai.client.inference.usage.cache_write.input_tokens': {
    instrument: 'counter',
    unit: '{token}',
    brief: 'Input tokens written to the provider’s cache.',
    required: 'gen_ai.operation.name gen_ai.provider.name gen_ai.request.model gen_ai.token.modality',
    recommended: '',
    bounds: [],
  },
  'gen_ai.client.inference.usage.reasoning.output_tokens': {
    instrument: 'counter',
    unit: '{token}',
    brief: 'Output tokens used for reasoning.',
    required: 'gen_ai.operation.name gen_ai.provider.name gen_ai.request.model gen_ai.token.modality',
    recommended: '',
    bounds: [],
  },
  'gen_ai.invoke_workflow.duration': {
    instrument: 'histogram',
    unit: 's',
    brief: 'Duration of segments of runs, each of which is a span; the whole run is in signalbox.run.active.duration.',
    required: 'gen_ai.workflow.name',
    recommended: 'error.type',
    bounds: [1, 5, 10, 30, 60, 120, 300, 600, 1800, 3600, 7200],
  },
  'gen_ai.invoke_agent.duration': {
    instrument: 'histogram',
    unit: 's',
    brief: 'Duration of the turns of an agent within an activation and segment.',
    required: 'gen_ai.agent.name',
    recommended: '',
    bounds: [0.1, 0.2, 0.4, 0.8, 1.6, 3.2, 6.4, 12.8, 25.6, 51.2, 102.4, 204.8, 409.6],
  },
  'gen_ai.execute_tool.duration': {
    instrument: 'histogram',
    unit: 's',
    brief: 'Duration of tool calls.',
    required: 'gen_ai.tool.name signalbox.tool.risk_class',
    recommended: 'error.type',
    bounds: [0.01, 0.02, 0.04, 0.08, 0.16, 0.32, 0.64, 1.28, 2.56, 5.12, 10.24, 20.48, 40.96, 81.92],
  },
} as const

/** Attributes that had another name under the older conventions, and values that had: `now=before`. */
export const OLDER_ATTRIBUTES = {
  'gen_ai.provider.name': {
    name: 'gen_ai.system',
    values: 'azure.ai.openai=az.ai.openai azure.ai.inference=az.ai.inference gcp.vertex_ai=vertex_ai x_ai=xai',
  },
  'gen_ai.usage.cache_write.input_tokens': {
    name: 'gen_ai.usage.cache_creation.input_tokens',
    values: '',
  },
} as const

/** Metrics that had another name under the older conventions, and the labels `name=value` that told them apart. */
export const OLDER_METRICS = {
  'gen_ai.client.inference.duration': {
    name: 'gen_ai.client.operation.duration',
    brief: 'Duration of model calls.',
    labels: '',
  },
  'gen_ai.client.inference.operation.input_tokens': {
    name: 'gen_ai.client.token.usage',
    brief: 'Tokens of model calls.',
    labels: 'gen_ai.token.type=input',
  },
  'gen_ai.client.inference.operation.output_tokens': {
    name: 'gen_ai.client.token.usage',
    brief: 'Tokens of model calls.',
    labels: 'gen_ai.token.type=output',
  },
} as const

/** The name of an attribute of the contract. */
export type AttributeName = keyof typeof ATTRIBUTES
/** The kind of a span. */
export type SpanId = keyof typeof SPANS
/** The name of a log event. */
export type EventName = keyof typeof EVENTS
/** The name of a metric. */
export type MetricName = keyof typeof METRICS
/** An attribute under the older conventions. */
export type OlderAttributeName = (typeof OLDER_ATTRIBUTES)[keyof typeof OLDER_ATTRIBUTES]['name']
/** A metric under the older conventions. */
export type OlderMetricName = (typeof OLDER_METRICS)[keyof typeof OLDER_METRICS]['name']
