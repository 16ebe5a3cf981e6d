/** Runs a command of the workspace and collects what it prints. */
import { spawn } from 'node:child_process'

/** How a command ended. `code` is 1 when it could not be started or was ended by a signal. */
export interface Ended {
  readonly code: number
  readonly output: string
}

/** Runs a program of `node_modules/.bin` under the present Node and waits for its end. Never rejects. */
export function run(command: string, args: readonly string[], cwd: string): Promise<Ended> {
  return new Promise((resolve) => {
    const env = {
      ...process.env,
      NO_COLOR: '1',
      FORCE_COLOR: '0',
      PATH: `${cwd}/node_modules/.bin:${process.env.PATH ?? ''}`,
    }
    const child = spawn(command, args, { cwd, env, stdio: ['ignore', 'pipe', 'pipe'] })
    let output = ''
    child.stdout.on('data', (chunk: Buffer) => {
      output += chunk.toString()
    })
    child.stderr.on('data', (chunk: Buffer) => {
      output += chunk.toString()
    })
    child.on('error', (error) => resolve({ code: 1, output: `${output}${error.message}` }))
    child.on('close', (code) => resolve({ code: code ?? 1, output }))
  })
}
