import {
  CredentialKeeper,
  type CredentialStatus,
  type KeeperParts,
  type Mode,
  SignalboxError,
  toolsWithin,
} from 'signalbox'
import { loadProject, type Project } from '../project.ts'

/** Names of all tools that a project's workflows have, those that undo others among them, sorted. */
export function toolNames(project: Pick<Project, 'workflows'>): readonly string[] {
  const tools = project.workflows.flatMap(({ spec }) => toolsWithin(spec))
  const undos = tools.flatMap(({ undo }) => (undo === undefined || undo === 'impossible' ? [] : [undo.tool]))
  return [...new Set([...tools, ...undos].map((tool) => tool.name))].sort()
}

/** The credentials that a project declares. Throws CONFIG_INVALID for one of a tool that no workflow has. */
export function keeperOf(project: Project, parts: KeeperParts): CredentialKeeper {
  const tools = toolNames(project)
  const unknown = Object.keys(project.credentials ?? {}).filter((name) => !tools.includes(name))
  if (unknown.length > 0)
    throw new SignalboxError(
      'CONFIG_INVALID',
      `credentials are declared for ${unknown.map((name) => `\`${name}\``).join(', ')}, which no workflow has: correct the name`,
    )
  return new CredentialKeeper(project.credentials ?? {}, parts)
}

/** What is wrong with credentials that were asked for, a sentence each. */
export function credentialFaults(statuses: readonly CredentialStatus[]): readonly string[] {
  return statuses.flatMap(({ tool, kind, source, problem, sharedWith }) => [
    ...(problem === null ? [] : [`\`${tool}\` from ${kind} \`${source}\`: ${problem}`]),
    // Each pair is told once.
    ...(sharedWith !== null && tool < sharedWith
      ? [`\`${tool}\` and \`${sharedWith}\` share one credential: give each its own`]
      : []),
  ])
}

/** What a check of a project's credentials found. */
export interface CredentialCheck {
  readonly credentials: readonly CredentialStatus[]
  /** Tools without a credential. */
  readonly without: readonly string[]
  readonly faults: readonly string[]
}

/** Asks every source of a project in a file, without a data folder. Throws CONFIG_INVALID for a project that does not load. */
export async function checkCredentials(configPath: string, parts: KeeperParts): Promise<CredentialCheck> {
  const project = await loadProject(configPath)
  const credentials = await keeperOf(project, parts).prove()
  const declared = new Set(credentials.map((each) => each.tool))
  const without = toolNames(project).filter((name) => !declared.has(name))
  return { credentials, without, faults: credentialFaults(credentials) }
}

/**
 * Asks every source once, before anything runs. Production starts only when each credential resolves and each tool has
 * its own: KEY_MISSING names every fault, and no value. Development tells them and goes on.
 */
export async function proveCredentials(
  keeper: CredentialKeeper,
  mode: Mode,
  log: (line: string) => void,
): Promise<void> {
  const faults = credentialFaults(await keeper.prove())
  if (faults.length === 0) return
  if (mode === 'production')
    throw new SignalboxError(
      'KEY_MISSING',
      `production needs every declared credential:${faults.map((line) => `\n- ${line}`).join('')}`,
      { details: { faults } },
    )
  for (const line of faults) log(`credential of ${line}`)
}
