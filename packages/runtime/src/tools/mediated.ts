import type { ModelHandle, ModelPort } from '../contracts/model.ts'
import { mediatedCall } from './place.ts'

/**
 * The same models, their sends told apart from user code's: a handler asks for a model call, but the door makes it, so
 * the watch lets it be.
 */
export function mediatedModels(models: ModelPort): ModelPort {
  const wrapped = new WeakMap<ModelHandle, ModelHandle>()
  return {
    resolve: (id) => {
      const handle = models.resolve(id)
      const known = wrapped.get(handle) ?? mediatedHandle(handle)
      wrapped.set(handle, known)
      return known
    },
    health: () => models.health?.() ?? [],
  }
}

function admission({ admit }: ModelHandle): Pick<ModelHandle, 'admit'> {
  return admit ? { admit } : {}
}

function mediatedHandle(handle: ModelHandle): ModelHandle {
  return {
    id: handle.id,
    provider: handle.provider,
    scripted: handle.scripted,
    get price() {
      return handle.price
    },
    ...(handle.priceFor ? { priceFor: handle.priceFor } : {}),
    ...(handle.retry ? { retry: handle.retry } : {}),
    ...admission(handle),
    inputUpperBound: (request) => handle.inputUpperBound(request),
    call: (request, options) => mediatedCall(() => handle.call(request, options)),
  }
}
