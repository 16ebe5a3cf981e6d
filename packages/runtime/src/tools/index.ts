export { type GuardedFetchOptions, guardedFetch, type SendEnd, type SendEvent } from './fetch.ts'
export { mediatedCall, type Place, placeNow, runIn } from './place.ts'
export { ToolFailure, tool } from './tool.ts'
export { type OutsideCall, outsideWatch } from './watch.ts'
