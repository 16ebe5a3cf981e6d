import { existsSync } from 'node:fs'
import { join, resolve } from 'node:path'
import {
  auditProjectExposure,
  DATABASE,
  defaultConfigPath,
  type ExposureAudited,
  type ExposureFinding,
  orderOf,
  secretsFrom,
} from '@signalbox/server'
import type { Command } from 'commander'
import { keepAlive, type SecretForm, SignalboxError, systemHost } from 'signalbox'
import { ERROR_TABLE } from 'signalbox/errors'
import type { Shell } from './context.ts'
import { type Output, outputOf, printable, table } from './output.ts'

interface ExposureFlags {
  readonly secrets?: string
  readonly logs?: readonly string[]
  readonly exports?: readonly string[]
  readonly backups?: readonly string[]
  readonly email?: boolean
  readonly data: string
  readonly config?: string
  readonly json?: boolean
}

/** Adds `audit exposure`: it reads a data folder itself, and writes nothing but its report. */
export function addExposureCommand(audit: Command, shell: Shell): void {
  audit
    .command('exposure')
    .description(
      'search telemetry, records, messages, logs and files for secrets; writes a signed report; exit code 6 when one is where no setting lets it be',
    )
    .option('--secrets <file>', 'known values, one a line or JSON; also SIGNALBOX_EXPOSURE_SECRETS')
    .option('--logs <paths...>', 'files and folders of logs; also SIGNALBOX_EXPOSURE_LOGS')
    .option('--exports <paths...>', 'exports of runs; also SIGNALBOX_EXPOSURE_EXPORTS')
    .option('--backups <paths...>', 'backups of the store; also SIGNALBOX_EXPOSURE_BACKUPS')
    .option('--email', 'look for mail addresses too')
    .option('--data <folder>', 'data folder', './.signalbox')
    .option('--config <file>', 'project file; default ./signalbox.config.ts')
    .option('--json', 'write one JSON value to stdout and nothing else')
    .action(async (options: ExposureFlags) => {
      const release = keepAlive()
      try {
        await search(options, shell)
      } finally {
        release()
      }
    })
}

async function search(options: ExposureFlags, shell: Shell): Promise<void> {
  const { env } = shell.terminal
  const dataDir = resolve(options.data)
  const configPath = options.config ?? defaultConfigPath(process.cwd())
  if (configPath === null)
    throw new SignalboxError('CONFIG_INVALID', 'there is no signalbox.config.ts in this folder: name one with --config')
  if (!existsSync(join(dataDir, DATABASE)))
    throw new SignalboxError('NOT_FOUND', `\`${dataDir}\` holds no runs: name the data folder with --data`)
  const order = orderOf(env)
  const forms: readonly SecretForm[] = ['secret', 'iban', 'card', ...(options.email ? (['email'] as const) : [])]
  const audited = await auditProjectExposure(
    { configPath, dataDir, env, host: systemHost },
    {
      forms,
      secrets: options.secrets === undefined ? order.secrets : secretsFrom(options.secrets),
      logs: options.logs ?? order.logs,
      exports: options.exports ?? order.exports,
      backups: options.backups ?? order.backups,
    },
  )
  const out = outputOf(shell.terminal, options.json === true)
  out.data({ ...audited.report, file: audited.path })
  out.text(auditText(audited, out))
  if (audited.report.unexplained > 0) shell.setExitCode(ERROR_TABLE.AUDIT_FAILED.exit)
}

function auditText({ report, path }: ExposureAudited, out: Output): string {
  const { color } = out
  const { findings, findings_total: total, unexplained, places, known_secrets: known } = report
  const searched = places.map(({ place, texts }) => `${place} ${texts}`).join(', ')
  const state =
    unexplained === 0
      ? color.green('nothing is where no setting lets it be')
      : color.red(`${unexplained} findings that no setting explains`)
  const explained = total - unexplained
  return [
    `Searched for ${known} known values and forms of ${report.forms.join(', ')}; capture is ${report.capture}`,
    `Texts searched: ${searched}`,
    ...(findings.length === 0 ? [] : ['', table(findings, columns(), out.width), '']),
    `${state}${explained === 0 ? '' : `; ${explained} explained by a setting`}`,
    `Report: ${path}`,
    ...(unexplained === 0 ? [] : ['What to do: rotate what was found, then docs/guide/sensitive-data.md']),
  ].join('\n')
}

function columns() {
  return [
    { title: 'place', of: (row: ExposureFinding) => row.place },
    { title: 'where', of: whereText, grow: true },
    { title: 'secret', of: (row: ExposureFinding) => printable(row.secret) },
    { title: 'mark', of: (row: ExposureFinding) => row.fingerprint.slice(0, 8) },
    { title: 'as', of: (row: ExposureFinding) => row.writing },
    { title: 'explained by', of: (row: ExposureFinding) => row.explained ?? 'nothing' },
  ]
}

function whereText({ where }: ExposureFinding): string {
  return Object.entries(where)
    .map(([name, value]) => `${name}=${value}`)
    .join(' ')
}
