/**
 * One small change per gate that takes it out of the source, in memory, while a file is loaded: the cells of the matrix
 * behind that gate have to find that the effect happens (Invariant 17).
 */
import type { Mutation } from '../rules/mutation.ts'

const ENGINE = 'runtime/src/engine'
const DOOR = `${ENGINE}/door`
const TEST = `${ENGINE}/matrix.test.ts`

/** A gate taken out. */
const removed = (gates: readonly string[], file: string, find: string, replace: string): readonly Mutation[] =>
  gates.map((gate) => ({
    rule: gate,
    breaks: 'it is taken out',
    file,
    find,
    replace,
    noticed: `MTX-002: ${gate}$`,
    test: TEST,
  }))

/** All of them, by the name of the gate. */
export const REMOVALS: readonly Mutation[] = [
  ...removed(
    ['policy denies', 'pre_model_call denied'],
    `${DOOR}/decide.ts`,
    "if (decision.verdict !== 'deny') return null",
    'if (decision !== undefined) return null',
  ),
  ...removed(
    ['control denies', 'control breaks down'],
    `${ENGINE}/chain.ts`,
    'return controls.filter((one) => one.points.includes(point))',
    'return controls.filter((one) => one.points.length < 0)',
  ),
  ...removed(
    ['policy breaks down'],
    `${ENGINE}/chain.ts`,
    "throw malfunction(toSignalboxError(thrown, 'POLICY_MALFUNCTION').message, thrown)",
    "return { point: 'pre_tool_call', verdict: 'allow', reason_code: 'X', policies: [], asks: [], bundle: 'scripted@0' }",
  ),
  ...removed(
    ['barred by a duty'],
    `${DOOR}/duties.ts`,
    'if (barred.length === 0 || ask.decision === null) return null',
    'if (barred !== undefined) return null',
  ),
  ...removed(
    ['bundle exchanged on the way'],
    `${DOOR}/one-bundle.ts`,
    'return decision?.bundle === bundle && ',
    'return decision !== undefined || ',
  ),
  ...removed(
    ['approval missing', 'approval rejected'],
    `${DOOR}/approval.ts`,
    "if (ask.decision?.verdict !== 'require_approval' && !own) return null",
    'if (ask !== undefined) return null',
  ),
  ...removed(
    ['approval of another target'],
    `${DOOR}/approval.ts`,
    'const bound = now !== null && isStillBound(asked, now)',
    'const bound = now !== undefined',
  ),
  ...removed(
    ['denied with the approval'],
    `${DOOR}/decide.ts`,
    'if (!ask.approval) return null',
    'if (ask !== undefined) return null',
  ),
  ...removed(
    ['tool unknown'],
    `${DOOR}/identify.ts`,
    'const row = policy.tool(spec.tool)',
    "const row = policy.tool(spec.tool) ?? { class: 'payments.write', effect: 'irreversible' }",
  ),
  ...removed(
    ['tool not in step'],
    `${DOOR}/identify.ts`,
    "if (ask.spec.kind !== 'tool' || isInStep(ask.owner, policy, ask.spec.tool)) return null",
    'if (policy !== undefined) return null',
  ),
  ...removed(
    ['arguments unfit'],
    `${DOOR}/identify.ts`,
    'ask.args = tool.parseInput(spec.args)',
    'ask.args = spec.args',
  ),
  ...removed(
    ['facts unreadable'],
    `${DOOR}/decide.ts`,
    "if (!facts) return null\n  const read = await recordedRead(ask, 'facts'",
    'if (facts !== null) return null',
  ),
  ...removed(
    ['budget used up'],
    `${DOOR}/reserve.ts`,
    'if (run.slices && !run.slices.covers(outerWorst(ask))) {',
    'if (run.slices === undefined) {',
  ),
  ...removed(
    ['paid already'],
    `${DOOR}/ledger.ts`,
    "if (ask.effect === 'none' || !ask.tool) return null",
    'if (ask.tool !== undefined) return null',
  ),
  ...removed(['lease lost'], `${DOOR}/outlet.ts`, '    refuseLate(ask, sending)', '    void sending'),
  ...removed(
    ['intent not durable'],
    `${DOOR}/reserve.ts`,
    "if (ask.effect !== 'none' || ask.worst.cost_nano_usd !== '0' || ask.model) await run.flush()",
    'if (ask.effect === undefined) await run.flush()',
  ),
  ...removed(
    ['host not listed'],
    'runtime/src/tools/fetch.ts',
    'if (!options.hosts.includes(host)) throw',
    "if (host === '') throw",
  ),
  ...removed(
    ['stop_now of tool', 'stop_now of class', 'pause of tool'],
    `${DOOR}/switches.ts`,
    "return hits.find(({ mode }) => mode !== 'pause') ?? hits[0] ?? null",
    'return hits.length < 0 ? (hits[0] ?? null) : null',
  ),
  // Several places ask for these: what is taken out is the answer.
  ...removed(
    ['stop_now of tenant', 'stop_now of global', 'pause of tenant', 'stop_new of tenant'],
    'runtime/src/policy/kill-switches.ts',
    'if (STOPS[row.mode].includes(purpose) && ',
    "if (row.mode === 'removed' && ",
  ),
  ...removed(
    ['switches unreadable'],
    `${ENGINE}/switches/board.ts`,
    'return this.held !== null && !isPast(this.host, this.held.until)',
    'return this.until !== null',
  ),
  ...removed(
    [
      'input denied',
      'agent_startup denied',
      'agent_shutdown denied',
      'output denied',
      'post_tool_call denied',
      'post_model_call denied',
    ],
    `${ENGINE}/points.ts`,
    'if (!inForceAt(run.env, point)) return { decision: null, value, labels }',
    'if (point.length > 0) return { decision: null, value, labels }',
  ),
]
