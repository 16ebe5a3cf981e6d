/**
 * A service in a process of its own: it books whatever reaches it, by cell, and its book alone says what was done.
 * Run by `startPeer`; tells its port on standard output.
 */
import { createServer } from 'node:http'

const books = new Map<string, { payments: number; model: number; seen: string[] }>()

const bookOf = (cell: string) => {
  const book = books.get(cell) ?? { payments: 0, model: 0, seen: [] }
  books.set(cell, book)
  return book
}

const server = createServer((request, response) => {
  const [, cell = '', what = ''] = (request.url ?? '').split('/')
  let text = ''
  request.on('data', (chunk) => {
    text += String(chunk)
  })
  request.on('end', () => {
    const book = bookOf(cell)
    if (request.method === 'POST' && what === 'pay') book.payments += 1
    if (request.method === 'POST' && what === 'model') book.model += 1
    if (request.method === 'POST' && what !== 'pay') book.seen.push(text)
    response.end(JSON.stringify(what === 'pay' ? { receipt: `receipt-of-${cell}` } : book))
  })
})

server.listen(0, '127.0.0.1', () => {
  const address = server.address()
  process.stdout.write(`${typeof address === 'object' ? (address?.port ?? 0) : 0}\n`)
})
// It ends with whoever started it.
process.stdin.on('end', () => process.exit(0)).resume()
