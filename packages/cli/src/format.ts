import type { RunStatusView } from '@signalbox/protocol'
import { nanoToUsd, parseNano } from 'signalbox'
import type { Colors } from './output.ts'

/** A cost as `$0.0025`. */
export function usd(nano: string): string {
  return `$${nanoToUsd(parseNano(nano))}`
}

/** Money in minor units with its currency, such as `1500.00 EUR`. */
export function money({ minor, currency }: { readonly minor: number; readonly currency: string }): string {
  const sign = minor < 0 ? '-' : ''
  const digits = Math.abs(minor).toString().padStart(3, '0')
  return `${sign}${digits.slice(0, -2)}.${digits.slice(-2)} ${currency}`
}

/** An ISO time as `2026-01-31 12:00:00` (UTC). */
export function time(iso: string | null): string {
  return iso === null ? '' : iso.slice(0, 19).replace('T', ' ')
}

/** True for the last time that there is: what has it as its deadline has none. */
export function isNever(iso: string): boolean {
  return Date.parse(iso) === 8_640_000_000_000_000
}

/** A principal id without its kind. */
export function who(id: string | null): string {
  return id === null ? '' : id.replace(/^user:/, '')
}

/** A run's status in the colour of how it stands. */
export function statusText(status: RunStatusView | string, color: Colors): string {
  if (status === 'completed' || status === 'succeeded') return color.green(status)
  if (status === 'waiting' || status === 'question' || status === 'unknown') return color.yellow(status)
  if (status === 'parked' || status === 'stopped' || status === 'failed' || status === 'denied' || status === 'refused')
    return color.red(status)
  return status
}

/** A bar of twenty cells for a fraction from 0 to 1. */
export function barOf(fraction: number): string {
  const filled = Math.max(0, Math.min(20, Math.round(fraction * 20)))
  return `${'█'.repeat(filled)}${'░'.repeat(20 - filled)}`
}
