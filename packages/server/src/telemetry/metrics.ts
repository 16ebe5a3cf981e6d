import { type HrTime, ValueType } from '@opentelemetry/api'
import {
  AggregationTemporality,
  type DataPoint,
  DataPointType,
  type Histogram,
  type MetricData,
} from '@opentelemetry/sdk-metrics'
import { metricOf, type MetricPoint } from 'signalbox'
import { labelsOf } from './labels.ts'

/** Seconds and nanoseconds of a time in milliseconds since 1970. */
export function hrTime(ms: number): HrTime {
  const seconds = Math.floor(ms / 1000)
  return [seconds, Math.round((ms - seconds * 1000) * 1e6)]
}

/**
 * Sums up the measurements of one batch as deltas: one data point for each metric and set of labels, over the time
 * from the first measurement of the batch to the last.
 */
export function metricDataOf(points: readonly MetricPoint[]): readonly MetricData[] {
  const times = points.map((point) => point.timeMs)
  const span = { startTime: hrTime(Math.min(...times)), endTime: hrTime(Math.max(...times)) }
  const byName = Map.groupBy(points, (point) => point.name)
  return [...byName].map(([name, own]) => dataOf(name, own, span))
}

interface Times {
  readonly startTime: HrTime
  readonly endTime: HrTime
}

function dataOf(name: MetricPoint['name'], points: readonly MetricPoint[], times: Times): MetricData {
  const { unit, brief, bounds } = metricOf(name)
  const descriptor = { name, description: brief, unit, valueType: ValueType.DOUBLE }
  const base = { descriptor, aggregationTemporality: AggregationTemporality.DELTA }
  const groups = [...Map.groupBy(points, (point) => labelsOf(point.attributes).key).values()]
  if (bounds.length === 0) {
    const dataPoints = groups.map((group) => dataPoint(group, times, sum(group)))
    return { ...base, dataPointType: DataPointType.SUM, isMonotonic: true, dataPoints }
  }
  const dataPoints = groups.map((group) => dataPoint(group, times, histogram(group, bounds)))
  return { ...base, dataPointType: DataPointType.HISTOGRAM, dataPoints }
}

function dataPoint<T>(group: readonly MetricPoint[], times: Times, value: T): DataPoint<T> {
  return { ...times, attributes: { ...group[0]?.attributes } as DataPoint<T>['attributes'], value }
}

function sum(group: readonly MetricPoint[]): number {
  return group.reduce((total, point) => total + point.value, 0)
}

function histogram(group: readonly MetricPoint[], bounds: readonly number[]): Histogram {
  const counts = new Array<number>(bounds.length + 1).fill(0)
  for (const { value } of group) {
    const at = bounds.findIndex((bound) => value <= bound)
    const bucket = at === -1 ? bounds.length : at
    counts[bucket] = (counts[bucket] ?? 0) + 1
  }
  const values = group.map((point) => point.value)
  return {
    buckets: { boundaries: [...bounds], counts },
    sum: sum(group),
    count: group.length,
    min: Math.min(...values),
    max: Math.max(...values),
  }
}
