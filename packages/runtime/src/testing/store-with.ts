import type { Store } from '../contracts/store.ts'

/** A store with some of its methods replaced. */
export function storeWith(inner: Store, changes: Partial<Store>): Store {
  return new Proxy(inner, {
    get: (target, name) => {
      const own = Object.hasOwn(changes, name) ? changes[name as keyof Store] : undefined
      if (own !== undefined) return own
      const value: unknown = Reflect.get(target, name)
      return typeof value === 'function' ? (value.bind(target) as unknown) : value
    },
  })
}
