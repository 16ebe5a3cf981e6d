import { createHash } from 'node:crypto'
import { type Notice, traceIdOf } from 'signalbox'

/**
 * The trace of a message: that of its run, when it tells of one run alone, with a span id of the message, equal at each
 * attempt; `baggage` only for a host that is trusted with the run.
 */
export function traceHeaders(
  deliveryId: string,
  notices: readonly Pick<Notice, 'runId'>[],
  url: string,
  baggageHosts: readonly string[] = [],
): Readonly<Record<string, string>> {
  const [runId, ...more] = new Set(notices.map((each) => each.runId))
  if (runId === null || runId === undefined || more.length > 0) return {}
  const span = createHash('sha256').update(`delivery\n${deliveryId}`).digest('hex').slice(0, 16)
  const traceparent = `00-${traceIdOf(runId)}-${span}-01`
  return isTrusted(url, baggageHosts) ? { traceparent, baggage: `signalbox.run.id=${runId}` } : { traceparent }
}

function isTrusted(text: string, hosts: readonly string[]): boolean {
  if (!URL.canParse(text)) return false
  const url = new URL(text)
  const port = url.port || (url.protocol === 'https:' ? '443' : '80')
  return hosts.includes(`${url.hostname}:${port}`)
}
