/** Decimal numbers as written, without the rounding of binary fractions. */

const NUMBER = /^(-?)(\d+)(?:\.(\d+))?(?:[eE]([+-]?\d{1,3}))?$/

/**
 * The text of a number such as `1.25e-07` times ten to the power of `places`, as a whole number. Null when it is
 * negative, no number, or would not be whole: nothing is ever rounded.
 */
export function scaledExactly(text: string, places: number): bigint | null {
  const match = NUMBER.exec(text.trim())
  if (!match || match[1] === '-') return null
  const fraction = match[3] ?? ''
  const digits = `${match[2] ?? ''}${fraction}`
  const shift = Number(match[4] ?? '0') - fraction.length + places
  if (shift >= 0) return BigInt(digits) * 10n ** BigInt(shift)
  const divisor = 10n ** BigInt(-shift)
  const value = BigInt(digits)
  return value % divisor === 0n ? value / divisor : null
}

/** A number as JavaScript writes it, the shortest decimal that means it, times ten to the power of `places`; rounded up. */
export function scaledUp(value: number, places: number): bigint | null {
  if (!Number.isFinite(value) || value < 0) return null
  const text = String(value)
  const whole = scaledExactly(text, places)
  if (whole !== null) return whole
  const finer = scaledExactly(text, places + 40)
  return finer === null ? null : finer / 10n ** 40n + 1n
}

/** A whole number of billionths as a decimal with no more places than it needs: `125000000` as `0.125`. */
export function billionthsText(value: bigint): string {
  const fraction = (value % 1_000_000_000n).toString().padStart(9, '0').replace(/0+$/, '')
  const whole = (value / 1_000_000_000n).toString()
  return fraction === '' ? whole : `${whole}.${fraction}`
}
