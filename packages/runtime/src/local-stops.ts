/** Stops of this machine: a file, and a signal. They work without the store. */
import { readFileSync, statSync } from 'node:fs'
import { sha256Hex } from './base/hash.ts'
import { EVERY_TENANT, type KillSwitch, type LocalStops, SWITCH_MODES, SWITCH_SCOPES } from './contracts/switches.ts'

/** What a stop file says; everything is optional, and an empty file stops everything. */
interface StopFile {
  readonly tenant: string
  readonly scope: KillSwitch['scope']
  readonly target: string
  readonly mode: KillSwitch['mode']
  readonly reason: string
  readonly by: string
}

/** Stops of this process. */
export interface ProcessStops extends LocalStops {
  /** Stops everything in this process until it ends. `at` in milliseconds since 1970. */
  stopAll(reason: string, at: number): void
}

/**
 * Stops by a file, looked at before each send, and by `stopAll`. The file holds JSON such as
 * `{"scope": "tool", "target": "payments.pay", "mode": "stop_now", "reason": "odd payments"}`; whatever else is in it, or
 * a file that cannot be read, stops everything. Removing it lets go of it here; once it is on record it stands there.
 */
export function localStops({ path }: { readonly path: string | null }): ProcessStops {
  let mark = ''
  let fromFile: readonly KillSwitch[] = []
  let bySignal: readonly KillSwitch[] = []
  return {
    stops: () => {
      const now = path === null ? '' : markOf(path)
      if (now !== mark && path !== null) {
        fromFile = now === '' ? [] : [readStop(path, now)]
        mark = now
      }
      return bySignal.length === 0 ? fromFile : [...fromFile, ...bySignal]
    },
    stopAll: (reason, at) => {
      if (bySignal.length > 0) return
      bySignal = [stopOf({ ...EVERYTHING, reason, by: `process:${process.pid}` }, 'signal', `${process.pid}/${at}`, at)]
    },
  }
}

/** Changes with the file; empty while there is none. What cannot be looked at counts as there. */
function markOf(path: string): string {
  try {
    const stat = statSync(path, { throwIfNoEntry: false })
    return stat ? `${stat.ino}/${stat.size}/${stat.mtimeMs}` : ''
  } catch {
    return 'unreadable'
  }
}

const EVERYTHING: StopFile = {
  tenant: EVERY_TENANT,
  scope: 'global',
  target: '*',
  mode: 'stop_now',
  reason: 'stopped by a file',
  by: 'file',
}

function readStop(path: string, mark: string): KillSwitch {
  const at = Number(mark.split('/')[2]) || 0
  try {
    const text = readFileSync(path, 'utf8')
    // The same stop has the same name in every process of the machine.
    return stopOf(parse(text), 'file', `${mark}/${text}`, Math.floor(at))
  } catch {
    return stopOf(EVERYTHING, 'file', mark, Math.floor(at))
  }
}

function parse(text: string): StopFile {
  const value: unknown = JSON.parse(text)
  if (typeof value !== 'object' || value === null) return EVERYTHING
  const given = value as Readonly<Record<string, unknown>>
  const scope = SWITCH_SCOPES.find((one) => one === given.scope)
  const mode = SWITCH_MODES.find((one) => one === given.mode) ?? 'stop_now'
  const word = (field: string, otherwise: string): string => {
    const said = given[field]
    return typeof said === 'string' && said !== '' ? said : otherwise
  }
  const common = { mode, reason: word('reason', EVERYTHING.reason), by: word('by', EVERYTHING.by) }
  const target = word('target', '')
  // A scope that is not known, or without its target, stops everything rather than nothing.
  if (!scope || (target === '' && scope !== 'global' && scope !== 'tenant'))
    return { ...EVERYTHING, ...common, mode: 'stop_now' }
  const tenant = scope === 'global' ? EVERY_TENANT : word('tenant', EVERY_TENANT)
  return { ...common, scope, tenant, target: target === '' ? '*' : target }
}

function stopOf(stop: StopFile, channel: 'file' | 'signal', name: string, at: number): KillSwitch {
  return {
    id: `ksw_${channel}_${sha256Hex(name).slice(0, 20)}`,
    ...stop,
    channel,
    createdAt: at,
    expiresAt: null,
    liftedAt: null,
    liftedBy: null,
  }
}
