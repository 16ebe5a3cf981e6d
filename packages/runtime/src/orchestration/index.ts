export { workflow } from './builder.ts'
export { appended, owned, port, REJECTION as Rejection, reduced } from './fields.ts'
export { describeDifference, sign } from './signature.ts'
export type * from './types.ts'
