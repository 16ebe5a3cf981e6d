/**
 * What a run is worked on with: the runtime, and of its workflow (nested ones included) the models, prompts, tools and
 * prices by their hashes. On record with the start of a run, and again at the start of each segment for which it is
 * another one. Beside it are the workflow's own version and graph, and the policy bundle of each decision.
 */
export interface BuildRecord {
  readonly runtime: string
  /** The policy bundle in force, `name@sha256`. */
  readonly bundle: string
  /** The version of the workflow that works on the run, and the id of its definition. */
  readonly version: string
  readonly definition: string
  /** Model by agent. */
  readonly models: Readonly<Record<string, string>>
  /** SHA-256 (hex) of the instructions by agent. */
  readonly prompts: Readonly<Record<string, string>>
  /** SHA-256 (hex) of the definition by tool. */
  readonly tools: Readonly<Record<string, string>>
  /** Price table entry by model; null where there is none or the model cannot be had here. */
  readonly prices: Readonly<Record<string, string | null>>
}
