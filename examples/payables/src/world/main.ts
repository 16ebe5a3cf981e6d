/**
 * The process of the outside world.
 *
 *   node --conditions=signalbox-source main.ts --data DIR [--port N] [--bind 127.0.0.1] [--inbox DIR] [--ledger FILE]
 *     [--with-parent] [--test-faults]
 *
 * Prints one line `{"ready":true,"port":N}` when it answers. Ends on SIGTERM and SIGINT. With `--with-parent` it ends
 * when its standard input or IPC channel closes, and leaves SIGINT, which a terminal sends to all, to its parent. A
 * wrong start prints `{"ready":false,"code":…}` and exits 1.
 */
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { systemNow } from './clock.ts'
import { WorldError } from './errors.ts'
import { WORLD_FOLDER } from './folder.ts'
import { keysOf } from './locks.ts'
import { startWorld, type WorldOptions } from './service.ts'

function readOptions(): WorldOptions & { readonly withParent: boolean } {
  const { values } = parseArgs({
    options: {
      data: { type: 'string' },
      port: { type: 'string', default: '0' },
      bind: { type: 'string', default: '127.0.0.1' },
      inbox: { type: 'string', default: join(WORLD_FOLDER, 'inbox') },
      ledger: { type: 'string', default: join(WORLD_FOLDER, 'ledger.json') },
      'with-parent': { type: 'boolean', default: false },
      'test-faults': { type: 'boolean', default: false },
    },
  })
  if (values.data === undefined) throw new WorldError('bad_request', 'name the data folder with `--data DIR`')
  const port = Number(values.port)
  if (!Number.isInteger(port) || port < 0 || port > 65_535) {
    throw new WorldError('bad_request', `\`--port ${values.port}\` is not a port; use 0 for any free one`)
  }
  return {
    dataFolder: values.data,
    inboxFolder: values.inbox,
    ledgerFile: values.ledger,
    bind: values.bind,
    port,
    testFaults: values['test-faults'],
    keys: keysOf(process.env),
    withParent: values['with-parent'],
    now: systemNow,
  }
}

async function main(): Promise<void> {
  const options = readOptions()
  const world = await startWorld(options)
  let isEnding = false
  const end = (): void => {
    if (isEnding) return
    isEnding = true
    void world.close().then(() => process.exit(0))
  }
  process.on('SIGTERM', end)
  process.on('SIGINT', options.withParent ? () => {} : end)
  if (options.withParent) {
    if (process.connected) process.on('disconnect', end)
    else process.stdin.on('end', end).on('close', end).on('error', end).resume()
  }
  console.log(JSON.stringify({ ready: true, port: world.port }))
}

main().catch((error: unknown) => {
  const code = error instanceof WorldError ? error.code : 'internal_error'
  const message = error instanceof Error ? error.message : String(error)
  console.log(JSON.stringify({ ready: false, code, message }))
  console.error(`${code}: ${message}`)
  process.exitCode = 1
})
