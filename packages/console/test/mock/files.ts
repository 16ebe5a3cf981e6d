import { readFile } from 'node:fs/promises'
import type { ServerResponse } from 'node:http'
import { extname, join } from 'node:path'

const TYPES: Readonly<Record<string, string>> = {
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
  '.svg': 'image/svg+xml',
}

/** Serves a built file, or the first page for every address without an extension. */
export async function consoleFile(dir: string, path: string, response: ServerResponse): Promise<void> {
  const name = extname(path) === '' || path.includes('..') ? '/index.html' : path
  const type = TYPES[extname(name)] ?? 'application/octet-stream'
  try {
    const bytes = await readFile(join(dir, name))
    response.writeHead(200, { 'content-type': type })
    response.end(bytes)
  } catch {
    response.writeHead(404, { 'content-type': 'text/plain' })
    response.end('not found: build the console first with `npm run build --workspace @signalbox/console`')
  }
}
