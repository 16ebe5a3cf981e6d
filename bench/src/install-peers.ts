/**
 * Installs the products that are compared into `bench/peers/node_modules`, by their lock file. They are no part of the
 * workspace, so that `npm install` never loads them.
 */
import { spawnSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { installedPeers, PEERS } from './peers.ts'

const folder = fileURLToPath(new URL('../peers/', import.meta.url))
if (installedPeers().length < PEERS.length) {
  // What is compiled on this machine must fit the Node that runs it.
  const node = dirname(dirname(process.execPath))
  const headers = existsSync(join(node, 'include/node/node.h')) ? { npm_config_nodedir: node } : {}
  const done = spawnSync('npm', ['ci', '--no-audit', '--no-fund'], {
    cwd: folder,
    stdio: 'inherit',
    env: { ...process.env, ...headers },
  })
  if (done.status !== 0) process.exitCode = 1
}
