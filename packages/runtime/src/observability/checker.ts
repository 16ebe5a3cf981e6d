import { ATTRIBUTES, type AttributeName, COMMON, ENUMS, EVENTS, METRICS, SPANS } from './contract.generated.ts'
import { attributeNames, type Conventions, metricNames, pinnedName } from './conventions.ts'
import type { AttributeValue } from './telemetry.ts'

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
    | 'wrong_name'
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
  /** Key and condition. */
  readonly conditional: readonly (readonly [string, string])[]
  readonly allowed: readonly string[]
}

const NOTHING: Capture = { content: false, identity: false }
const LINK: Rule = { required: ['signalbox.link.kind'], conditional: [], allowed: [] }

/** A span as far as the contract speaks of it. */
export interface CheckedSpan {
  /** Kind of the span in the contract. */
  readonly id: string
  readonly name: string
  readonly attributes: Values
  readonly links: readonly { readonly attributes: Values }[]
}

/** Telemetry as far as the contract speaks of it: as it was projected, or as a receiver read it. */
export interface CheckedTelemetry {
  readonly spans: readonly CheckedSpan[]
  readonly logs: readonly { readonly eventName: string; readonly attributes: Values }[]
  readonly metrics: readonly { readonly name: string; readonly value: number; readonly attributes: Values }[]
}

type Values = Readonly<Record<string, AttributeValue>>

/**
 * Compares telemetry with the contract: every key known and allowed where it stands, keys there that are required, or on a
 * condition that holds, types and closed values right, no label of high cardinality, no content or identity unless
 * captured. Names are those of the given conventions. Empty when all is right.
 */
export function checkTelemetry(
  telemetry: CheckedTelemetry,
  capture: Capture = NOTHING,
  under: Conventions = 'latest',
): readonly ContractViolation[] {
  const found: ContractViolation[] = []
  for (const { id, name, attributes, links } of telemetry.spans) {
    const rule = ruleOf(SPANS, id)
    if (!rule) found.push(violation(id, '', 'unknown_signal'))
    else found.push(...checkSignal(id, attributes, withCommon(rule, under), capture))
    if (rule && name !== spanName(id, attributes)) found.push(violation(id, name, 'wrong_name'))
    for (const link of links) found.push(...checkSignal(id, link.attributes, LINK, capture))
  }
  for (const { eventName, attributes } of telemetry.logs) {
    const rule = ruleOf(EVENTS, eventName)
    if (!rule) found.push(violation(eventName, '', 'unknown_signal'))
    else found.push(...checkSignal(eventName, attributes, withCommon(rule, under), capture))
  }
  const metrics = metricRules(under)
  for (const point of telemetry.metrics) {
    const rule = metrics.get(point.name)
    if (!rule) found.push(violation(point.name, '', 'unknown_signal'))
    else found.push(...checkSignal(point.name, point.attributes, rule, capture))
    found.push(...labelFaults(point.name, point.attributes))
    if (!Number.isFinite(point.value)) found.push(violation(point.name, 'value', 'wrong_value'))
  }
  return found
}

interface Levels {
  readonly required: string
  readonly conditional: Readonly<Record<string, string>>
  readonly recommended: string
  readonly optIn: string
}

function ruleOf(rules: Readonly<Record<string, Levels>>, name: string): Levels | undefined {
  return Object.hasOwn(rules, name) ? rules[name] : undefined
}

function withCommon(levels: Levels, under: Conventions): Rule {
  const names = (text: string): readonly string[] => words(text).flatMap((name) => attributeNames(name, under))
  return {
    required: [...names(COMMON), ...names(levels.required)],
    conditional: Object.entries(levels.conditional).flatMap(([name, condition]) =>
      attributeNames(name, under).map((each) => [each, condition] as const),
    ),
    allowed: [...names(levels.recommended), ...names(levels.optIn)],
  }
}

function metricRules(under: Conventions): ReadonlyMap<string, Rule> {
  const all = Object.entries(METRICS).flatMap(([pinned, { required, recommended }]) =>
    metricNames(pinned, under).map(({ name, labels }): [string, Rule] => {
      const names = (text: string): readonly string[] => words(text).flatMap((each) => attributeNames(each, under))
      return [name, { required: [...names(required), ...labels.keys()], conditional: [], allowed: names(recommended) }]
    }),
  )
  return new Map(all)
}

/** The name that a span of a kind has with these attributes. */
function spanName(id: string, attributes: Values): string {
  const template = Object.entries(SPANS).find(([each]) => each === id)?.[1].name ?? ''
  return template.replace(/\{(\S+)\}/, (_all, key: string) => String(attributes[key] ?? '_OTHER'))
}

function words(text: string): readonly string[] {
  return text === '' ? [] : text.split(' ')
}

function violation(signal: string, key: string, problem: ContractViolation['problem']): ContractViolation {
  return { signal, key, problem }
}

function checkSignal(signal: string, attributes: Values, rule: Rule, capture: Capture): readonly ContractViolation[] {
  const found: ContractViolation[] = []
  for (const key of rule.required) if (!Object.hasOwn(attributes, key)) found.push(violation(signal, key, 'missing'))
  for (const [key, condition] of rule.conditional)
    if (holds(condition, attributes) && !Object.hasOwn(attributes, key)) found.push(violation(signal, key, 'missing'))
  const allowed = new Set([...rule.required, ...rule.conditional.map(([key]) => key), ...rule.allowed])
  for (const [key, value] of Object.entries(attributes)) {
    const known = pinnedName(key)
    if (!isAttribute(known)) {
      found.push(violation(signal, key, 'unknown_key'))
      continue
    }
    if (!allowed.has(key)) found.push(violation(signal, key, 'not_allowed'))
    const { sensitivity } = ATTRIBUTES[known]
    if (sensitivity !== 'none' && !capture[sensitivity]) found.push(violation(signal, key, sensitivity))
    found.push(...valueFaults(signal, key, known, value))
  }
  return found
}

/** Conditions are `<attribute>`, which is there, or `<attribute> in <value> …`. */
function holds(condition: string, attributes: Values): boolean {
  const [name = '', , ...values] = words(condition)
  return Object.hasOwn(attributes, name) && (values.length === 0 || values.includes(String(attributes[name])))
}

function isAttribute(key: string): key is AttributeName {
  return Object.hasOwn(ATTRIBUTES, key)
}

function valueFaults(
  signal: string,
  key: string,
  known: AttributeName,
  value: AttributeValue,
): readonly ContractViolation[] {
  if (!hasType(value, ATTRIBUTES[known].type)) return [violation(signal, key, 'wrong_type')]
  const closed = Object.entries(ENUMS).find(([name]) => name === known)?.[1]
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

function labelFaults(signal: string, attributes: Values): readonly ContractViolation[] {
  return Object.keys(attributes)
    .filter((key) => {
      const known = pinnedName(key)
      return isAttribute(known) && ATTRIBUTES[known].cardinality === 'high'
    })
    .map((key) => violation(signal, key, 'label_cardinality'))
}
