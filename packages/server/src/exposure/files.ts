import { closeSync, openSync, readdirSync, readSync, statSync } from 'node:fs'
import { basename, join, resolve } from 'node:path'
import { SignalboxError } from 'signalbox'
import { ioError } from '../dev/io.ts'
import type { Piece } from './pieces.ts'
import { databasePieces } from './tables.ts'

const CHUNK = 4_194_304
/** A secret over the edge of two chunks is in the second one whole. */
const OVERLAP = 65_536
const SQLITE = 'SQLite format 3\u0000'

/** The files of a data folder as bytes: databases with what belongs to them, or all others. */
export async function* bytePieces(
  paths: readonly string[],
  { databases }: { readonly databases: boolean },
): AsyncIterable<Piece> {
  for (const file of everyFile(paths)) {
    const isDatabase = /\.db(?:-wal|-shm|-journal)?$/.test(file)
    if (isDatabase === databases) yield* chunks(file, isDatabase)
  }
}

/** Logs, exports and backups: a database is read by its tables as well as by its bytes. */
export async function* filePieces(paths: readonly string[]): AsyncIterable<Piece> {
  for (const file of everyFile(paths)) {
    const isDatabase = headOf(file) === SQLITE
    yield* chunks(file, isDatabase)
    if (!isDatabase) continue
    for (const piece of databasePieces(file, null)) yield { ...piece, where: { file: basename(file), ...piece.where } }
  }
}

/** The names of all files and folders. */
export async function* namePieces(paths: readonly string[]): AsyncIterable<Piece> {
  let number = 0
  for (const file of everyFile(paths)) {
    number += 1
    // The name is what may hold the secret: it is told by its place in the list.
    yield { text: file, where: { file_number: number }, explained: null }
  }
}

/** Files below the paths, sorted. Throws INPUT_INVALID for a path that is not there, and the codes of `ioError`. */
function everyFile(paths: readonly string[]): readonly string[] {
  return paths.flatMap((path) => {
    const full = resolve(path)
    try {
      const stat = statSync(full)
      if (stat.isFile()) return [full]
      const names = readdirSync(full, { recursive: true, encoding: 'utf8' }).sort()
      return names.map((name) => join(full, name)).filter((name) => statSync(name, { throwIfNoEntry: false })?.isFile())
    } catch (cause) {
      if (cause instanceof Error && 'code' in cause && cause.code === 'ENOENT')
        throw new SignalboxError('INPUT_INVALID', `there is no \`${full}\` to search: name a file or a folder`, {
          cause,
        })
      throw ioError(cause, full)
    }
  })
}

function headOf(path: string): string {
  const file = openSync(path, 'r')
  try {
    const head = Buffer.alloc(SQLITE.length)
    const length = readSync(file, head, 0, head.length, 0)
    return head.toString('latin1', 0, length)
  } finally {
    closeSync(file)
  }
}

function* chunks(path: string, isBytes: boolean): Iterable<Piece> {
  const file = openSync(path, 'r')
  try {
    const buffer = Buffer.alloc(CHUNK + OVERLAP)
    let kept = 0
    let at = 0
    while (true) {
      const length = readSync(file, buffer, kept, CHUNK, at)
      if (length === 0) return
      const end = kept + length
      const text = buffer.toString('utf8', 0, end)
      const where = { file: safeName(path), from_byte: at - kept }
      yield { text, where, explained: null, ...(isBytes ? { bytes: true as const } : {}) }
      kept = Math.min(OVERLAP, end)
      buffer.copyWithin(0, end - kept, end)
      at += length
    }
  } finally {
    closeSync(file)
  }
}

/** A name as it may be told: unusual ones could hold what is searched. */
function safeName(path: string): string {
  const name = basename(path)
  return /^[\w.-]{1,80}$/.test(name) ? name : '_OTHER'
}
