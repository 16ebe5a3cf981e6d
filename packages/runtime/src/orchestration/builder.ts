import type { z } from 'zod'
import { SignalboxError } from '../base/errors.ts'
import { assemble } from './assemble.ts'
import type { Draft, EdgeDraft, NodeDraft, TerminationDraft, UpgradeDraft, WaitDraft } from './draft.ts'
import { workflowTool } from './scope-tool.ts'
import type { Builder, Fields, TimeLimits, Validation, Workflow, WorkflowDef } from './types.ts'

/**
 * Starts a workflow definition. Nothing is checked before `validate` or `build`, which report every error at once.
 */
export function workflow<I extends z.ZodType, O extends z.ZodType, S extends Fields = Record<never, never>>(
  def: WorkflowDef<I, O, S>,
  // Nothing is declared yet: an index signature here would make every name look declared.
): Builder<{ in: z.output<I>; out: z.output<O>; state: S }, Record<never, never>> {
  return typed(draftWorkflow(def))
}

/**
 * The same without types for names and messages, for graphs whose node names are known only when they are made, as those
 * of the patterns. What the types of `workflow` refuse, `build` finds.
 */
export function draftWorkflow<I extends z.ZodType, O extends z.ZodType, S extends Fields>(
  def: WorkflowDef<I, O, S>,
): DraftBuilder {
  const draft: Draft = {
    name: def.name,
    version: def.version,
    input: def.input,
    output: def.output,
    budget: def.budget,
    fields: def.state ?? {},
    tools: def.tools ?? [],
    contract: def.contract ?? null,
    maxSupersteps: def.maxSupersteps ?? 100,
    // The types of the state are gone here; its values are those that its schemas gave.
    termination: (def.termination ?? {}) as unknown as TerminationDraft,
    nodes: [],
    edges: [],
    starts: [],
    outputs: [],
    rejected: [],
    failed: [],
    upgrades: [],
    faults: [],
  }
  return new DraftBuilder(draft)
}

type GivenUpgrade = Pick<UpgradeDraft, 'from'> & { readonly [K in keyof UpgradeDraft]?: UpgradeDraft[K] | undefined }
type FunctionDraft = Extract<NodeDraft, { kind: 'function' }>
type WorkflowDraft = Extract<NodeDraft, { kind: 'workflow' }>
type Nested = Workflow<never, unknown> | WorkflowDraft['tool']
type AgentDraft = Extract<NodeDraft, { kind: 'agent' }>
/** What the user passes for a node: the draft without what the builder adds, `Optional` may be left out. */
type Given<D, Optional extends keyof D> = Omit<D, 'kind' | 'name' | Optional> & { [K in Optional]?: D[K] }

/** The untyped builder behind all typed ones: each call returns a new one with a longer draft. */
export class DraftBuilder {
  readonly #draft: Draft

  constructor(draft: Draft) {
    this.#draft = draft
  }

  node(
    name: string,
    def: Given<FunctionDraft, 'retry' | 'tools' | 'ports' | 'position' | 'limits'> & TimeLimits,
  ): DraftBuilder {
    const { input, output, run, retry = null, tools = null, ports = [], position = null } = def
    const limits = limitsOf(def)
    return this.#add({ kind: 'function', name, input, output, run, retry, tools, ports, position, limits })
  }

  agent(
    name: string,
    agent: AgentDraft['agent'],
    wiring: Given<Omit<AgentDraft, 'agent'>, 'retry' | 'done' | 'session' | 'limits'> & TimeLimits,
  ): DraftBuilder {
    const { prompt, done = null, retry = null, session = 'fresh' } = wiring
    return this.#add({ kind: 'agent', name, agent, prompt, done, retry, session, limits: limitsOf(wiring) })
  }

  port(name: string, port: Extract<NodeDraft, { kind: 'port' }>['port']): DraftBuilder {
    return this.#add({ kind: 'port', name, port, retry: null })
  }

  timer(name: string, def: { readonly message: z.ZodType } & WaitDraft): DraftBuilder {
    const wait = 'until' in def ? { until: def.until } : { seconds: def.seconds }
    return this.#add({ kind: 'timer', name, message: def.message, wait, retry: null })
  }

  workflow(
    name: string,
    nested: Nested,
    wiring: Partial<Given<Omit<WorkflowDraft, 'tool' | 'limits'>, 'retry' | 'takes' | 'input' | 'done' | 'answers'>> &
      TimeLimits = {},
  ): DraftBuilder {
    const { takes, input, done, answers, retry } = wiring
    return this.#add({
      kind: 'workflow',
      name,
      tool: 'spec' in nested && 'workflow' in nested ? nested : workflowTool(nested),
      takes: takes ?? null,
      input: input ?? null,
      done: done ?? null,
      answers: answers ?? {},
      retry: retry ?? null,
      limits: limitsOf(wiring),
    })
  }

  start(name: string): DraftBuilder {
    return new DraftBuilder({ ...this.#draft, starts: [...this.#draft.starts, name] })
  }

  edge(from: string, to: string, when?: Extract<EdgeDraft, { kind: 'direct' }>['when']): DraftBuilder {
    return this.#connect({ kind: 'direct', from, to, when: when ?? null })
  }

  switch(from: string, cases: Extract<EdgeDraft, { kind: 'switch' }>['cases'], otherwise?: string): DraftBuilder {
    return this.#connect({ kind: 'switch', from, cases: [...cases], otherwise: otherwise ?? null })
  }

  fanOut(from: string, to: readonly string[]): DraftBuilder {
    return this.#connect({ kind: 'fan_out', from, to: [...to] })
  }

  multiSelection(
    from: string,
    to: readonly string[],
    select: Extract<EdgeDraft, { kind: 'multi_selection' }>['select'],
  ): DraftBuilder {
    return this.#connect({ kind: 'multi_selection', from, to: [...to], select })
  }

  fanIn(from: readonly string[], to: string): DraftBuilder {
    return this.#connect({ kind: 'fan_in', from: [...from], to })
  }

  onFailed(from: string, to: string): DraftBuilder {
    return new DraftBuilder({ ...this.#draft, failed: [...this.#draft.failed, { from, to }] })
  }

  onRejected(from: string, to: string): DraftBuilder {
    return new DraftBuilder({ ...this.#draft, rejected: [...this.#draft.rejected, { from, to }] })
  }

  output(name: string): DraftBuilder {
    return new DraftBuilder({ ...this.#draft, outputs: [...this.#draft.outputs, name] })
  }

  upgrade(step: GivenUpgrade): DraftBuilder {
    const { from, to = this.#draft.version, was = null, expect = null, state = null, nodes = {}, messages = {} } = step
    const upgrades = [...this.#draft.upgrades, { from, to, was, expect, state, nodes, messages }]
    return new DraftBuilder({ ...this.#draft, upgrades })
  }

  /** Notes what is wrong beside the graph, one sentence each; `build` tells it with everything else. */
  fault(...sentences: readonly string[]): DraftBuilder {
    return new DraftBuilder({ ...this.#draft, faults: [...this.#draft.faults, ...sentences] })
  }

  validate(): Validation {
    const { errors, warnings } = assemble(this.#draft)
    return { errors, warnings }
  }

  build(): Workflow<never, unknown> {
    const { errors, spec } = assemble(this.#draft)
    if (spec === null) {
      const count = errors.length === 1 ? '1 error' : `${errors.length} errors`
      const list = errors.map((error) => `\n- ${error}`).join('')
      throw new SignalboxError('WORKFLOW_INVALID', `workflow \`${this.#draft.name}\` has ${count}:${list}`, {
        details: { errors },
      })
    }
    return { name: spec.name, version: spec.version, spec }
  }

  #add(node: NodeDraft): DraftBuilder {
    return new DraftBuilder({ ...this.#draft, nodes: [...this.#draft.nodes, node] })
  }

  #connect(edge: EdgeDraft): DraftBuilder {
    return new DraftBuilder({ ...this.#draft, edges: [...this.#draft.edges, edge] })
  }
}

/** The limits that were given, and no others. */
function limitsOf({ timeoutSeconds: whole, idleTimeoutSeconds: idle }: TimeLimits): TimeLimits {
  return {
    ...(whole === undefined ? {} : { timeoutSeconds: whole }),
    ...(idle === undefined ? {} : { idleTimeoutSeconds: idle }),
  }
}

/** The typed face of a builder: the same object. The types forbid only what `build` would refuse too. */
function typed<B>(builder: DraftBuilder): B {
  // The typed interface has one method for each method of the draft builder; its type parameters exist only in types.
  return builder as unknown as B
}
