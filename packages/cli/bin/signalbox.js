#!/usr/bin/env node
// Starts the terminal: from the compiled files of an installed package, or, in a checkout, from the TypeScript source.
import { spawn } from 'node:child_process'
import { existsSync } from 'node:fs'
import { constants } from 'node:os'
import { fileURLToPath } from 'node:url'

const LEAST = [22, 18]
const [major = 0, minor = 0] = process.versions.node.split('.').map(Number)
// The workspace of a checkout is the folder that holds packages/; a published package has none around it.
const inCheckout = existsSync(new URL('../../runtime/src/index.ts', import.meta.url))
const source = fileURLToPath(new URL('../src/main.ts', import.meta.url))

if (major < LEAST[0] || (major === LEAST[0] && minor < LEAST[1])) {
  console.error(
    `signalbox needs Node ${LEAST.join('.')} or newer, and this is ${process.versions.node}: install Node 24`,
  )
  process.exitCode = 1
} else if (inCheckout && existsSync(source)) {
  startFromSource()
} else {
  await import('../dist/main.js')
}

function startFromSource() {
  const args = ['--conditions=signalbox-source', source, ...process.argv.slice(2)]
  let child
  // Listening comes before starting: a signal in between would end this process and leave the other one behind.
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, () => child?.kill(signal))
  // What was compiled is kept for the next start, which then takes half the time.
  const cache = fileURLToPath(new URL('../../../node_modules/.cache/signalbox-compiled', import.meta.url))
  child = spawn(process.execPath, args, { stdio: 'inherit', env: { NODE_COMPILE_CACHE: cache, ...process.env } })
  child.on('error', (error) => {
    console.error(`signalbox could not start: ${error.message}`)
    process.exitCode = 1
  })
  child.on('close', (code, signal) => {
    // As a shell reports it: 128 and the number of the signal.
    process.exitCode = code ?? 128 + (constants.signals[signal] ?? 0)
  })
}
