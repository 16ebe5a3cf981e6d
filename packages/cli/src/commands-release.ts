import { readFileSync } from 'node:fs'
import { type DrillPlace, releaseCheck, type ReleaseCheckResult, signException, writeManifest } from '@signalbox/server'
import type { Command } from 'commander'
import { SignalboxError, systemHost } from 'signalbox'
import { intOption } from './ask.ts'
import { drilledConfig } from './commands-drill.ts'
import type { Shell } from './context.ts'
import { folded, type Output, outputOf, printable } from './output.ts'

interface Shared {
  readonly config?: string
  readonly data: string
  readonly json?: boolean
}

interface CheckFlags extends Shared {
  readonly maxAgeDays: number
  readonly publicKey?: string
  readonly reports: boolean
  readonly reason?: string
  readonly sign?: string
}

/** Adds `releases manifest` and `releases check`, which `release manifest` and `release check` lead to too: what a release is made of, and what must hold before the next. */
export function addReleaseCommands(program: Command, shell: Shell): void {
  const group = program
    .command('releases')
    .description(
      'manifests of releases; what must hold before the next one; also `release check` and `release manifest`',
    )
  shared(group.command('manifest <name>'))
    .description('write down what this build is made of, signed, to releases/<name>.json')
    .action(async (release: string, options: Shared) => {
      const out = outputOf(shell.terminal, options.json === true)
      const { path, manifest } = await writeManifest({ ...place(options, shell), release })
      out.data({ path, manifest })
      const { runtime_version: runtime, workflows } = manifest
      out.text(`${release}: runtime ${runtime}, ${Object.keys(workflows).join(', ')}`)
      out.text(`manifest: ${path}`)
    })
  shared(group.command('check'))
    .description('refuse a release that moves runtime and business together, or lacks its reports')
    .option('--max-age-days <n>', 'how old the reports may be', intOption('--max-age-days', 1, 3_650), 7)
    .option(
      '--public-key <file>',
      'whose signature counts on reports; default: the key of the environment or data folder',
    )
    .option('--no-reports', 'only what moved')
    .option('--reason <text>', 'with --sign: why runtime and business may move together this once')
    .option('--sign <file>', 'with --reason: sign the exception with the key in this file (base64 of 32 bytes)')
    .action(async (options: CheckFlags) => {
      await check(options, shell)
    })
}

function shared(command: Command): Command {
  return command
    .option('--json', 'write one JSON value to stdout and nothing else')
    .option('--config <file>', 'project file; default ./signalbox.config.ts')
    .option('--data <folder>', 'data folder, for the audit key; also SIGNALBOX_AUDIT_KEY', './.signalbox')
}

function place(options: Shared, shell: Shell): DrillPlace {
  return { configPath: drilledConfig(options), dataDir: options.data, env: shell.terminal.env, host: systemHost }
}

async function check(options: CheckFlags, shell: Shell): Promise<void> {
  const out = outputOf(shell.terminal, options.json === true)
  const { reason, sign } = options
  if ((reason === undefined) !== (sign === undefined))
    throw new SignalboxError('USAGE', '`--reason` and `--sign` belong together: give both or none')
  const at = place(options, shell)
  if (reason !== undefined && sign !== undefined) {
    const { path } = await signException({ ...at, reason, seed: seedIn(sign) })
    out.note(`exception signed: ${path}`)
  }
  const { maxAgeDays, publicKey = null, reports } = options
  const result = await releaseCheck({ ...at, maxAgeDays, publicKey, reports })
  out.data({ open: result.failures.length === 0, ...result })
  for (const line of lines(result, out)) out.text(line)
  if (result.failures.length > 0) shell.setExitCode(4)
}

function seedIn(path: string): Uint8Array {
  let text: string
  try {
    text = readFileSync(path, 'utf8')
  } catch (cause) {
    throw new SignalboxError('KEY_MISSING', `\`--sign\` names \`${path}\`, which cannot be read`, { cause })
  }
  const seed = Buffer.from(text.trim(), 'base64')
  if (seed.length === 32) return seed
  throw new SignalboxError('KEY_MISSING', `\`${path}\` holds no key: it must be 32 bytes in base64`)
}

function lines({ failures, before, moved, excepted }: ReleaseCheckResult, out: Output): string[] {
  const { color, width } = out
  const told = (what: string, list: readonly string[]): string[] =>
    list.length === 0 ? [] : [folded(`${what}: ${list.join('; ')}`, width, '  ')]
  return [
    before === null ? 'there is no release yet to compare with' : `compared with release ${printable(before)}`,
    ...told('runtime moves', moved.runtime),
    ...told('business moves', moved.business),
    ...(excepted ? [color.yellow('both move, and a signed exception lets them')] : []),
    ...failures.map((each) => folded(`  ${each}`, width, '    ')),
    failures.length === 0
      ? color.green('the release may be made')
      : color.red(`the release is refused: ${failures.length} reasons`),
  ]
}
