import type { CredentialListView, ExemptionListView, PrincipalListView, RoleMatrixView } from '@signalbox/protocol'
import { checkCredentials, defaultConfigPath } from '@signalbox/server'
import type { Command } from 'commander'
import { isoTime, SignalboxError, sha256Hex, systemHost } from 'signalbox'
import { ERROR_TABLE } from 'signalbox/errors'
import { cellText, matrixCsv, matrixMarkdown, matrixNotes, signatureText } from './access-views.ts'
import { type CommandContext, type Shell, withClient, withShared } from './context.ts'
import { time, who } from './format.ts'
import { type Output, outputOf, table } from './output.ts'

/** Adds `roles` and `credentials`: who may do what, and with which credential. */
export function addAccessCommands(program: Command, shell: Shell): void {
  const roles = program.command('roles').description('who may do what: roles and tools, exemptions, people, tokens')
  withShared(roles.command('matrix'))
    .description('what each role may do with each tool, on what it depends, and who signed that')
    .option('--csv', 'one line for each tool and role')
    .option('--md', 'a table in Markdown')
    .action(async (options: { csv?: boolean; md?: boolean }, command: Command) => {
      await withClient(command, shell, (context) => matrix(options, context))
    })
  withShared(roles.command('sign-off'))
    .description('sign the table of roles and tools as its owner; role access-owner')
    .requiredOption('--reason <text>', 'what you looked at; stored with your name')
    .option('--matrix <hash>', 'sign only when the table is still this one')
    .action(async (options: { reason: string; matrix?: string }, command: Command) => {
      await withClient(command, shell, (context) => signOff(options, context))
    })
  withShared(roles.command('exemptions'))
    .description('tools that may run without an approval, who signed for them, and until when')
    .action(async (_options: unknown, command: Command) => {
      await withClient(command, shell, async ({ client, out }) => exemptions(await client.exemptions(), out))
    })
  withShared(roles.command('people'))
    .description('who may sign in to your tenant, with which credentials and scopes')
    .action(async (_options: unknown, command: Command) => {
      await withClient(command, shell, async ({ client, out }) => people(await client.principals(), out))
    })
  roles
    .command('token')
    .description('make a token for a declared principal: shown once, only its hash goes into the project')
    .option('--json', 'write one JSON value to stdout and nothing else')
    .action((options: { json?: boolean }) => token(outputOf(shell.terminal, options.json === true)))
  addCredentialCommands(program, shell)
}

function addCredentialCommands(program: Command, shell: Shell): void {
  const group = program.command('credentials').description('the credentials of tools: where from, until when')
  withShared(group.command('list'))
    .description('how each credential stands with the running server; never its value')
    .action(async (_options: unknown, command: Command) => {
      await withClient(command, shell, async ({ client, out }) => credentials(await client.credentials(), out))
    })
  group
    .command('check')
    .description('ask the source of every credential of a project; exit code 2 when one does not resolve or is shared')
    .option('--json', 'write one JSON value to stdout and nothing else')
    .option('--config <file>', 'project file; default ./signalbox.config.ts')
    .action(async (options: { json?: boolean; config?: string }) => {
      const configPath = options.config ?? defaultConfigPath(process.cwd())
      if (configPath === null)
        throw new SignalboxError(
          'CONFIG_INVALID',
          'there is no signalbox.config.ts here: name the project with --config',
        )
      const {
        credentials: found,
        without,
        faults,
      } = await checkCredentials(configPath, {
        host: systemHost,
        env: { ...shell.terminal.env },
      })
      const rows = found.map(({ tool, kind, source, hosts, header, resolves, problem, expiresAt, sharedWith }) => ({
        ...{ tool, kind, source, hosts: [...hosts], header, resolves, problem },
        expires_at: expiresAt === null ? null : isoTime(expiresAt),
        shared_with: sharedWith,
      }))
      credentials(
        { credentials: rows, without: [...without], faults: [...faults] },
        outputOf(shell.terminal, options.json === true),
      )
      if (faults.length > 0) shell.setExitCode(ERROR_TABLE.KEY_MISSING.exit)
    })
}

async function matrix(options: { csv?: boolean; md?: boolean }, { client, out }: CommandContext): Promise<void> {
  if (options.csv === true && options.md === true)
    throw new SignalboxError('USAGE', '`--csv` and `--md` are two forms: give one of them')
  const found = await client.roleMatrix()
  out.data(found)
  if (options.csv === true) return out.text(matrixCsv(found))
  if (options.md === true) return out.text(matrixMarkdown(found))
  out.text(matrixTable(found, out))
}

function matrixTable(found: RoleMatrixView, out: Output): string {
  const columns = found.roles.map((role, at) => ({
    title: role,
    of: (row: RoleMatrixView['rows'][number]) => cellText(row.cells[at]),
  }))
  const tool = { title: 'tool', of: (row: RoleMatrixView['rows'][number]) => row.tool, grow: true }
  const wide = table(found.rows, [tool, ...columns], Math.max(out.width, 40 + found.roles.length * 16))
  return [wide, '', ...matrixNotes(found), '', ...signatureText(found)].join('\n')
}

async function signOff(options: { reason: string; matrix?: string }, { client, out }: CommandContext): Promise<void> {
  const present = await client.roleMatrix()
  const matrixHash = options.matrix ?? present.hash
  const signed = await client.signRoles({ body: { matrix: matrixHash, reason: options.reason } })
  out.data(signed)
  const [last] = signed.signatures
  out.text(
    `signed: table ${matrixHash.slice(0, 12)} of ${present.bundle.slice(0, 30)}, until ${time(last?.expires_at ?? null)} UTC`,
  )
}

function exemptions(found: ExemptionListView, out: Output): void {
  out.data(found)
  if (found.exemptions.length === 0) {
    out.text('no tool is exempted from approval')
    return
  }
  out.text(
    table(
      found.exemptions,
      [
        { title: 'tool', of: (row) => row.tool },
        { title: 'state', of: (row) => row.state },
        { title: 'workflows', of: (row) => row.workflows?.join(', ') ?? 'all' },
        { title: 'owner', of: (row) => row.owner },
        { title: 'signed by', of: (row) => who(row.signed_by) },
        { title: 'until', of: (row) => row.expires_at.slice(0, 10) },
        { title: 'condition', of: (row) => row.condition, grow: true },
      ],
      Math.max(out.width, 110),
    ),
  )
}

function people(found: PrincipalListView, out: Output): void {
  out.data(found)
  if (found.principals.length === 0) {
    out.text('the project declares nobody: only seeded people may sign in')
    return
  }
  const rows = found.principals.flatMap((each) =>
    each.tokens.map((token) => ({ ...token, id: each.id, roles: each.roles.join(', '), owner: each.owner })),
  )
  out.text(
    table(
      rows,
      [
        { title: 'who', of: (row) => row.id },
        { title: 'roles', of: (row) => row.roles, grow: true },
        { title: 'token', of: (row) => row.name },
        { title: 'scopes', of: (row) => row.scopes?.join(' ') ?? 'all of the roles' },
        { title: 'for', of: (row) => row.on_behalf_of ?? row.owner ?? '' },
        { title: 'until', of: (row) => row.expires_at?.slice(0, 10) ?? '' },
      ],
      Math.max(out.width, 110),
    ),
  )
}

const TOKEN_BYTES = 32

function token(out: Output): void {
  const made = `sb_${Buffer.from(systemHost.randomBytes(TOKEN_BYTES)).toString('base64url')}`
  const sha256 = sha256Hex(made)
  out.data({ token: made, sha256 })
  out.text(`token   ${made}`)
  out.text(`sha256  ${sha256}`)
  out.text('The token is shown this once: give it to its holder. Put the hash into `principals` of the project.')
}

function credentials(found: CredentialListView, out: Output): void {
  out.data(found)
  const state = (resolves: boolean | null): string =>
    resolves === null ? 'not asked yet' : resolves ? 'resolves' : 'FAILS'
  if (found.credentials.length > 0)
    out.text(
      table(
        found.credentials,
        [
          { title: 'tool', of: (row) => row.tool },
          { title: 'from', of: (row) => row.kind },
          { title: 'source', of: (row) => row.source, grow: true },
          { title: 'state', of: (row) => state(row.resolves) },
          { title: 'until', of: (row) => time(row.expires_at) },
          { title: 'for hosts', of: (row) => row.hosts.join(', ') },
        ],
        Math.max(out.width, 110),
      ),
    )
  if (found.without.length > 0) out.text(`without a credential: ${found.without.join(', ')}`)
  for (const fault of found.faults) out.text(`${out.color.red('fault')}  ${fault}`)
}
