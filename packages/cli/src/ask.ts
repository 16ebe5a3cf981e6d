import { readFileSync } from 'node:fs'
import { SignalboxError } from 'signalbox/errors'

/** JSON given as text, or as `@file`. Throws USAGE naming the option. */
export function jsonOption(text: string, option: string): unknown {
  const source = text.startsWith('@') ? readText(text.slice(1), option) : text
  try {
    return JSON.parse(source)
  } catch (cause) {
    const what = text.startsWith('@') ? `the file of \`${option}\`` : `\`${option}\``
    throw new SignalboxError('USAGE', `${what} is not valid JSON: quote it, or write it to a file and give @file`, {
      cause,
    })
  }
}

function readText(path: string, option: string): string {
  try {
    return readFileSync(path, 'utf8')
  } catch (cause) {
    throw new SignalboxError('USAGE', `\`${path}\` of \`${option}\` cannot be read: check the path`, { cause })
  }
}

/** A whole number option. Throws USAGE naming the option and its range. */
export function intOption(option: string, least: number, most: number): (text: string) => number {
  return (text) => {
    const value = Number(text)
    if (/^\d+$/.test(text) && value >= least && value <= most) return value
    throw new SignalboxError('USAGE', `\`${option}\` must be a whole number from ${least} to ${most}, not \`${text}\``)
  }
}

/** A number option, such as `0.5`. Throws USAGE naming the option and its range. */
export function numberOption(option: string, least: number, most: number): (text: string) => number {
  return (text) => {
    const value = Number(text)
    if (/^\d+(\.\d+)?$/.test(text) && value >= least && value <= most) return value
    throw new SignalboxError('USAGE', `\`${option}\` must be a number from ${least} to ${most}, not \`${text}\``)
  }
}

const UNITS = { s: 1, m: 60, h: 3_600, d: 86_400 } as const

/** A length of time such as `15m`, `2h` or `5d`, as seconds. Throws USAGE naming the option. */
export function secondsOption(option: string, most: number): (text: string) => number {
  return (text) => {
    const [, digits = '', unit = ''] = /^(\d{1,6})([smhd])$/.exec(text) ?? []
    // The expression lets only these four letters pass.
    const seconds = digits === '' ? 0 : Number(digits) * UNITS[unit as keyof typeof UNITS]
    if (seconds > 0 && seconds <= most) return seconds
    throw new SignalboxError('USAGE', `\`${option}\` must be a time such as 15m, 2h or 5d, not \`${text}\``)
  }
}
