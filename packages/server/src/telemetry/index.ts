export { startTelemetry, type TelemetryHandle, type TelemetryOptions } from './exporter.ts'
export { type Environment, telemetrySettings } from './settings.ts'
