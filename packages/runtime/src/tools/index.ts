export {
  type CredentialDef,
  type CredentialSource,
  type CredentialUse,
  fromCommand,
  fromEnvironment,
  fromFile,
  fromProvider,
  type IssuedCredential,
} from './credential-sources.ts'
export { CredentialKeeper, type CredentialStatus, type KeeperParts } from './credentials.ts'
export { type GuardedFetchOptions, guardedFetch } from './fetch.ts'
export { readHosts } from './hosts.ts'
export { mediatedModels } from './mediated.ts'
export { runIn } from './place.ts'
export { ToolFailure, tool } from './tool.ts'
export { traceEnv, traceMeta } from './trace.ts'
export { outsideWatch } from './watch.ts'
