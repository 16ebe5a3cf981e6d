import { existsSync } from 'node:fs'
import { resolve } from 'node:path'
import { pathToFileURL } from 'node:url'
import {
  type Control,
  type CredentialDef,
  type Mode,
  type ModelPort,
  type OuterBudget,
  type Principal,
  type RetentionRule,
  readRetention,
  type Signalbox,
  SignalboxError,
  type SwitchSettings,
  type WorkflowSpec,
} from 'signalbox'
import { DEV_TENANT } from './dev/tokens.ts'
import { type AlertSettings, type AlertsDef, readAlertSettings } from './alerts/settings.ts'
import type { Authenticator } from './auth.ts'
import type { PrincipalDef } from './identity/directory.ts'
import type { WorkflowDrill } from './drill/define.ts'
import { type Notifications, type NotificationsDef, readNotifications } from './notify/definition.ts'
import type { PolicySettings } from './policy/settings.ts'
import type { OutgoingDef, TelemetryDef } from './telemetry/capture.ts'
import { readSchedules, type Schedule, type ScheduleDef } from './schedules/definition.ts'

/** Values of the environment, by name. */
export type EnvValues = Readonly<Record<string, string | undefined>>

/** What a project needs around it in development: a pretend bank, a mail box. */
export interface OutsideWorld {
  /** Set in the environment of this process and of every worker, such as the address of what was started. */
  readonly env: Readonly<Record<string, string>>
  stop(): Promise<void>
}

/** What the first runs of a development server are started with. */
export interface SeedContext {
  readonly signalbox: Signalbox
  /** The seeded people by name. */
  readonly people: Readonly<Record<string, Principal>>
  readonly dataDir: string
}

/** A project: what `signalbox dev` and its workers run. Server and workers each load it from its file. */
export interface ProjectDef {
  readonly name: string
  /** Built workflows. */
  readonly workflows: readonly { readonly spec: WorkflowSpec }[]
  /** Folder of the policy bundle: `bundle.json`, `catalogue.json`, `*.cedar`. */
  readonly bundleDir: string
  /** How a policy bundle comes into force. Default: a changed folder in development, two people in production. */
  readonly policy?: PolicySettings
  /** Makes the models of one process from its environment. */
  readonly models: (env: EnvValues) => ModelPort
  /**
   * The credential of each tool that needs one, by the tool's name. A tool that is not here has none: nothing of the
   * environment is handed to it.
   */
  readonly credentials?: Readonly<Record<string, CredentialDef>>
  /** `host:port` entries that are told the run in a `baggage` header, on calls of tools and of notifications. Default: none. */
  readonly baggageHosts?: readonly string[]
  /** Checks of your own that follow the policy bundle at the intervention points that they name, in this order. */
  readonly controls?: readonly Control[]
  /** Limits over many runs: per tenant, workflow or principal, and per day, month or for good. Default: none. */
  readonly budgets?: readonly OuterBudget[]
  /** For how long a worker acts on what it knows of kill switches, and which lifts take two persons. */
  readonly switches?: Omit<SwitchSettings, 'local'>
  /** Default `development`. */
  readonly mode?: Mode
  /**
   * The tenant in which schedules fire and alerts about the whole store stand. Default: the one that changes the policy,
   * else the only one of the `principals`, else `dev`.
   */
  readonly tenant?: string
  /** People, services and agents that may sign in, with hashes of their tokens. Production needs these, or the next. */
  readonly principals?: readonly PrincipalDef[]
  /** Who may sign in by credentials of another system, such as signed tokens of an identity provider. */
  readonly authenticator?: (env: EnvValues) => Authenticator
  /** How long histories are kept; without rules all of them are. `signalbox store prune` applies the rules. */
  readonly retention?: readonly RetentionRule[]
  /** Started once, by the server process, before anything else. */
  readonly outsideWorld?: (context: { readonly dataDir: string }) => Promise<OutsideWorld>
  /** Called at every start once workers are there; start runs with request ids, so that each is started once only. */
  readonly seed?: (context: SeedContext) => Promise<void>
  /** What happens at set times; checked at the start, every mistake at once. */
  readonly schedules?: readonly ScheduleDef[]
  /** Whom to tell of what waits for people, and how; checked at the start, every mistake at once. */
  readonly notifications?: NotificationsDef
  /** What may leave in telemetry. Default: no content and no identity. */
  readonly telemetry?: TelemetryDef
  /** What is taken out of everything that leaves. Default: forms of keys and tokens, and the known credentials of tools. */
  readonly outgoing?: OutgoingDef
  /** Which alerts there are, and which kill switches they throw; checked at the start, every mistake at once. */
  readonly alerts?: AlertsDef
  /** What `signalbox drill` exercises: one entry for each workflow that can be drilled. */
  readonly drills?: readonly WorkflowDrill[]
}

/** A defined project; the mark tells it from any other default export. */
export interface Project extends ProjectDef {
  readonly kind: 'signalbox.project'
}

/** Declares a project; the default export of `signalbox.config.ts`. */
export function defineProject(def: ProjectDef): Project {
  return { ...def, kind: 'signalbox.project' }
}

/** The tenant of what a project does by itself. See `ProjectDef.tenant`. */
export function homeTenant({
  tenant,
  policy,
  principals = [],
}: Pick<ProjectDef, 'tenant' | 'policy' | 'principals'>): string {
  const [only, ...others] = new Set(principals.flatMap(({ roles }) => Object.keys(roles)))
  return tenant ?? policy?.tenant ?? (others.length === 0 ? only : undefined) ?? DEV_TENANT
}

/** The checked schedules of a project. Throws CONFIG_INVALID with every mistake. */
export function schedulesOf(project: Project): readonly Schedule[] {
  return readSchedules(
    project.schedules ?? [],
    project.workflows.map((each) => each.spec.name),
  )
}

/** The checked channels of a project. Throws CONFIG_INVALID with every mistake. */
export function notificationsOf(project: Project): Notifications {
  return readNotifications(project.notifications)
}

/** The checked alerts of a project. Throws CONFIG_INVALID with every mistake. */
export function alertsOf(project: Project): AlertSettings {
  return readAlertSettings(project.alerts)
}

/** Where a project lies in a folder when nothing else is said. */
export function defaultConfigPath(folder: string): string | null {
  const names = ['signalbox.config.ts', 'signalbox.config.mts', 'signalbox.config.js', 'signalbox.config.mjs']
  return names.map((name) => resolve(folder, name)).find((path) => existsSync(path)) ?? null
}

/**
 * Loads a project from its file. Throws CONFIG_INVALID when there is none, it does not load or exports something else;
 * an error of the project's own, such as WORKFLOW_INVALID, keeps its code.
 */
export async function loadProject(path: string): Promise<Project> {
  const full = resolve(path)
  if (!existsSync(full))
    throw new SignalboxError(
      'CONFIG_INVALID',
      `there is no \`${full}\`: write one with defineProject, or name it with --config`,
    )
  let loaded: { default?: unknown }
  try {
    loaded = await import(pathToFileURL(full).href)
  } catch (cause) {
    if (cause instanceof SignalboxError) throw cause
    const message = cause instanceof Error ? cause.message : String(cause)
    throw new SignalboxError('CONFIG_INVALID', `\`${full}\` does not load: ${message}`, { cause })
  }
  if (isProject(loaded.default)) {
    // Told at the start, not when the rules are applied at night.
    readRetention(loaded.default.retention ?? [])
    return loaded.default
  }
  throw new SignalboxError(
    'CONFIG_INVALID',
    `\`${full}\` has no project: write \`export default defineProject({ … })\``,
  )
}

function isProject(value: unknown): value is Project {
  return typeof value === 'object' && value !== null && 'kind' in value && value.kind === 'signalbox.project'
}
