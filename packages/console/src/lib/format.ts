/** Numbers, money and times as people read them. Pure: the present time is an argument. */

const NANO = 1_000_000_000n

/** Nano-USD as dollars: two digits from a cent up, four below, `$0` for nothing. */
export function dollars(nanoUsd: string): string {
  const nano = BigInt(nanoUsd)
  if (nano === 0n) return '$0'
  const size = nano < 0n ? -nano : nano
  const digits = size >= NANO / 100n ? 2 : 4
  const unit = NANO / 10n ** BigInt(digits)
  const rounded = (size + unit / 2n) / unit
  if (rounded === 0n) return 'under $0.0001'
  const text = rounded.toString().padStart(digits + 1, '0')
  return `${nano < 0n ? '-' : ''}$${grouped(text.slice(0, -digits))}.${text.slice(-digits)}`
}

/** Money in minor units, such as `1,250.00 EUR`; currencies without minor units keep none. */
export function money(minor: number, currency: string): string {
  const digits = minorDigits(currency)
  return `${(minor / 10 ** digits).toLocaleString('en', { minimumFractionDigits: digits, maximumFractionDigits: digits })} ${currency}`
}

function minorDigits(currency: string): number {
  try {
    return new Intl.NumberFormat('en', { style: 'currency', currency }).resolvedOptions().maximumFractionDigits ?? 2
  } catch {
    return 2
  }
}

/** A whole number with thousands apart. */
export function grouped(text: string): string {
  return text.replace(/\B(?=(\d{3})+(?!\d))/g, ',')
}

/** Milliseconds in at most two units: `850 ms`, `12.4 s`, `3 m 20 s`, `5 h 2 m`, `4 d 1 h`. */
export function duration(ms: number): string {
  if (ms < 1000) return `${Math.max(0, Math.round(ms))} ms`
  if (ms < 59_950) return `${(ms / 1000).toFixed(1)} s`
  const seconds = Math.round(ms / 1000)
  if (seconds < 3600) return pair(seconds, 60, 'm', 1, 's')
  if (seconds < 86_400) return pair(seconds, 3600, 'h', 60, 'm')
  return pair(seconds, 86_400, 'd', 3600, 'h')
}

function pair(seconds: number, large: number, largeUnit: string, small: number, smallUnit: string): string {
  const rest = Math.floor((seconds % large) / small)
  const head = `${Math.floor(seconds / large)} ${largeUnit}`
  return rest === 0 ? head : `${head} ${rest} ${smallUnit}`
}

/** How long ago, in one unit: `just now`, `12 s ago`, `3 m ago`, `2 h ago`, `5 d ago`. */
export function age(at: string, now: number): string {
  const seconds = Math.floor((now - Date.parse(at)) / 1000)
  return seconds < 2 ? 'just now' : `${oneUnit(seconds)} ago`
}

/** The last time that there is: what has it as its deadline waits for ever. */
const NEVER = 8_640_000_000_000_000

/** Time left until a deadline, that it has passed, or that there is none. Under an hour it counts seconds. */
export function timeLeft(deadline: string, now: number): string {
  if (Date.parse(deadline) === NEVER) return 'no deadline'
  const seconds = Math.ceil((Date.parse(deadline) - now) / 1000)
  if (seconds <= 0) return 'deadline passed'
  return `${duration(seconds * 1000).replace('.0 s', ' s')} left`
}

function oneUnit(seconds: number): string {
  if (seconds < 60) return `${seconds} s`
  if (seconds < 3600) return `${Math.floor(seconds / 60)} m`
  if (seconds < 86_400) return `${Math.floor(seconds / 3600)} h`
  return `${Math.floor(seconds / 86_400)} d`
}

/** Local time to the second; the date only when it is another day than `now`. */
export function clock(at: string, now: number): string {
  const date = new Date(at)
  const time = date.toLocaleTimeString('en-GB')
  if (date.toDateString() === new Date(now).toDateString()) return time
  return `${date.toLocaleDateString('en-GB', { day: 'numeric', month: 'short', year: 'numeric' })}, ${time}`
}

/** An amount of a budget in its unit. */
export function amount(text: string, unit: 'count' | 'milliseconds' | 'nano_usd'): string {
  if (unit === 'nano_usd') return dollars(text)
  if (unit === 'milliseconds') return duration(Number(text)).replace('.0 s', ' s')
  return grouped(text)
}

/** Indents JSON text; text that is not JSON is given back as it is. */
export function prettyJson(text: string): string {
  try {
    return JSON.stringify(JSON.parse(text), null, 2)
  } catch {
    return text
  }
}

/** A sentence that starts with a capital letter, unless its first word is a name such as `user:rita` or `orders.get`. */
export function capital(text: string): string {
  if (/^\S*[:.`_/]\S/.test(text)) return text
  return text.charAt(0).toUpperCase() + text.slice(1)
}

/** The last part of a long id, so that rows stay narrow; the whole id goes into a title. */
export function shortId(id: string): string {
  return id.length <= 16 ? id : `${id.slice(0, 4)}…${id.slice(-8)}`
}
