/**
 * One small wrong change per line, each breaking a rule of docs/ENGINE.md, and the test that has to go red under it.
 * A rule that no test defends is not a rule (invariant 17). The change is made in memory, never in the tree.
 */

/** A wrong change and who has to notice. */
export interface Mutation {
  /** `R5`: a rule of docs/ENGINE.md. */
  readonly rule: string
  /** What the change makes of the rule, in a few words. */
  readonly breaks: string
  /** Source file below `packages/`; `find` stands in it exactly once. */
  readonly file: string
  readonly find: string
  readonly replace: string
  /** The numbered behaviour that notices, and the file with its test, below `packages/`. */
  readonly noticed: string
  readonly test: string
}
