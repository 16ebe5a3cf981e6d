import { readFile, stat } from 'node:fs/promises'
import { extname, join, normalize, sep } from 'node:path'

const TYPES: Readonly<Record<string, string>> = {
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
  '.svg': 'image/svg+xml',
  '.png': 'image/png',
  '.ico': 'image/x-icon',
  '.json': 'application/json',
  '.woff2': 'font/woff2',
  '.txt': 'text/plain; charset=utf-8',
}

/** A file of the console, or its first page for the paths that the page itself understands; null when there is neither. */
export async function consoleFile(dir: string, path: string): Promise<Response | null> {
  const wanted = inside(dir, path)
  const file = wanted !== null && (await isFile(wanted)) ? wanted : null
  // A path with an extension asks for a file; answering it with the page would hide that it is missing.
  if (file === null && extname(path) !== '') return null
  const found = file ?? join(dir, 'index.html')
  if (!(await isFile(found))) return null
  const immutable = found.includes(`${sep}assets${sep}`)
  return new Response(await readFile(found), {
    headers: {
      'content-type': TYPES[extname(found)] ?? 'application/octet-stream',
      'cache-control': immutable ? 'public, max-age=31536000, immutable' : 'no-cache',
    },
  })
}

function inside(dir: string, path: string): string | null {
  let decoded: string
  try {
    decoded = decodeURIComponent(path)
  } catch {
    return null
  }
  if (decoded.includes('\0')) return null
  const root = normalize(dir + sep)
  const wanted = normalize(join(root, decoded))
  return wanted.startsWith(root) && wanted !== root ? wanted : null
}

async function isFile(path: string): Promise<boolean> {
  return await stat(path).then(
    (found) => found.isFile(),
    () => false,
  )
}
