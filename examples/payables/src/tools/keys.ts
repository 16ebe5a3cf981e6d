/** The keys of the outside world: each tool of the desk has its own, made anew whenever the world starts. */
import { type CredentialDef, fromEnvironment, type Host } from 'signalbox'
import { ENVIRONMENT_ACCESS } from './world.ts'

/** Every tool of the desk. */
const TOOLS = [
  'records.match',
  'records.vendor',
  'records.purchase_order',
  'records.payments',
  'payments.pay',
  'payments.pay_legacy',
  'payments.recall',
  'records.archive',
  'mail.send',
  'desk.propose_hold',
] as const

/** Keys by tool. */
export type WorldKeys = Readonly<Record<string, string>>

/** The variable that holds the key of a tool. */
export function keyVariable(tool: string): string {
  return `SIGNALBOX_PAYABLES_KEY_${tool.replaceAll('.', '_').toUpperCase()}`
}

/** New keys, one for each tool. */
export function makeKeys(host: Pick<Host, 'randomBytes'>): WorldKeys {
  return Object.fromEntries(TOOLS.map((tool) => [tool, Buffer.from(host.randomBytes(24)).toString('base64url')]))
}

/** What a process needs in its environment to use the keys. */
export function keyEnvironment(keys: WorldKeys): Readonly<Record<string, string>> {
  return Object.fromEntries(Object.entries(keys).map(([tool, key]) => [keyVariable(tool), key]))
}

/** The credential of each tool: its key, sent to the outside world only. */
export function deskCredentials(): Readonly<Record<string, CredentialDef>> {
  const hosts = (): readonly string[] => [new URL(ENVIRONMENT_ACCESS.url()).host]
  return Object.fromEntries(TOOLS.map((tool) => [tool, fromEnvironment(keyVariable(tool), { hosts })]))
}
