import { ATTRIBUTES, type AttributeName, COMMON, ENUMS, EVENTS, METRICS, SPANS } from './contract.generated.ts'
import type { AttributeValue, Attributes, Telemetry } from './telemetry.ts'

/** One place where telemetry breaks the contract. */
export interface ContractViolation {
  /** Span kind, event or metric. */
  readonly signal: string
  readonly key: string
  readonly problem:
    | 'unknown_signal'
    | 'unknown_key'
    | 'not_allowed'
    | 'missing'
    | 'wrong_type'
    | 'wrong_value'
    | 'label_cardinality'
    | 'content'
    | 'identity'
}

/** What may leave. Both are off unless the operator switched them on (Invariant 14). */
export interface Capture {
  readonly content: boolean
  readonly identity: boolean
}

interface Rule {
  readonly required: readonly string[]
  readonly allowed: readonly string[]
}

const NOTHING: Capture = { content: false, identity: false }
const LINK_KEYS: readonly string[] = ['signalbox.link.kind']

/**
 * Compares telemetry with the contract: every key known and allowed where it stands, required keys there, types and
 * closed values right, no label of high cardinality, no content or identity unless captured. Empty when all is right.
 */
export function checkTelemetry(telemetry: Telemetry, capture: Capture = NOTHING): readonly ContractViolation[] {
  const found: ContractViolation[] = []
  for (const span of telemetry.spans) {
    const rule = Object.hasOwn(SPANS, span.id) ? SPANS[span.id] : undefined
    if (!rule) found.push(violation(span.id, '', 'unknown_signal'))
    else found.push(...checkSignal(span.id, span.attributes, withCommon(rule, rule.optIn), capture))
    for (const link of span.links)
      found.push(...checkSignal(span.id, link.attributes, { required: LINK_KEYS, allowed: [] }, capture))
  }
  for (const log of telemetry.logs) {
    const rule = Object.hasOwn(EVENTS, log.eventName) ? EVENTS[log.eventName] : undefined
    if (!rule) found.push(violation(log.eventName, '', 'unknown_signal'))
    else found.push(...checkSignal(log.eventName, log.attributes, withCommon(rule), capture))
  }
  for (const point of telemetry.metrics) {
    const rule = Object.hasOwn(METRICS, point.name) ? METRICS[point.name] : undefined
    if (!rule) found.push(violation(point.name, '', 'unknown_signal'))
    else
      found.push(...checkSignal(point.name, point.attributes, { required: [], allowed: words(rule.labels) }, capture))
    found.push(...labelFaults(point.name, point.attributes))
    if (!Number.isFinite(point.value)) found.push(violation(point.name, 'value', 'wrong_value'))
  }
  return found
}

function withCommon(rule: { readonly required: string; readonly allowed: string }, optIn = ''): Rule {
  return { required: [...words(COMMON), ...words(rule.required)], allowed: [...words(rule.allowed), ...words(optIn)] }
}

function words(text: string): readonly string[] {
  return text === '' ? [] : text.split(' ')
}

function violation(signal: string, key: string, problem: ContractViolation['problem']): ContractViolation {
  return { signal, key, problem }
}

function checkSignal(
  signal: string,
  attributes: Attributes,
  rule: Rule,
  capture: Capture,
): readonly ContractViolation[] {
  const found: ContractViolation[] = []
  for (const key of rule.required) if (!Object.hasOwn(attributes, key)) found.push(violation(signal, key, 'missing'))
  for (const [key, value] of Object.entries(attributes)) {
    if (!isAttribute(key)) {
      found.push(violation(signal, key, 'unknown_key'))
      continue
    }
    if (!rule.required.includes(key) && !rule.allowed.includes(key)) found.push(violation(signal, key, 'not_allowed'))
    const { sensitivity } = ATTRIBUTES[key]
    if (sensitivity !== 'none' && !capture[sensitivity]) found.push(violation(signal, key, sensitivity))
    found.push(...valueFaults(signal, key, value))
  }
  return found
}

function isAttribute(key: string): key is AttributeName {
  return Object.hasOwn(ATTRIBUTES, key)
}

function valueFaults(
  signal: string,
  key: AttributeName,
  value: AttributeValue | undefined,
): readonly ContractViolation[] {
  if (!hasType(value, ATTRIBUTES[key].type)) return [violation(signal, key, 'wrong_type')]
  const closed = Object.entries(ENUMS).find(([name]) => name === key)?.[1]
  return closed !== undefined && !words(closed).includes(String(value)) ? [violation(signal, key, 'wrong_value')] : []
}

function hasType(value: unknown, type: (typeof ATTRIBUTES)[AttributeName]['type']): boolean {
  switch (type) {
    case 'int':
      return Number.isSafeInteger(value)
    case 'double':
      return typeof value === 'number' && Number.isFinite(value)
    case 'string[]':
      return Array.isArray(value) && value.every((each) => typeof each === 'string')
    default:
      return typeof value === type
  }
}

function labelFaults(signal: string, attributes: Attributes): readonly ContractViolation[] {
  return Object.keys(attributes)
    .filter((key) => isAttribute(key) && ATTRIBUTES[key].cardinality === 'high')
    .map((key) => violation(signal, key, 'label_cardinality'))
}
