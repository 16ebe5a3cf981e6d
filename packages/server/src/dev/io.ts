import { SignalboxError } from 'signalbox'

/** A fault of the file system as one of the closed codes: STORE_READ_ONLY, STORE_FULL or STORE_UNAVAILABLE, with the fix. */
export function ioError(cause: unknown, path: string): SignalboxError {
  if (cause instanceof SignalboxError) return cause
  const code = cause instanceof Error && 'code' in cause ? String(cause.code) : ''
  if (code === 'EACCES' || code === 'EPERM' || code === 'EROFS')
    return new SignalboxError(
      'STORE_READ_ONLY',
      `\`${path}\` cannot be written: give this user write access, or choose another folder with --data`,
      { cause },
    )
  if (code === 'ENOSPC' || code === 'EDQUOT')
    return new SignalboxError('STORE_FULL', `no space is left for \`${path}\`: free some, then start again`, { cause })
  if (code === 'ENOTDIR' || code === 'EEXIST')
    return new SignalboxError(
      'CONFIG_INVALID',
      `\`${path}\` is in the way of the data folder: choose another folder with --data`,
      { cause },
    )
  return new SignalboxError(
    'STORE_UNAVAILABLE',
    `\`${path}\` cannot be used (${code || 'unknown fault'}): check the folder`,
    { cause },
  )
}
