export { workflow } from './builder.ts'
export { toDot, toMermaid } from './diagram.ts'
export { appended, owned, port, reduced } from './fields.ts'
export {
  type Addressed,
  type FieldWrite,
  type Finished,
  inDeliveryOrder,
  numberDeliveries,
  type Sent,
} from './order.ts'
export { REJECTION as Rejection } from './rejection.ts'
export { type Delivery, type Drop, type Routed, route, routeStart } from './route.ts'
export { describeDifference, type Describable, type Signed, sign } from './signature.ts'
export { type Applied, applyWrites, type Merged, mergeWrites } from './state.ts'
export type * from './types.ts'
