import { SignalboxError } from './errors.ts'

/** Cost in billionths of a US dollar. Written in JSON as a decimal string. */
export type NanoUsd = bigint

const USD = /^(\d{1,9})(?:\.(\d{1,9}))?$/

/** Reads a decimal US-dollar text such as `0.50` (at most nine decimals). Throws INPUT_INVALID. */
export function usdToNano(text: string): NanoUsd {
  const match = USD.exec(text)
  if (!match) throw new SignalboxError('INPUT_INVALID', `\`${text}\` is not a US-dollar amount such as 0.50`)
  return BigInt(match[1] ?? '0') * 1_000_000_000n + BigInt((match[2] ?? '').padEnd(9, '0'))
}

/** Writes a cost as a decimal US-dollar text with at least two decimals, such as `0.0125`. */
export function nanoToUsd(nano: NanoUsd): string {
  const sign = nano < 0n ? '-' : ''
  const value = nano < 0n ? -nano : nano
  const fraction = (value % 1_000_000_000n)
    .toString()
    .padStart(9, '0')
    .replace(/0{1,7}$/, '')
  return `${sign}${value / 1_000_000_000n}.${fraction}`
}

/** Reads a decimal string of nano-dollars from a stored record. Throws INPUT_INVALID. */
export function parseNano(text: string): NanoUsd {
  if (!/^-?\d{1,30}$/.test(text)) throw new SignalboxError('INPUT_INVALID', `\`${text}\` is not an integer amount`)
  return BigInt(text)
}
