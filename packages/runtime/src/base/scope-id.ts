/**
 * Names of nested scopes (ENGINE R20). An activation is called `<scope>.<superstep>.<node>.<delivery>`, an ask of it
 * `<activation>/<position>/<ordinal>`, and the scope that an ask enters is called as the ask.
 */

/** The scope of the run itself. A nested scope is called as the key of the ask that entered it (ENGINE R20). */
export const ROOT_SCOPE = 'root'

/** The scope that an activation belongs to: its id without superstep, node and delivery, none of which has a dot. */
export function scopeOf(activation: string): string {
  // Every record of a run comes by here, and nearly all of them are of the run itself.
  return activation.includes('/') ? activation.split('.').slice(0, -3).join('.') : ROOT_SCOPE
}

/** The activation that entered a scope; null for the run itself. */
export function enteredBy(scope: string): string | null {
  return scope === ROOT_SCOPE ? null : scope.split('/').slice(0, -2).join('/')
}

/** The nodes that lead to a scope, outermost first; none for the run itself. */
export function scopePath(scope: string): readonly string[] {
  const owner = enteredBy(scope)
  if (owner === null) return []
  return [...scopePath(scopeOf(owner)), owner.split('.').at(-2) ?? '']
}

/** The node with the nodes around it, such as `enrich/look-up`. */
export function nodePath(scope: string | undefined, node: string): string {
  return [...scopePath(scope ?? ROOT_SCOPE), node].join('/')
}

/** The node of an activation with the nodes around it. */
export function activationPath(activation: string, node: string): string {
  return nodePath(scopeOf(activation), node)
}

/** The superstep of the run in which an activation or a nested scope lies. */
export function runSuperstep(id: string): number {
  return Number(id.split('.')[1])
}

/** True for the id of an activation, or the key of an ask, that belongs to a scope or to one inside it. */
export function isWithin(id: string, scope: string): boolean {
  return id.startsWith(`${scope}.`)
}
