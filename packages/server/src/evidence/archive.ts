/**
 * The archive of a bundle: a plain tar file (ustar) of regular files, written in one way only. What is read is written again
 * and compared, so that no byte of the file can be changed without being noticed.
 */

/** Files by name, in the order of the archive. */
export type ArchiveFiles = ReadonlyMap<string, Uint8Array>

const BLOCK = 512
const encoder = new TextEncoder()

/** The bytes of an archive. Names are ASCII of at most 100 characters. Throws RangeError for another one. */
export function writeArchive(files: ArchiveFiles): Uint8Array {
  const parts = [...files].flatMap(([name, bytes]) => [headerOf(name, bytes.length), bytes, padding(bytes.length)])
  return Buffer.concat([...parts, new Uint8Array(2 * BLOCK)])
}

/** The files of an archive, or null when a byte of it is not as `writeArchive` writes it. */
export function readArchive(bytes: Uint8Array): ArchiveFiles | null {
  const files = new Map<string, Uint8Array>()
  for (let at = 0; at + BLOCK <= bytes.length; ) {
    const header = bytes.subarray(at, at + BLOCK)
    if (header[0] === 0) break
    const name = textAt(header, 0, 100)
    const size = Number.parseInt(textAt(header, 124, 12), 8)
    if (!Number.isSafeInteger(size) || size < 0 || files.has(name)) return null
    files.set(name, bytes.subarray(at + BLOCK, at + BLOCK + size))
    at += BLOCK + Math.ceil(size / BLOCK) * BLOCK
  }
  try {
    return Buffer.compare(writeArchive(files), bytes) === 0 ? files : null
  } catch {
    return null
  }
}

function headerOf(name: string, size: number): Uint8Array {
  if (!/^[\x21-\x7e]{1,100}$/.test(name)) throw new RangeError(`\`${name}\` is no name of an archive`)
  const header = new Uint8Array(BLOCK)
  const put = (at: number, text: string): void => header.set(encoder.encode(text), at)
  const octal = (value: number, digits: number): string => `${value.toString(8).padStart(digits, '0')}\0`
  put(0, name)
  put(100, octal(0o600, 7))
  put(108, octal(0, 7))
  put(116, octal(0, 7))
  put(124, octal(size, 11))
  // The time is in the manifest, which is signed.
  put(136, octal(0, 11))
  put(148, ' '.repeat(8))
  put(156, '0')
  put(257, 'ustar\x0000')
  put(
    148,
    `${octal(
      header.reduce((sum, byte) => sum + byte, 0),
      6,
    )} `,
  )
  return header
}

function padding(size: number): Uint8Array {
  return new Uint8Array((BLOCK - (size % BLOCK)) % BLOCK)
}

function textAt(header: Uint8Array, at: number, length: number): string {
  const text = Buffer.from(header.subarray(at, at + length)).toString('latin1')
  const end = text.indexOf('\0')
  return end < 0 ? text : text.slice(0, end)
}
