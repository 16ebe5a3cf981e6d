export { startTelemetry, type TelemetryHandle } from './exporter.ts'
export { telemetryStanding } from './standing.ts'
