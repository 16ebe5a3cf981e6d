/** The collector is away, the sending process is killed, the collector comes back: what arrived against what had to. */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { openSqliteStore, projectRecords, systemHost } from 'signalbox'
import { Collector, completeHistory } from 'signalbox/testing'
import { put } from './stored.ts'

const SENDER = fileURLToPath(new URL('export-once.ts', import.meta.url))

/** What arrived of what had to; both are empty when all did. */
export interface Arrived {
  readonly runs: number
  readonly spans: number
  readonly effects: number
  /** Ids that never came. */
  readonly missing: readonly string[]
  /** Ids that came and that no record gives. */
  readonly foreign: readonly string[]
  /** Batches that were acknowledged before the kill. */
  readonly before: number
}

/** `loseOne` is the planted fault: what arrives of one span is not seen. */
export async function collectorAway(runs: number, loseOne = false): Promise<Arrived> {
  const folder = mkdtempSync(join(tmpdir(), 'collector-away-'))
  const path = join(folder, 'signalbox.db')
  const wanted = new Set<string>()
  const store = await openSqliteStore({ path, host: systemHost })
  for (let n = 0; n < runs; n++) {
    const told = completeHistory(`run_01${String(n).padStart(20, '0')}`)
    await put(store, told)
    const { spans, logs } = projectRecords(null, told.records())
    for (const span of spans) wanted.add(`span ${span.traceId} ${span.spanId}`)
    for (const { traceId, attributes } of logs)
      if (attributes['signalbox.effect.hash']) wanted.add(`effect ${traceId} ${attributes['signalbox.effect.hash']}`)
  }
  await store.close()
  const port = await freePort()
  const collector = new Collector()
  const senders: ChildProcess[] = []
  try {
    senders.push(await sending(path, port, 'telemetry waits for its collector'))
    await collector.listen(port)
    await collector.until(() => collector.bodies.length >= 2)
    await killed(senders[0])
    const before = collector.bodies.length
    senders.push(await sending(path, port, null))
    const [lost] = loseOne ? wanted : []
    const [all, kept] = [new Set<string>(), new Set<string>()]
    let read = 0
    await collector.until(() => {
      for (; read < collector.bodies.length; read++)
        for (const id of idsOf(collector.bodies[read]?.body ?? '{}')) {
          all.add(id)
          if (id !== lost) kept.add(id)
        }
      return all.size >= wanted.size
    })
    const found = kept
    return {
      runs,
      spans: [...wanted].filter((each) => each.startsWith('span')).length,
      effects: [...wanted].filter((each) => each.startsWith('effect')).length,
      missing: [...wanted].filter((each) => !found.has(each)),
      foreign: [...found].filter((each) => !wanted.has(each)),
      before,
    }
  } finally {
    for (const sender of senders) await killed(sender)
    await collector.close()
    rmSync(folder, { recursive: true, force: true })
  }
}

interface Value {
  readonly key: string
  readonly value: { readonly stringValue?: string }
}
interface Item {
  readonly traceId?: string
  readonly spanId?: string
  readonly name?: string
  readonly attributes?: readonly Value[]
}
interface Body {
  readonly resourceSpans?: readonly { readonly scopeSpans: readonly { readonly spans: readonly Item[] }[] }[]
  readonly resourceLogs?: readonly { readonly scopeLogs: readonly { readonly logRecords: readonly Item[] }[] }[]
}

/** Ids of spans, and effect hashes of log events, each with its trace. */
function idsOf(text: string): Set<string> {
  const found = new Set<string>()
  // Written by the exporter in the JSON form of OTLP.
  const body = JSON.parse(text) as Body
  for (const { scopeSpans } of body.resourceSpans ?? [])
    for (const span of scopeSpans.flatMap((each) => each.spans)) found.add(`span ${span.traceId} ${span.spanId}`)
  for (const { scopeLogs } of body.resourceLogs ?? [])
    for (const log of scopeLogs.flatMap((each) => each.logRecords)) {
      const hash = log.attributes?.find(({ key }) => key === 'signalbox.effect.hash')?.value.stringValue
      if (hash !== undefined) found.add(`effect ${log.traceId} ${hash}`)
    }
  return found
}

/** Starts a sender, and waits for a line of it. */
async function sending(path: string, port: number, until: string | null): Promise<ChildProcess> {
  const args = ['--no-warnings', '--conditions=signalbox-source', SENDER, path, `http://127.0.0.1:${port}`]
  const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit'] })
  if (until === null) return child
  let output = ''
  for await (const part of child.stdout) {
    output += String(part)
    if (output.includes(until)) break
  }
  return child
}

async function killed(child: ChildProcess | undefined): Promise<void> {
  if (!child || child.exitCode !== null || child.signalCode !== null) return
  const closed = once(child, 'exit')
  child.kill('SIGKILL')
  await closed
}

/** A port on which nothing listens yet. */
async function freePort(): Promise<number> {
  const server = createServer()
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const address = server.address()
  await new Promise((resolve) => server.close(resolve))
  if (typeof address !== 'object' || address === null) throw new Error('there is no free port')
  return address.port
}
