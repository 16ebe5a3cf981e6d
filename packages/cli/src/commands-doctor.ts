import { resolve } from 'node:path'
import { defaultConfigPath, loadProject, type SafetyFault, safetyFaults, UNSAFE_CODES } from '@signalbox/server'
import type { Command } from 'commander'
import { contractReviewWarning, type Host, SignalboxError, systemHost } from 'signalbox'
import { ERROR_TABLE } from 'signalbox/errors'
import type { Shell } from './context.ts'
import { folded, outputOf } from './output.ts'

interface DoctorFlags {
  readonly data: string
  readonly config?: string
  readonly json?: boolean
}

/** Adds `doctor`: what production would refuse, all of it at once, and what is due. It opens no store and makes no key. */
export function addDoctorCommand(program: Command, shell: Shell, host: Host = systemHost): void {
  program
    .command('doctor')
    .description('list every setting with which production would refuse to start; exit code 2 when there is one')
    .option('--data <folder>', 'data folder', './.signalbox')
    .option('--config <file>', 'project file; default ./signalbox.config.ts')
    .option('--json', 'write one JSON value to stdout and nothing else')
    .action(async (options: DoctorFlags) => {
      const { env } = shell.terminal
      const configPath = options.config ?? defaultConfigPath(process.cwd())
      if (configPath === null)
        throw new SignalboxError('CONFIG_INVALID', 'there is no signalbox.config.ts here: name one with --config')
      const project = await loadProject(configPath)
      const faults = safetyFaults({ project, env, dataDir: resolve(options.data), host })
      const due = contractReviewWarning(host.now())
      const warnings = due === null ? [] : [due]
      const out = outputOf(shell.terminal, options.json === true)
      const mode = project.mode ?? 'development'
      out.data({ ok: faults.length === 0, project: project.name, mode, checked: UNSAFE_CODES, faults, warnings })
      out.text(faultsText(faults, `${project.name} (${mode})`, out.width))
      for (const warning of warnings) out.text(folded(`Due: ${warning}`, out.width, '  '))
      if (faults.length > 0) shell.setExitCode(ERROR_TABLE.CONFIG_INVALID.exit)
    })
}

function faultsText(faults: readonly SafetyFault[], name: string, width: number): string {
  const later = 'Looked at when it starts: the signature of roles, guards of the policy, credentials of tools'
  if (faults.length === 0) return `${name}: production finds nothing unsafe in ${UNSAFE_CODES.length} checks\n${later}`
  return [
    `${name}: production would refuse ${faults.length} of ${UNSAFE_CODES.length} checks`,
    ...faults.flatMap(({ code, field, text }) => [`  ${code}  ${field}`, folded(`    ${text}`, width, '    ')]),
    later,
  ].join('\n')
}
