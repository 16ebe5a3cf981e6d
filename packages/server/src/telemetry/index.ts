export { startTelemetry } from './exporter.ts'
