import type { Client } from '@signalbox/protocol'
import type { Command } from 'commander'
import { keepAlive } from 'signalbox'
import { type ConnectOptions, connect } from './connect.ts'
import { type Output, outputOf, type Terminal } from './output.ts'

/** What a command's body works with. */
export interface CommandContext {
  readonly client: Client
  readonly out: Output
  readonly terminal: Terminal
  /** True when no server was found and the store was opened directly. */
  readonly direct: boolean
  /** Where the server and its console answer; null when the store was opened directly. */
  readonly url: string | null
}

/** The process around the commands. A command reports its end through `exitCode`. */
export interface Shell {
  readonly terminal: Terminal
  setExitCode(code: number): void
}

interface SharedOptions extends ConnectOptions {
  readonly json?: boolean
}

/** Adds the options that every command has. */
export function withShared(command: Command): Command {
  return command
    .option('--json', 'write one JSON value to stdout and nothing else')
    .option(
      '--as <person>',
      'act as a seeded person of a development server (rita, paul, vera, olga, omar, sam, pia); default vera',
    )
    .option('--token <token>', 'act with this token; also SIGNALBOX_TOKEN')
    .option('--url <url>', 'server to talk to; also SIGNALBOX_URL; default: the one of the data folder')
    .option('--data <folder>', 'data folder', './.signalbox')
    .option('--config <file>', 'project file, needed when no server answers; default ./signalbox.config.ts')
}

/** Runs a command's body with a connection, and closes it whatever happens. */
export async function withClient(
  command: Command,
  shell: Shell,
  body: (context: CommandContext) => Promise<void>,
): Promise<void> {
  const options = command.opts<SharedOptions>()
  const connection = await connect(options, shell.terminal.env)
  const release = keepAlive()
  try {
    for (const note of connection.notes) shell.terminal.stderr.write(`note: ${note}\n`)
    const out = outputOf(shell.terminal, options.json === true)
    await body({
      client: connection.client,
      out,
      terminal: shell.terminal,
      direct: connection.url === null,
      url: connection.url,
    })
  } finally {
    release()
    await connection.close()
  }
}
