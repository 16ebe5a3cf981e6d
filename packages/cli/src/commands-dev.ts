import { fileURLToPath } from 'node:url'
import { type DevServer, defaultConfigPath, logLine, startDev, VERSION } from '@signalbox/server'
import { type Command, Option } from 'commander'
import { keepAlive, SignalboxError, systemHost } from 'signalbox'
import { intOption } from './ask.ts'
import type { Shell } from './context.ts'
import { type Output, outputOf } from './output.ts'

/** The port of the console when nothing else is said. */
const DEFAULT_PORT = 4750

interface DevCommandOptions {
  readonly data: string
  readonly config?: string
  readonly port: number
  readonly workers: number
  readonly drainSeconds: number
  readonly workerSilenceSeconds: number
  readonly logFormat?: 'json' | 'text'
  readonly json?: boolean
}

/** Adds `dev`: server and workers on one data folder, until a signal ends them. */
export function addDevCommand(program: Command, shell: Shell): void {
  program
    .command('dev')
    .description('start server, console and workers on one data folder')
    .option('--data <folder>', 'data folder', './.signalbox')
    .option('--config <file>', 'project file; default ./signalbox.config.ts')
    .option(
      '--port <port>',
      'port of API and console; 0 takes a free one',
      intOption('--port', 0, 65_535),
      DEFAULT_PORT,
    )
    .option('--workers <n>', 'worker processes', intOption('--workers', 0, 64), 2)
    .option(
      '--drain-seconds <n>',
      'when stopped: how long runs may take to a barrier or the end of a turn, where another worker can go on',
      intOption('--drain-seconds', 0, 3_600),
      10,
    )
    .option(
      '--worker-silence-seconds <n>',
      'a worker process that gives no sign of life for this long is ended and replaced',
      intOption('--worker-silence-seconds', 5, 3_600),
      20,
    )
    .addOption(
      new Option(
        '--log-format <format>',
        'lines on stderr: json with run and trace ids, or text; default text in a terminal, else json',
      ).choices(['json', 'text']),
    )
    .option('--json', 'write one JSON line to stdout when everything is up')
    .action(async (options: DevCommandOptions) => {
      const out = outputOf(shell.terminal, options.json === true)
      // Signals count from the start on, so that what was started before is ended in order.
      const stopped = stopSignal()
      const dev = await start(options, out)
      out.data(announcement(dev, options))
      out.text(banner(dev, options, out))
      const release = keepAlive()
      await stopped
      out.text('stopping…')
      await dev.stop()
      release()
    })
}

async function start(options: DevCommandOptions, out: Output): Promise<DevServer> {
  const configPath = options.config ?? defaultConfigPath(process.cwd())
  if (configPath === null)
    throw new SignalboxError(
      'CONFIG_INVALID',
      'there is no signalbox.config.ts in this folder: write one with defineProject, or name it with --config',
    )
  return await startDev({
    dataDir: options.data,
    configPath,
    port: options.port,
    workers: options.workers,
    drainSeconds: options.drainSeconds,
    workerSilenceSeconds: options.workerSilenceSeconds,
    version: VERSION,
    // Beside this package in a checkout and in node_modules alike.
    consoleDir: fileURLToPath(new URL('../../console/dist', import.meta.url)),
    log: (line) => out.note(isJson(options) ? logLine(line, systemHost.now()) : line),
  })
}

/** A person reads plain lines; what collects logs reads JSON. */
function isJson({ logFormat }: DevCommandOptions): boolean {
  return logFormat === undefined ? process.stderr.isTTY !== true : logFormat === 'json'
}

function stopSignal(): Promise<void> {
  return new Promise((resolve) => {
    for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => resolve())
  })
}

function announcement(dev: DevServer, options: DevCommandOptions) {
  const people = dev.people.map(({ person, id, roles, token }) => ({ person, id, roles, token }))
  return {
    url: dev.url,
    pid: process.pid,
    data: options.data,
    project: dev.project,
    workers: dev.workers(),
    models: dev.models,
    people,
  }
}

function banner(dev: DevServer, options: DevCommandOptions, out: Output): string {
  const { color } = out
  const models = dev.models.map(({ id, scripted }) =>
    scripted ? `${id} (scripted: a program answers, not a language model)` : id,
  )
  const rolesOf = dev.people.map(({ roles }) => roles.join(', '))
  const width = Math.max(0, ...rolesOf.map((roles) => roles.length))
  const people = dev.people.map(
    ({ person, token }, at) => `  ${person.padEnd(5)} ${(rolesOf[at] ?? '').padEnd(width)}  ${dev.url}/#token=${token}`,
  )
  return [
    `${color.bold('Signalbox')} ${VERSION}  ${dev.project}  (${dev.mode})`,
    `  console  ${color.bold(dev.url)}`,
    `  data     ${options.data}`,
    `  workers  ${dev.workers().length}`,
    ...models.map((model, at) => `  ${at === 0 ? 'models ' : '       '}  ${model}`),
    '',
    'Open a link to sign in as one of the development people; the terminal takes --as <name>:',
    ...people,
    '',
    color.dim(
      'Ctrl-C stops everything. Try: signalbox runs, signalbox approvals, signalbox approve <id> --as paul --reason "…"',
    ),
  ].join('\n')
}
