import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { DATABASE, loadProject, defaultConfigPath, readBundleDir, readCases } from '@signalbox/server'
import { type Command, Option } from 'commander'
import {
  bundleDefinition,
  bundleDifferences,
  loadBundle,
  openSqliteStore,
  type PolicyBundle,
  policyFindings,
  runFixtures,
  SignalboxError,
  systemHost,
} from 'signalbox'
import { ERROR_TABLE } from 'signalbox/errors'
import { bundleFolder } from './bundle-folder.ts'
import { type Shell, withClient, withShared } from './context.ts'
import { outputOf } from './output.ts'
import {
  casesText,
  decisionsText,
  detailText,
  differencesText,
  findingsText,
  replayText,
  toldText,
} from './policy-author-views.ts'

interface FolderOptions {
  readonly config?: string
  readonly json?: boolean
}

/** Adds what authors of policies work with to the group `policy`. */
export function addPolicyAuthorCommands(group: Command, shell: Shell): void {
  addCheck(group, shell)
  addTest(group, shell)
  addDiff(group, shell)
  addDecisions(group, shell)
  addExplain(group, shell)
  addSimulate(group, shell)
  addReplay(group, shell)
}

function inFolder(command: Command): Command {
  return command
    .option('--json', 'write one JSON value to stdout and nothing else')
    .option('--config <file>', 'project file; default ./signalbox.config.ts')
}

function addCheck(group: Command, shell: Shell): void {
  inFolder(group.command('check [folder]'))
    .description(
      'check a bundle: errors, then what is allowed and perhaps not meant; default: the folder of the project',
    )
    .option('--production', 'exit code 4 when there is something that production refuses')
    .action(async (folder: string | undefined, options: FolderOptions & { readonly production?: boolean }) => {
      const out = outputOf(shell.terminal, options.json === true)
      const bundle = loadBundle(readBundleDir(await bundleFolder(folder, options.config)))
      const tools = folder === undefined ? await toolsOfProject(options.config) : undefined
      const findings = policyFindings({ bundle, at: systemHost.now(), ...(tools ? { codeTools: tools } : {}) })
      const refused = findings.some((each) => each.severity === 'error')
      out.data({ bundle: bundle.bundle, ready_for_production: !refused, findings })
      out.text(findingsText(bundle, findings, out))
      if (refused && options.production === true) shell.setExitCode(ERROR_TABLE.POLICY_DENIED.exit)
    })
}

/** The tools that the project's workflows have. */
async function toolsOfProject(config: string | undefined) {
  const path = config ?? defaultConfigPath(process.cwd())
  if (path === null) return undefined
  const { workflows } = await loadProject(path)
  const tools = workflows.flatMap(({ spec }) => [...spec.tools.values()])
  return [...new Map(tools.map((tool) => [tool.name, tool])).values()]
}

function addTest(group: Command, shell: Shell): void {
  inFolder(group.command('test [folder]'))
    .description('ask a bundle the cases of its folder `tests`; exit code 4 when one comes out otherwise')
    .option('--every-policy', 'exit code 4 too when a policy decides in no case')
    .action(async (folder: string | undefined, options: FolderOptions & { readonly everyPolicy?: boolean }) => {
      const out = outputOf(shell.terminal, options.json === true)
      const path = await bundleFolder(folder, options.config)
      const cases = readCases(path)
      if (Object.keys(cases).length === 0)
        throw new SignalboxError(
          'NOT_FOUND',
          `\`${join(path, 'tests')}\` holds no cases: add a file such as cases.json`,
        )
      const report = runFixtures(loadBundle(readBundleDir(path)), cases)
      out.data(report)
      out.text(casesText(report, out))
      const failed = report.failed > 0 || (options.everyPolicy === true && report.untested.length > 0)
      if (failed) shell.setExitCode(ERROR_TABLE.POLICY_DENIED.exit)
    })
}

function addDiff(group: Command, shell: Shell): void {
  inFolder(group.command('diff <before> [after]'))
    .description(
      'what differs between two bundles, by meaning: folders, or hashes of stored bundles; default: the project',
    )
    .option('--data <folder>', 'data folder, for stored bundles', './.signalbox')
    .action(async (before: string, after: string | undefined, options: FolderOptions & { readonly data: string }) => {
      const out = outputOf(shell.terminal, options.json === true)
      const now = await bundleNamed(after ?? (await bundleFolder(undefined, options.config)), options.data)
      const old = await bundleNamed(before, options.data)
      const differences = bundleDifferences(old, now)
      out.data({ before: old.bundle, after: now.bundle, differences })
      out.text(differencesText(old, now, differences, out))
    })
}

/** The bundle of a folder, or a stored one by its hash or id. */
async function bundleNamed(name: string, data: string): Promise<PolicyBundle> {
  const hash = /^(?:[\w-]+@)?([0-9a-f]{64})$/.exec(name)?.[1]
  if (hash === undefined || existsSync(name)) return loadBundle(readBundleDir(name))
  const path = join(data, DATABASE)
  const text = existsSync(path) ? await storedText(path, hash) : null
  if (text === null) throw new SignalboxError('NOT_FOUND', `no bundle \`${hash}\` is stored in \`${data}\``)
  // Stored by this program as the texts of a bundle's files by path.
  return loadBundle(JSON.parse(text) as Readonly<Record<string, string>>)
}

async function storedText(path: string, hash: string): Promise<string | null> {
  const store = await openSqliteStore({ path, host: systemHost })
  try {
    return await store.definition(bundleDefinition(hash))
  } finally {
    await store.close()
  }
}

function addDecisions(group: Command, shell: Shell): void {
  const command = withShared(group.command('decisions'))
    .description('decisions on record, newest first')
    .option('--since <time>', 'ISO 8601; default: a day ago')
    .option('--until <time>', 'ISO 8601')
    .option('--verdict <verdict>', 'allow, warn, deny, require_approval or transform')
    .option('--tool <name>', 'a tool, model or point')
    .option('--policy <id>', 'decided by this policy')
    .option('--principal <id>', 'on behalf of this one, such as user:ana')
    .option('--run <run>', 'of this run')
    .option('--workflow <name>', 'of this workflow')
    .option('--before <place>', 'the next page: what the page before named')
    .option('--limit <n>', 'at most so many', '100')
    .action(() =>
      withClient(command, shell, async ({ client, out }) => {
        const { since, until, verdict, tool, policy, principal, run, ...page } = command.opts<Record<string, string>>()
        const { workflow, before, limit } = page
        const query = { since, until, verdict, tool, policy, principal, run_id: run, workflow, before, limit }
        const list = await client.decisions({ query })
        out.data(list)
        out.text(decisionsText(list, out))
      }),
    )
}

function addExplain(group: Command, shell: Shell): void {
  const command = withShared(group.command('explain <decision>'))
    .description(
      'one decision in plain words, or with the id of a run all of its tool calls that were not plainly let pass',
    )
    .option('--run <run>', 'the run of the decision: it is found sooner')
    .option('--all', 'of a run: each decision')
    .action((id: string) =>
      withClient(command, shell, async ({ client, out }) => {
        const { run, all } = command.opts<{ readonly run?: string; readonly all?: boolean }>()
        const isRun = id.startsWith('run_')
        const ids = isRun ? await decisionsOf(id, all === true) : [id]
        const told = []
        for (const each of ids) {
          const query = { run_id: isRun ? id : run }
          told.push(await client.decision({ params: { id: each }, query }))
        }
        out.data(isRun ? { decisions: told } : told[0])
        out.text(told.map((each) => detailText(each, out)).join('\n\n') || `every call of ${id} was plainly let pass`)

        async function decisionsOf(runId: string, every: boolean): Promise<readonly string[]> {
          const { decisions } = await client.decisions({ query: { run_id: runId, limit: 500 } })
          const asked = decisions.filter((one) => every || one.verdict !== 'allow')
          return asked.map((one) => one.id).reverse()
        }
      }),
    )
}

function addSimulate(group: Command, shell: Shell): void {
  const command = withShared(group.command('simulate [folder]'))
    .description('what a bundle would decide: the one in force, or that of a folder; nothing is done')
    .option('--tool <name>', 'the tool that is called')
    .option('--model <id>', 'the model that is called')
    .addOption(new Option('--point <point>', 'the intervention point'))
    .option('--roles <roles>', 'roles of whom the run acts for, with commas', '')
    .option('--user <id>', 'who that is', 'user:somebody')
    .option('--input <json>', 'arguments', '{}')
    .option('--facts <json>', 'what the tool would read for policy', '{}')
    .option('--workflow <name>', 'the workflow')
    .option('--agent <name>', 'the agent')
    .option('--approved-by <roles>', 'as if somebody else with these roles had approved exactly this')
    .action((folder: string | undefined) =>
      withClient(command, shell, async ({ client, out }) => {
        const options = command.opts<Record<string, string | undefined>>()
        const { tool, model, point, workflow, agent, approvedBy } = options
        const told = await client.simulatePolicy({
          body: {
            who: { id: options.user ?? 'user:somebody', roles: listOf(options.roles) },
            ...(tool === undefined ? {} : { tool }),
            ...(model === undefined ? {} : { model }),
            // Any text is sent: the server names the points that there are.
            ...(point === undefined ? {} : { point: point as 'output' }),
            input: objectOf(options.input, '--input'),
            facts: objectOf(options.facts, '--facts'),
            ...(workflow === undefined ? {} : { workflow }),
            ...(agent === undefined ? {} : { agent }),
            ...(approvedBy === undefined ? {} : { approved_by: { id: 'user:approver', roles: listOf(approvedBy) } }),
            ...(folder === undefined ? {} : { files: { ...readBundleDir(folder) } }),
          },
        })
        out.data(told)
        out.text(toldText(told, out))
      }),
    )
}

function listOf(text: string | undefined): string[] {
  return (text ?? '').split(',').flatMap((each) => (each.trim() === '' ? [] : [each.trim()]))
}

function objectOf(text: string | undefined, name: string) {
  try {
    const value: unknown = JSON.parse(text ?? '{}')
    if (typeof value === 'object' && value !== null && !Array.isArray(value)) return { ...value }
  } catch {
    // Told below, as for any other value that is no object.
  }
  throw new SignalboxError('USAGE', `\`${name}\` takes a JSON object, such as '{"amount_minor": 4200}'`)
}

function addReplay(group: Command, shell: Shell): void {
  const command = withShared(group.command('replay'))
    .description('ask a draft about the decisions of the last days, and list each that comes out otherwise')
    .option('--days <n>', 'time span', '7')
    .option('--against <folder>', 'folder of the draft; default: the bundle in force')
    .option('--fail-on-flip', 'exit code 4 when a decision comes out otherwise')
    .action(() =>
      withClient(command, shell, async ({ client, out }) => {
        const { days, against, failOnFlip } = command.opts<{
          readonly days: string
          readonly against?: string
          readonly failOnFlip?: boolean
        }>()
        const draft = against === undefined ? {} : { files: { ...readBundleDir(against) } }
        const result = await client.replayPolicy({ body: { days: Number(days), ...draft } })
        out.data(result)
        out.text(replayText(result, out))
        if (failOnFlip === true && result.flipped > 0) shell.setExitCode(ERROR_TABLE.POLICY_DENIED.exit)
      }),
    )
}
