/**
 * The outside world as one HTTP server on the loopback: the bank and the records service, the log of every request,
 * and, for tests, faults on order.
 */
import { existsSync, mkdirSync, readFileSync } from 'node:fs'
import type { Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { createAdaptorServer, type HttpBindings } from '@hono/node-server'
import { RESPONSE_ALREADY_SENT } from '@hono/node-server/utils/response'
import { type Context, Hono } from 'hono'
import type { ContentfulStatusCode } from 'hono/utils/http-status'
import { z } from 'zod'
import { bankRoutes, senderOf } from './bank.ts'
import { type BankStore, openBank, sha256 } from './bank-store.ts'
import { delay, type Now } from './clock.ts'
import { WorldError, type WorldErrorCode } from './errors.ts'
import { type FaultDesk, FaultMode, FaultOrder, HIT_STAGES, makeFaultDesk, type Passage } from './faults.ts'
import { type Ledger, LedgerSeed, openLedger } from './ledger.ts'
import { type Knock, opens } from './locks.ts'
import { recordsRoutes } from './records.ts'

/** Where the world keeps its files and what it serves. Port 0 takes a free port. */
export interface WorldOptions {
  readonly dataFolder: string
  readonly inboxFolder: string
  readonly ledgerFile: string
  readonly bind: string
  readonly port: number
  readonly testFaults: boolean
  /** The key of each tool, without which nothing is written; null asks for none. */
  readonly keys?: Readonly<Record<string, string>> | null
  readonly now: Now
}

/** A world that answers. `close` ends open connections, held ones too, and closes its files. */
export interface RunningWorld {
  readonly port: number
  readonly baseUrl: string
  close(): Promise<void>
}

const STATUS: Record<WorldErrorCode, ContentfulStatusCode> = {
  invoice_unreadable: 422,
  not_found: 404,
  already_deleted: 410,
  already_recalled: 409,
  bad_request: 400,
  invalid_payee_iban: 422,
  invalid_payee_name: 422,
  invalid_amount: 422,
  invalid_currency: 422,
  invalid_reference: 422,
  invalid_notification: 422,
  idempotency_key_required: 400,
  idempotency_key_reused: 409,
  insufficient_funds: 402,
  not_authorized: 401,
  internal_error: 500,
  bad_answer: 500,
  port_in_use: 500,
}

const MAX_BODY_CHARACTERS = 65_536

type Env = { Bindings: HttpBindings }

/**
 * Opens the files and listens.
 *
 * @throws WorldError `bad_request` for an address that is not of the loopback or a ledger file that is missing or
 *   wrong, `port_in_use`
 */
export async function startWorld(options: WorldOptions): Promise<RunningWorld> {
  if (!['127.0.0.1', '::1', 'localhost'].includes(options.bind)) {
    throw new WorldError(
      'bad_request',
      `\`--bind ${options.bind}\` is refused: this bank has no locks, use \`127.0.0.1\``,
    )
  }
  const seed = readSeed(options.ledgerFile)
  mkdirSync(options.dataFolder, { recursive: true })
  const store = openBank(options.dataFolder)
  const ledger = openLedger(join(options.dataFolder, 'ledger.sqlite'), seed)
  ledger.registerArrivals(options.inboxFolder)
  const app = worldApp(store, ledger, options)
  // createAdaptorServer gives an HTTP/1 server when no createServer is named.
  const server = createAdaptorServer({ fetch: app.fetch }) as Server
  const port = await listen(server, options).catch((error: unknown) => {
    store.close()
    ledger.close()
    throw error
  })
  const host = options.bind.includes(':') ? `[${options.bind}]` : options.bind
  const close = async (): Promise<void> => {
    const closed = new Promise<void>((resolve) => server.close(() => resolve()))
    server.closeAllConnections()
    await closed
    store.close()
    ledger.close()
  }
  return { port, baseUrl: `http://${host}:${port}`, close }
}

function readSeed(path: string): LedgerSeed {
  if (!existsSync(path)) throw new WorldError('bad_request', `ledger file \`${path}\` is missing`, { file: path })
  try {
    return LedgerSeed.parse(JSON.parse(readFileSync(path, 'utf8')))
  } catch {
    throw new WorldError('bad_request', `ledger file \`${path}\` does not hold a ledger`, { file: path })
  }
}

function listen(server: Server, { port, bind }: WorldOptions): Promise<number> {
  return new Promise((resolve, reject) => {
    server.once('error', (error: NodeJS.ErrnoException) => {
      const taken = error.code === 'EADDRINUSE'
      reject(
        taken ? new WorldError('port_in_use', `port \`${port}\` is in use; choose another with \`--port\``) : error,
      )
    })
    // A server that listens on a port has an address of this shape.
    server.listen(port, bind, () => resolve((server.address() as AddressInfo).port))
  })
}

function worldApp(store: BankStore, ledger: Ledger, options: WorldOptions): Hono<Env> {
  const app = new Hono<Env>()
  const desk = makeFaultDesk()
  const closedDoor = Response.json({ code: 'not_found', message: 'there is no such place here' }, { status: 404 })
  app.onError((error, c) => answerError(error, c))
  app.notFound(() => closedDoor.clone())
  if (options.testFaults) app.route('/', testRoutes(desk, ledger))
  app.use('*', async (c, next) => {
    const body = await c.req.text()
    const sender = senderOf(c, options.now)
    const requestId = store.logArrival({
      method: c.req.method,
      path: c.req.path,
      query: new URL(c.req.url).search,
      run_id: sender.run_id,
      traceparent: c.req.header('traceparent') ?? null,
      idempotency_key: sender.idempotency_key,
      body_sha256: sha256(body),
      received_at: sender.now,
    })
    const passage = desk.enter(c.req.method, c.req.path, sender.run_id)
    if (body.length > MAX_BODY_CHARACTERS) {
      c.res = answerError(new WorldError('bad_request', `the body is longer than ${MAX_BODY_CHARACTERS} characters`), c)
    } else if (options.keys && !opens(options.keys, knockOf(c))) {
      c.res = answerError(new WorldError('not_authorized', 'send the key of the tool that this request is for'), c)
    } else if ((await pass(c, passage, next)) === 'lost') {
      return RESPONSE_ALREADY_SENT
    }
    store.logAnswer(requestId, c.res.status, options.now())
    passage.reach('answered')
    return c.res
  })
  app.route('/', bankRoutes(store, options.now))
  app.route('/', recordsRoutes(ledger, options.inboxFolder, options.now))
  return app
}

function knockOf(c: Context): Knock {
  return { method: c.req.method, path: c.req.path, authorization: c.req.header('authorization') }
}

/** Takes a request through its fault. `lost` means that the connection was destroyed and nothing can be answered. */
async function pass(c: Context<Env>, passage: Passage, next: () => Promise<void>): Promise<'answered' | 'lost'> {
  const { mode } = passage
  const failed = new WorldError('internal_error', 'the bank failed, as a test ordered')
  if (mode === 'hang_before_booking') await passage.held()
  if (mode === 'delay_ms') await delay(passage.delayMs).done
  if (mode === 'error_500_before') {
    c.res = answerError(failed, c)
    return 'answered'
  }
  await next()
  passage.reach('took_effect')
  if (mode === 'book_then_hang') await passage.held()
  if (mode === 'error_500_after') c.res = answerError(failed, c)
  if (mode !== 'book_then_reset') return 'answered'
  c.env.incoming.socket.destroy()
  return 'lost'
}

/** An error as the API tells it: `{code, message, field?}`. What is not a `WorldError` shows nothing of itself. */
function answerError(error: unknown, c: Context): Response {
  const known = error instanceof WorldError ? error : new WorldError('internal_error', 'the service failed')
  if (known !== error) console.error(error)
  const field = known.field === undefined ? {} : { field: known.field }
  return c.json({ code: known.code, message: known.message, ...field }, STATUS[known.code])
}

const HitParameters = z.object({
  path: z.string().optional(),
  mode: FaultMode.optional(),
  stage: z.enum(HIT_STAGES).default('arrived'),
  count: z.coerce.number().int().min(1).default(1),
  timeout_ms: z.coerce.number().int().min(0).max(60_000).default(10_000),
})

/** The tests' own door; it is there only when the world was started with `--test-faults`, and is not logged. */
function testRoutes(desk: FaultDesk, ledger: Ledger): Hono {
  const app = new Hono()
  const accept = <T>(schema: z.ZodType<T>, value: unknown): T => {
    const parsed = schema.safeParse(value)
    if (parsed.success) return parsed.data
    throw new WorldError('bad_request', z.prettifyError(parsed.error))
  }
  app.post('/test/faults', async (c) => {
    desk.order(accept(FaultOrder, await c.req.json()))
    return c.json({ ordered: true })
  })
  app.delete('/test/faults', (c) => {
    desk.clear()
    return c.json({ cleared: true })
  })
  app.post('/test/faults/release', (c) => c.json({ released: desk.release() }))
  app.get('/test/faults/hits', async (c) => {
    const { timeout_ms: timeoutMs, ...query } = accept(HitParameters, c.req.query())
    return c.json({ hits: await desk.hits({ ...query, timeoutMs }) })
  })
  app.post('/test/ledger', async (c) => {
    ledger.add(accept(LedgerSeed.pick({ vendors: true, purchase_orders: true }), await c.req.json()))
    return c.json({ added: true })
  })
  return app
}
