/** What a project declares so that drills can exercise its workflows: inputs, outside systems, people, a scripted model. */
import type { JsonValue, ModelPort, PersonRequest, Principal } from 'signalbox'

/** One effect as an outside system recorded it: its own record, and nothing that Signalbox said of it. */
export interface RecordedEffect {
  /** The tool whose effect it is. */
  readonly tool: string
  /** What it was done to, such as an invoice number. Two records of one tool with one subject are one effect done twice. */
  readonly subject: string
  /** The idempotency key that came with it, or null where the system keeps none. */
  readonly key: string | null
  /** The run that sent it (header `x-signalbox-run-id`), or null where the system keeps none. */
  readonly runId: string | null
}

/** The outside systems of a drill, started for it alone and empty. */
export interface DrillWorld {
  /** Set in the environment of every process of the drill, such as the address of what was started. */
  readonly env: Readonly<Record<string, string>>
  /** Everything that was recorded so far. */
  effects(): Promise<readonly RecordedEffect[]>
  stop(): Promise<void>
}

/** One input with a name that reports use. */
export interface DrillInput {
  readonly name: string
  readonly input: JsonValue
}

/** What the drill's person says to what people are asked. Every function is called at most once for a request that it answers. */
export interface DrillPerson {
  /** Who answers: not the requester; with the roles that the policy asks for, and `approver` for questions about effects. */
  readonly by: Principal
  /** Default: approves everything. */
  readonly decide?: (request: PersonRequest) => 'approved' | 'rejected'
  /** Whether an effect happened that the tool itself cannot find out. Default: looks for its key in `effects()`. */
  readonly settle?: (request: PersonRequest, effects: readonly RecordedEffect[]) => 'happened' | 'did_not' | 'stop'
  /** Answers a request of a port node. A drill whose workflow has port nodes needs it. */
  readonly respond?: (request: PersonRequest) => JsonValue
}

/** A drill of one workflow. Its inputs must not depend on each other: each is a run of its own. */
export interface WorkflowDrill {
  /** Name of the workflow. */
  readonly workflow: string
  readonly inputs: readonly DrillInput[]
  /** On whose behalf the runs act; its tenant is the drill's. */
  readonly principal: Principal
  /** Starts the outside systems, with their files in `folder`. Called several times; each call starts empty ones. */
  readonly world: (context: { readonly folder: string }) => Promise<DrillWorld>
  /** The tools whose effects the world records, all of them. */
  readonly recorded: readonly string[]
  /** Who answers approvals and questions. Without it a run that asks somebody fails the drill. */
  readonly person?: DrillPerson
  /** Models of the drill's processes, all scripted. Default: the project's own. */
  readonly models?: (env: Readonly<Record<string, string | undefined>>) => ModelPort
  /** Names of fields that no two runs share, such as a number that the bank gives: left out when runs are compared. */
  readonly volatile?: readonly string[]
}
