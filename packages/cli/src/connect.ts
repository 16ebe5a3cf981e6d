import { existsSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { type Client, createClient } from '@signalbox/protocol'
import { DATABASE, defaultConfigPath, openLocalApi, readAddress, readDevPeople } from '@signalbox/server'
import { SignalboxError, sleep, systemHost } from 'signalbox'

/** What every command but `dev` takes to reach runs and to say who asks. */
export interface ConnectOptions {
  readonly url?: string
  readonly token?: string
  readonly as?: string
  readonly data: string
  readonly config?: string
}

/** A client, and how it reaches the runs. */
export interface Connection {
  readonly client: Client
  /** Null when the store was opened directly. */
  readonly url: string | null
  /** What whoever asked should know of how the connection came about. */
  readonly notes: readonly string[]
  close(): Promise<void>
}

type Env = Readonly<Record<string, string | undefined>>

/**
 * Connects to the named server, else to the one that announced itself in the data folder and answers, else opens the data
 * folder itself with the same API in this process. Identity is a token in every case.
 */
export async function connect(options: ConnectOptions, env: Env): Promise<Connection> {
  const token = tokenOf(options, env)
  const url = options.url ?? env.SIGNALBOX_URL ?? (await answeringServer(options.data))
  if (url !== null) {
    const client = createClient({
      baseUrl: url.replace(/\/$/, ''),
      token,
      wait: (ms, signal) => sleep(systemHost, ms, signal),
    })
    return { client, url, notes: [], close: async () => undefined }
  }
  return await openDirectly(options, token)
}

async function answeringServer(dataDir: string): Promise<string | null> {
  const address = readAddress(resolve(dataDir))
  if (!address) return null
  const healthy = await createClient({ baseUrl: address.url, token: null })
    .health()
    .then(
      () => true,
      () => false,
    )
  return healthy ? address.url : null
}

async function openDirectly(options: ConnectOptions, token: string): Promise<Connection> {
  const dataDir = resolve(options.data)
  if (!existsSync(join(dataDir, DATABASE)))
    throw new SignalboxError(
      'SERVER_UNREACHABLE',
      `no server answers and \`${dataDir}\` holds no runs: start \`signalbox dev\`, or name the folder with --data`,
    )
  const configPath = options.config ?? defaultConfigPath(process.cwd())
  if (configPath === null)
    throw new SignalboxError(
      'SERVER_UNREACHABLE',
      'no server answers, and there is no signalbox.config.ts here to open the data with: start `signalbox dev`, or name the project with --config',
    )
  const api = await openLocalApi({ dataDir, configPath })
  const client = createClient({
    baseUrl: 'http://local',
    token,
    fetch: api.fetch,
    wait: (ms, signal) => sleep(systemHost, ms, signal),
  })
  const notes: string[] =
    api.erasedAgain === 0
      ? []
      : [`${api.erasedAgain} persons had come back with an older copy of the store and are erased again`]
  if (api.missingLog !== null) notes.push(api.missingLog)
  return { client, url: null, notes, close: api.close }
}

/** The person that a command acts as when nobody was named: one who can only look. */
const DEFAULT_PERSON = 'vera'

function tokenOf(options: ConnectOptions, env: Env): string {
  if (options.token !== undefined && options.as !== undefined)
    throw new SignalboxError('USAGE', '`--token` and `--as` both say who asks: give one of them')
  const given = options.token ?? (options.as === undefined ? env.SIGNALBOX_TOKEN : undefined)
  if (given !== undefined && given !== '') return given
  const people = readDevPeople(resolve(options.data))
  if (!people)
    throw new SignalboxError(
      'AUTH_REQUIRED',
      `\`${options.data}\` has no development tokens: give --token, set SIGNALBOX_TOKEN, or name the folder with --data`,
    )
  const name = options.as ?? DEFAULT_PERSON
  const found = people.find((each) => each.person === name)
  if (found) return found.token
  throw new SignalboxError(
    'AUTH_REQUIRED',
    `there is no \`${name}\` among the people of \`${options.data}\`: --as takes ${people.map((each) => each.person).join(', ')}`,
  )
}
