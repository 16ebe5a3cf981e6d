/** A receiver of messages on loopback. */
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'

export interface Pager {
  readonly url: string
  /** Refuses the next message. */
  readonly refuseNext: () => void
  readonly close: () => Promise<void>
}

/** Starts a receiver that takes every message, but for those that it was told to refuse. */
export async function startPager(): Promise<Pager> {
  let refused = 0
  const server = createServer((request, response) => {
    request.resume()
    request.on('end', () => {
      response.writeHead(refused > 0 ? 500 : 204).end()
      refused = Math.max(0, refused - 1)
    })
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return {
    // A listening TCP server has an address with a port.
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/hook`,
    refuseNext: () => {
      refused += 1
    },
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve())
        server.closeAllConnections()
      }),
  }
}
