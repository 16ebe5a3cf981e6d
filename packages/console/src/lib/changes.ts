/** One field that a reviewer changed: JSON text before and after; null where it was left out. */
export interface ChangedField {
  readonly field: string
  readonly proposed: string | null
  readonly decided: string | null
}

/** The fields in which two JSON texts differ; null where either is no object, so that they stand beside each other whole. */
export function changedFields(proposed: string, decided: string): readonly ChangedField[] | null {
  const [before, after] = [fieldsIn(proposed), fieldsIn(decided)]
  if (!before || !after) return null
  return [...new Set([...before.keys(), ...after.keys()])].flatMap((field) => {
    const [was, is] = [before.get(field) ?? null, after.get(field) ?? null]
    return was === is ? [] : [{ field, proposed: was, decided: is }]
  })
}

function fieldsIn(text: string): ReadonlyMap<string, string> | null {
  try {
    const parsed: unknown = JSON.parse(text)
    if (typeof parsed !== 'object' || parsed === null || Array.isArray(parsed)) return null
    return new Map(Object.entries(parsed).map(([field, value]) => [field, JSON.stringify(value)]))
  } catch {
    return null
  }
}
