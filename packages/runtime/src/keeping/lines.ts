/** Lines of a file, written and read one at a time, with a digest over the bytes so far. */
import { createHash } from 'node:crypto'
import { closeSync, fsyncSync, openSync, readSync, writeSync } from 'node:fs'
import { SignalboxError } from '../base/errors.ts'

const PART_BYTES = 1 << 20
/** A line longer than this is no line of an export. */
const MAX_LINE_BYTES = 1 << 28

/** Writes lines to a new file that only its owner can read. */
export class LineWriter {
  readonly #file: number
  readonly #digest = createHash('sha256')
  #parts: string[] = []
  #pending = 0

  constructor(path: string) {
    this.#file = openSync(path, 'wx', 0o600)
  }

  /** Adds one value as a line of JSON. */
  add(value: unknown): void {
    const line = `${JSON.stringify(value)}\n`
    this.#digest.update(line)
    this.#parts.push(line)
    this.#pending += line.length
    if (this.#pending >= PART_BYTES) this.#write()
  }

  /** SHA-256 (hex) over the bytes of the lines so far. */
  digest(): string {
    return this.#digest.copy().digest('hex')
  }

  /** Makes everything durable. */
  flush(): void {
    this.#write()
    fsyncSync(this.#file)
  }

  close(): void {
    closeSync(this.#file)
  }

  #write(): void {
    const bytes = Buffer.from(this.#parts.join(''))
    this.#parts = []
    this.#pending = 0
    for (let at = 0; at < bytes.length; ) at += writeSync(this.#file, bytes, at)
  }
}

/** One line as it was read. */
export interface ReadLine {
  /** From 1. */
  readonly number: number
  readonly text: string
  /** SHA-256 (hex) over the bytes of the lines before this one. */
  readonly digestBefore: () => string
}

/** The lines of an open file from its start. A last line without a newline is told as INPUT_INVALID: the file was cut. */
export function* readLines(file: number): Generator<ReadLine> {
  const digest = createHash('sha256')
  const part = Buffer.allocUnsafe(PART_BYTES)
  let rest: Buffer[] = []
  let restBytes = 0
  let number = 0
  for (let at = 0; ; ) {
    const read = readSync(file, part, 0, PART_BYTES, at)
    if (read === 0) break
    at += read
    let from = 0
    for (let end = part.indexOf(10, from); end >= 0 && end < read; end = part.indexOf(10, from)) {
      const bytes = Buffer.concat([...rest, part.subarray(from, end + 1)])
      rest = []
      restBytes = 0
      from = end + 1
      const before = digest.copy()
      yield {
        number: ++number,
        text: bytes.toString('utf8', 0, bytes.length - 1),
        digestBefore: () => before.digest('hex'),
      }
      digest.update(bytes)
    }
    rest.push(Buffer.from(part.subarray(from, read)))
    restBytes += read - from
    if (restBytes > MAX_LINE_BYTES) throw lineFault(number + 1, 'is too long to be one of an export')
  }
  if (restBytes > 0) throw lineFault(number + 1, 'is cut off: the file is not whole')
}

/** What is wrong with a line of an export. */
export function lineFault(line: number, what: string): SignalboxError {
  return new SignalboxError('INPUT_INVALID', `line ${line} of the export ${what}; nothing was imported`, {
    details: { line },
  })
}
