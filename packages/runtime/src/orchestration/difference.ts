import { canonicalJson, type JsonObject, type JsonValue } from '../base/json.ts'

/** What a part of the description is called in a sentence. */
const WORDS: Readonly<Record<string, string>> = {
  nodes: 'node',
  edges: 'edge',
  tools: 'tool',
  fallbacks: 'fallback of node',
  state: 'state field',
}

/**
 * What changed from one description to another, one sentence each, in a fixed order; empty when nothing did.
 * Unknown parts are compared too, so that a description of an older format shows its differences.
 */
export function describeDifference(before: JsonObject, after: JsonObject): string[] {
  const lines: string[] = []
  compareParts(objectAt(before, 'graph'), objectAt(after, 'graph'), lines)
  compareNamed('state', objectAt(before, 'state'), objectAt(after, 'state'), lines)
  const [old, now] = [before, after].map((one) => objectAt(objectAt(one, 'graph'), 'scopes'))
  if (old && now) compareScopes(old, now, lines)
  return lines
}

/** Nested workflows are compared like any other; what differs is told with their name in front. */
function compareScopes(before: JsonObject, after: JsonObject, lines: string[]): void {
  for (const name of keysOf(before, after)) {
    if (!Object.hasOwn(before, name)) lines.push(`nested workflow \`${name}\` was added`)
    else if (!Object.hasOwn(after, name)) lines.push(`nested workflow \`${name}\` was removed`)
    else
      for (const line of describeDifference(objectAt(before, name), objectAt(after, name)))
        lines.push(`in \`${name}\`: ${line}`)
  }
}

function compareParts(before: JsonObject, after: JsonObject, lines: string[]): void {
  for (const part of keysOf(before, after)) {
    if (part === 'scopes') continue
    const named = Object.hasOwn(WORDS, part)
    if (named) compareNamed(part, objectAt(before, part), objectAt(after, part), lines)
    else if (part.endsWith('_order')) compareOrder(part, before[part], after[part], lines)
    else compareValue(`\`${part}\``, before[part], after[part], lines)
  }
}

function compareNamed(part: string, before: JsonObject, after: JsonObject, lines: string[]): void {
  const word = WORDS[part] ?? part
  for (const name of keysOf(before, after)) {
    if (!Object.hasOwn(before, name)) lines.push(`${word} \`${name}\` was added`)
    else if (!Object.hasOwn(after, name)) lines.push(`${word} \`${name}\` was removed`)
    else if (part === 'tools') {
      if (before[name] !== after[name]) lines.push(`${word} \`${name}\` is defined differently`)
    } else compareValue(`${word} \`${name}\``, before[name], after[name], lines)
  }
}

/** Order matters only among names that both have; added and removed ones are told elsewhere. */
function compareOrder(
  part: string,
  before: JsonValue | undefined,
  after: JsonValue | undefined,
  lines: string[],
): void {
  const [old, now] = [before, after].map((list) => (Array.isArray(list) ? list.map(String) : []))
  if (!old || !now) return
  const same = (list: readonly string[], other: readonly string[]): string =>
    list.filter((name) => other.includes(name)).join(' ')
  if (same(old, now) !== same(now, old)) lines.push(`the order of the ${part.replace('_order', 's')} changed`)
}

function compareValue(
  where: string,
  before: JsonValue | undefined,
  after: JsonValue | undefined,
  lines: string[],
  path: readonly string[] = [],
): void {
  const key = path.at(-1)
  if (key === 'properties' || key === 'required' || key === 'enum') compareSchemaPart(where, before, after, lines, path)
  else compareInside(where, before, after, lines, path)
}

function compareInside(
  where: string,
  before: JsonValue | undefined,
  after: JsonValue | undefined,
  lines: string[],
  path: readonly string[],
): void {
  if (isObject(before) && isObject(after)) {
    for (const key of keysOf(before, after)) compareValue(where, before[key], after[key], lines, [...path, key])
  } else if (text(before) !== text(after)) {
    const place = path.length === 0 ? where : `${where}: \`${path.join('.')}\``
    lines.push(`${place} changed from ${shown(before)} to ${shown(after)}`)
  }
}

/** Parts of a JSON Schema that are lists of names: what was added, what was removed. */
function compareSchemaPart(
  where: string,
  before: JsonValue | undefined,
  after: JsonValue | undefined,
  lines: string[],
  path: readonly string[],
): void {
  const place = (name: string): string => `${where}: \`${[...path.slice(0, -1), name].join('.')}\``
  if (isObject(before) && isObject(after)) {
    for (const name of keysOf(before, after)) {
      if (!Object.hasOwn(before, name)) lines.push(`${place(name)} was added (${typeText(after[name])})`)
      else if (!Object.hasOwn(after, name)) lines.push(`${place(name)} was removed`)
      else compareValue(where, before[name], after[name], lines, [...path, name])
    }
    return
  }
  const [old, now] = [before ?? [], after ?? []]
  if (!Array.isArray(old) || !Array.isArray(now)) {
    compareInside(where, before, after, lines, path)
    return
  }
  const required = path.at(-1) === 'required'
  const key = path.slice(0, -1).join('.')
  const say = (value: JsonValue, is: boolean): string => {
    if (required) return `${place(String(value))} ${is ? 'must be there now' : 'need not be there any more'}`
    return `${where}: \`${key}\` ${is ? 'also takes' : 'no longer takes'} ${shown(value)}`
  }
  for (const value of now) if (!old.some((one) => text(one) === text(value))) lines.push(say(value, true))
  for (const value of old) if (!now.some((one) => text(one) === text(value))) lines.push(say(value, false))
}

function typeText(schema: JsonValue | undefined): string {
  const type = isObject(schema) ? schema.type : undefined
  return typeof type === 'string' ? type : 'any of several types'
}

function shown(value: JsonValue | undefined): string {
  if (value === undefined) return 'nothing'
  const json = text(value)
  return /^"[0-9a-f]{64}"$/.test(json)
    ? `\`${json.slice(1, 13)}\``
    : `\`${json.length > 120 ? `${json.slice(0, 117)}...` : json}\``
}

function text(value: JsonValue | undefined): string {
  return value === undefined ? '' : canonicalJson(value)
}

function keysOf(a: JsonObject, b: JsonObject): string[] {
  return [...new Set([...Object.keys(a), ...Object.keys(b)])].sort()
}

function isObject(value: JsonValue | undefined): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

function objectAt(object: JsonObject, key: string): JsonObject {
  const value = object[key]
  return isObject(value) ? value : {}
}
