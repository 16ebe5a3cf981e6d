export { startTelemetry, type TelemetryHandle } from './exporter.ts'
export { NUMBERS_FILE, Numbers } from './numbers.ts'
export { metricsPage, startMetrics } from './prometheus.ts'
export { telemetryStanding } from './standing.ts'
