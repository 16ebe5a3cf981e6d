import { createColors } from 'picocolors'

/** Where a command writes. Text goes to `text`, the machine's answer to `json`; a command calls one of each. */
export interface Output {
  readonly json: boolean
  /** Columns that a table may take. */
  readonly width: number
  readonly color: Colors
  /** Human text on stdout; nothing with --json. */
  text(text: string): void
  /** One JSON value on stdout, only with --json. */
  data(value: unknown): void
  /** A remark on stderr. */
  note(text: string): void
}

/** Colours, or the same functions without any. */
export type Colors = ReturnType<typeof createColors>

/** The streams and environment of a process, as far as output needs them. */
export interface Terminal {
  readonly stdout: { write(text: string): unknown; readonly isTTY?: boolean; readonly columns?: number }
  readonly stderr: { write(text: string): unknown }
  readonly env: Readonly<Record<string, string | undefined>>
}

/** Output of one command. Colours only on a terminal that did not ask for none. */
export function outputOf(terminal: Terminal, json: boolean): Output {
  const { stdout, stderr, env } = terminal
  const plain = json || stdout.isTTY !== true || (env.NO_COLOR ?? '') !== '' || env.TERM === 'dumb'
  return {
    json,
    width: Math.max(60, stdout.isTTY ? (stdout.columns ?? 80) : 80),
    color: createColors(!plain),
    text: (text) => {
      if (!json) stdout.write(`${text}\n`)
    },
    data: (value) => {
      if (json) stdout.write(`${JSON.stringify(value)}\n`)
    },
    note: (text) => stderr.write(`${text}\n`),
  }
}

/** A column: its title, and how a row fills it. `grow` marks the one that gives way when the table is too wide. */
export interface Column<R> {
  readonly title: string
  readonly of: (row: R) => string
  readonly grow?: boolean
  readonly right?: boolean
}

/** Rows as a table of at most `width` columns. Control characters of untrusted text are shown as dots. */
export function table<R>(rows: readonly R[], columns: readonly Column<R>[], width: number): string {
  const cells = rows.map((row) => columns.map((column) => printable(column.of(row))))
  const widths = columns.map((column, at) => Math.max(column.title.length, ...cells.map((row) => row[at]?.length ?? 0)))
  const over = widths.reduce((sum, each) => sum + each + 2, -2) - width
  const growing = columns.findIndex((column) => column.grow)
  if (over > 0 && growing >= 0) widths[growing] = Math.max(8, (widths[growing] ?? 0) - over)
  const line = (row: readonly string[]): string =>
    row
      .map((cell, at) => fit(cell, widths[at] ?? 0, columns[at]?.right === true))
      .join('  ')
      .trimEnd()
  return [line(columns.map((column) => column.title.toUpperCase())), ...cells.map(line)].join('\n')
}

function fit(text: string, width: number, right: boolean): string {
  const cut = text.length > width ? `${text.slice(0, Math.max(0, width - 1))}…` : text
  return right ? cut.padStart(width) : cut.padEnd(width)
}

/** Text without control and invisible characters, so that untrusted text cannot move the cursor, change colours or hide. */
export function printable(text: string): string {
  return text.replace(/[\p{Cc}\p{Cf}\u2028\u2029]/gu, '·')
}

/** Text that keeps its lines, each indented and made printable. */
export function indented(text: string, by = '  '): string {
  return text
    .split('\n')
    .map((line) => `${by}${printable(line)}`)
    .join('\n')
}

/** Text folded at spaces to the width. It keeps its own indentation; the lines that follow get `indent` in front. */
export function folded(text: string, width: number, indent = ''): string {
  const clean = printable(text)
  const lead = /^ */.exec(clean)?.[0] ?? ''
  const lines: string[] = []
  let line = lead
  for (const word of clean.slice(lead.length).split(' ')) {
    const empty = line.trim() === ''
    if (!empty && line.length + 1 + word.length > width) {
      lines.push(line)
      line = `${indent}${word}`
    } else line = empty ? `${line}${word}` : `${line} ${word}`
  }
  return [...lines, line].join('\n')
}
