/**
 * Reads what a process wrote to files, and when it flushed them, from the output of strace: what a machine that loses
 * its power would have kept.
 */

/** What a traced process left, at its end. */
export interface Traced {
  /** Lines that it wrote to its standard output and that begin with `ack `, in order. */
  readonly acks: readonly string[]
  /** Acknowledgements before which nothing was flushed since the one before. */
  readonly unflushed: number
  readonly flushes: number
  /** Each file as of its last flush, by path. */
  readonly files: ReadonlyMap<string, Buffer>
}

/** Arguments of strace: one file for each thread, the bytes in full, the path of each descriptor. */
export function straceArguments(output: string): string[] {
  const calls = 'trace=pwrite64,write,ftruncate,fdatasync,fsync'
  return ['strace', '-ff', '-qq', '-y', '-xx', '-s', '1000000', '-e', calls, '-e', 'signal=none', '-o', output]
}

interface Image {
  now: Buffer
  flushed: Buffer
}

const WRITE = /^pwrite64\(\d+<(.+?)>, "((?:\\x[0-9a-f]{2})*)", (\d+), (\d+)\)\s+= (\d+)$/
const CUT = /^ftruncate\(\d+<(.+?)>, (\d+)\)\s+= 0$/
const FLUSH = /^f(?:data)?sync\(\d+<(.+?)>\)\s+= 0$/
const SAID = /^write\(1<.+?>, "((?:\\x[0-9a-f]{2})*)"/

/** Plays the trace of one thread back over files that were flushed as `before`. Paths are those that strace prints. */
export function playTrace(trace: string, before: ReadonlyMap<string, Buffer>): Traced {
  const images = new Map([...before].map(([path, bytes]) => [path, { now: bytes, flushed: bytes }]))
  const imageOf = (path: string): Image => {
    const plain = unescaped(path).toString()
    const image = images.get(plain) ?? { now: Buffer.alloc(0), flushed: Buffer.alloc(0) }
    images.set(plain, image)
    return image
  }
  const acks: string[] = []
  let flushes = 0
  let unflushed = 0
  let isFresh = false
  for (const line of trace.split('\n')) {
    const write = WRITE.exec(line)
    const cut = CUT.exec(line)
    const flush = FLUSH.exec(line)
    const said = SAID.exec(line)
    if (write) put(imageOf(write[1] ?? ''), unescaped(write[2] ?? ''), Number(write[4]))
    else if (cut) cutAt(imageOf(cut[1] ?? ''), Number(cut[2]))
    else if (flush) {
      const image = imageOf(flush[1] ?? '')
      image.flushed = image.now
      flushes += 1
      isFresh = true
    } else if (said) {
      const text = unescaped(said[1] ?? '').toString()
      if (!text.startsWith('ack ')) continue
      acks.push(text.trim())
      if (!isFresh) unflushed += 1
      isFresh = false
    }
  }
  return { acks, flushes, unflushed, files: new Map([...images].map(([path, image]) => [path, image.flushed])) }
}

function unescaped(text: string): Buffer {
  if (!text.includes('\\x')) return Buffer.from(text)
  return Buffer.from(text.replaceAll('\\x', ''), 'hex')
}

function put(image: Image, bytes: Buffer, at: number): void {
  const length = Math.max(image.now.length, at + bytes.length)
  const next = Buffer.alloc(length)
  image.now.copy(next)
  bytes.copy(next, at)
  image.now = next
}

function cutAt(image: Image, length: number): void {
  const next = Buffer.alloc(length)
  image.now.copy(next)
  image.now = next
}
