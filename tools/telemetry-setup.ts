/**
 * Runs beside every test: what the engine stores in this process is projected, and a test whose runs break the telemetry
 * contract fails. Nothing is loaded before a test has stored something.
 */
import { subscribe, unsubscribe } from 'node:diagnostics_channel'
import { afterAll, afterEach } from 'vitest'
import { type Eyes, type Told, TelemetryWatch } from './lib/telemetry-watch.ts'

/** Tests that plant records that no engine writes, by the end of their path, with the reason. */
const EXEMPT: Readonly<Record<string, string>> = {}

type Projection = ReturnType<typeof import('../packages/runtime/src/observability/index.ts')['projectRecords']>

const watch = new TelemetryWatch<Projection>()

const take = (message: unknown): void => {
  // The channel has one publisher, whose messages have this form.
  watch.take(message as Told)
}
subscribe('signalbox:stored', take)
// The next file in this process has a watch of its own: runs of two files may have the same id.
afterAll(() => {
  unsubscribe('signalbox:stored', take)
})

async function eyes(): Promise<Eyes<Projection>> {
  const { checkTelemetry } = await import('../packages/runtime/src/observability/checker.ts')
  const { projectRecords } = await import('../packages/runtime/src/observability/project.ts')
  return {
    // The watch gives back the state of the same projection, and records that the engine wrote.
    project: (state, records) =>
      projectRecords(state as Projection['state'] | null, records as Parameters<typeof projectRecords>[1]),
    check: (telemetry) => checkTelemetry(telemetry),
  }
}

/** Throws when what was stored since the last call breaks the contract. `path` is the file of the test that stored it. */
export async function refuseBreaks(path: string): Promise<void> {
  if (!watch.pending) return
  if (Object.keys(EXEMPT).some((exempt) => path.endsWith(exempt))) return watch.forget()
  const found = watch.violations(await eyes())
  if (found.length > 0) throw new Error(`the telemetry of this test breaks its contract:\n${found.join('\n')}`)
}

afterEach(({ task }) => refuseBreaks(task.file.filepath))
