import type { SchemaJson } from '@cedar-policy/cedar-wasm/nodejs'
import type { Catalogue, FieldType } from './bundle-files.ts'
import { POINT_NAMES, POINTS } from './points.ts'

/** The Cedar namespace of everything that a bundle speaks about. */
export const NAMESPACE = 'Signalbox'

/** Class of every model call. */
export const MODEL_CLASS = 'model.call'

/** One action of the generated schema, with the groups it belongs to and the fields that policy sees. */
export interface ActionShape {
  /** `tool:<name>`, `model:<name>` or `point:<name>`. */
  readonly id: string
  readonly groups: readonly string[]
  readonly input: Readonly<Record<string, FieldType>>
  readonly facts: Readonly<Record<string, FieldType>>
}

/** The actions that a catalogue gives rise to: one for each tool, model and intervention point. */
export function actionShapes(catalogue: Catalogue): readonly ActionShape[] {
  const tools = catalogue.tools.map((tool) => ({
    id: `tool:${tool.name}`,
    groups: [`class:${tool.class}`, `effect:${tool.effect}`],
    input: tool.input,
    facts: tool.facts,
  }))
  const models = catalogue.models.map((model) => ({
    id: `model:${model.name}`,
    groups: [`class:${MODEL_CLASS}`, 'effect:none'],
    input: { model: 'String' as const },
    facts: {},
  }))
  const points = POINT_NAMES.filter((name) => !POINTS[name].always).map((name) => ({
    id: `point:${name}`,
    groups: ['points'],
    input: catalogue.points[name] ?? { text: 'String' as const },
    facts: {},
  }))
  return [...tools, ...models, ...points]
}

type ActionTable = SchemaJson<string>[string]['actions']
type Attribute = Record<string, unknown> & { type: string }

const TYPES: Record<FieldType, Attribute> = {
  Long: { type: 'Long' },
  String: { type: 'String' },
  Bool: { type: 'Boolean' },
  'Set<String>': { type: 'Set', element: { type: 'String' } },
}

const record = (attributes: Readonly<Record<string, Attribute>>): Attribute => ({ type: 'Record', attributes })
const fieldsOf = (fields: Readonly<Record<string, FieldType>>): Attribute =>
  record(Object.fromEntries(Object.entries(fields).map(([name, type]) => [name, TYPES[type]])))
const entity = (name: string): Attribute => ({ type: 'Entity', name })

const APPROVAL = {
  ...record({ id: TYPES.String, approver: entity('User'), bound: TYPES.Bool, fresh: TYPES.Bool }),
  required: false,
}
const ORIGIN = record({ labelled: TYPES.Bool, given: TYPES['Set<String>'], unproven: TYPES['Set<String>'] })
const LABELS = record({ integrity: TYPES.Long, marks: TYPES['Set<String>'] })

/**
 * The typed schema of the given actions. A class or effect is an action group; without this schema a group would match
 * nothing, and a forbid on it would be silently without force.
 */
export function cedarSchema(shapes: readonly ActionShape[]): SchemaJson<string> {
  const actions: Record<string, unknown> = {}
  for (const effect of ['none', 'reversible', 'irreversible']) actions[`effect:${effect}`] = {}
  actions.points = {}
  actions[`class:${MODEL_CLASS}`] = {}
  for (const shape of shapes) {
    for (const group of shape.groups) actions[group] = {}
    const context = record({
      input: fieldsOf(shape.input),
      facts: fieldsOf(shape.facts),
      labels: LABELS,
      origin: ORIGIN,
      approval: APPROVAL,
    })
    actions[shape.id] = {
      memberOf: shape.groups.map((id) => ({ id })),
      appliesTo: { principalTypes: ['Run'], resourceTypes: ['Target'], context },
    }
  }
  const person = record({ tenant: TYPES.String, kind: TYPES.String })
  const run = record({
    workflow: TYPES.String,
    agent: { ...TYPES.String, required: false },
    mode: TYPES.String,
    user: entity('User'),
    tenant: TYPES.String,
  })
  const entityTypes = {
    Role: {},
    User: { memberOfTypes: ['Role'], shape: person },
    Run: { shape: run },
    Target: { shape: record({ tenant: TYPES.String }) },
  }
  // Built from plain data above; the package's recursive generic types cannot be inferred through the helpers.
  return { [NAMESPACE]: { entityTypes: entityTypes as never, actions: actions as ActionTable } }
}
