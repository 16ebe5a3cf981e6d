/**
 * Restate: one server process and one worker process that this one is. A step is one `ctx.run`, whose result (message
 * and state) is in the server's log before the next begins. The server flushes its log by default.
 */
import { spawn } from 'node:child_process'
import { createServer as createHttp2 } from 'node:http2'
import { createServer as createPort } from 'node:net'
import { join } from 'node:path'
import { type Context, createEndpointHandler, service } from '@restatedev/restate-sdk'
import { answerOf, messageOf, resultOf, stateOf } from './payload.ts'
import { serve } from './serve.ts'

const [folder = '.', sync = 'full'] = process.argv.slice(2)

function freePort(): Promise<number> {
  return new Promise((resolve) => {
    const probe = createPort().listen(0, '127.0.0.1', () => {
      const address = probe.address()
      probe.close(() => resolve(typeof address === 'object' && address ? address.port : 0))
    })
  })
}

interface Task {
  readonly each: number
}

const bench = service({
  name: 'bench',
  handlers: {
    steps: async (ctx: Context, { each }: Task) => {
      for (let step = 0; step < each; step++)
        await ctx.run('step', () => ({ left: each - step, step, text: messageOf(step), work: stateOf(step) }))
      return { each }
    },
    turns: async (ctx: Context, { each }: Task) => {
      for (let turn = 0; turn < each; turn++) {
        await ctx.run('model', () => ({ turn, text: answerOf(turn) }))
        await ctx.run('tool', () => ({ turn, text: resultOf(turn) }))
      }
      return { each }
    },
  },
})

const worker = createHttp2(createEndpointHandler({ services: [bench] }))
const workerPort = await freePort()
worker.listen(workerPort, '127.0.0.1')

const [ingress, admin, node] = [await freePort(), await freePort(), await freePort()]
const binary = join(
  import.meta.dirname,
  '../node_modules/@restatedev',
  `restate-server-${process.platform}-${process.arch}`,
  'bin/restate-server',
)
const server = spawn(
  binary,
  [
    '--base-dir',
    join(folder, 'restate'),
    '--bind-ip',
    '127.0.0.1',
    '--listen-mode',
    'tcp',
    '--node-name',
    'bench',
    '--no-logo',
  ],
  {
    stdio: 'ignore',
    env: {
      ...process.env,
      RESTATE_DISABLE_TELEMETRY: 'true',
      DO_NOT_TRACK: '1',
      RESTATE_LOG_FILTER: 'error',
      RESTATE_INGRESS__BIND_PORT: String(ingress),
      RESTATE_ADMIN__BIND_PORT: String(admin),
      RESTATE_BIND_PORT: String(node),
      ...(sync === 'off' && {
        RESTATE_LOG_SERVER__ROCKSDB_DISABLE_WAL_FSYNC: 'true',
        RESTATE_BIFROST__LOCAL__ROCKSDB_DISABLE_WAL_FSYNC: 'true',
      }),
    },
  },
)
process.on('disconnect', () => {
  server.kill('SIGKILL')
  process.exit(0)
})

async function post(port: number, path: string, body: object): Promise<Response> {
  return fetch(`http://127.0.0.1:${port}${path}`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(body),
  })
}

async function register(): Promise<void> {
  const until = performance.now() + 60_000
  for (;;) {
    const answer = await post(admin, '/deployments', { uri: `http://127.0.0.1:${workerPort}` }).catch(() => null)
    if (answer?.ok) return
    if (performance.now() > until) throw new Error(`restate-server did not answer: ${await answer?.text()}`)
    await new Promise((resolve) => setTimeout(resolve, 100))
  }
}
await register()

async function together(runs: number, handler: 'steps' | 'turns', each: number): Promise<void> {
  await Promise.all(
    Array.from({ length: runs }, async () => {
      const answer = await post(ingress, `/bench/${handler}`, { each })
      if (!answer.ok) throw new Error(`Restate answered ${answer.status}: ${await answer.text()}`)
      await answer.json()
    }),
  )
}

serve({
  steps: (runs, each) => together(runs, 'steps', each),
  turns: (runs, each) => together(runs, 'turns', each),
  bytes: () => 0,
  close: async () => {
    worker.close()
    await new Promise((resolve) => {
      server.once('exit', resolve)
      server.kill('SIGTERM')
      setTimeout(() => server.kill('SIGKILL'), 5_000).unref()
    })
  },
})
