/**
 * Reads RFC 4180 text: comma or semicolon (whichever the first line has more of), quotes, line breaks within quotes,
 * CRLF or LF. Gives the rows, or `undefined` when a quoted value does not end or text stands behind a closing quote.
 */
export function parseCsv(body: string): string[][] | undefined {
  const separator = separatorOf(body)
  const rows: string[][] = []
  let row: string[] = []
  let at = 0
  while (at < body.length) {
    const value = readValue(body, at, separator)
    if (value === undefined) return undefined
    row.push(value.text)
    at = value.end
    if (body[at] === separator) {
      at++
      if (at === body.length) row.push('')
      continue
    }
    if (body[at] === '\r') at++
    if (body[at] === '\n') at++
    if (row.length > 1 || row[0] !== '') rows.push(row)
    row = []
  }
  if (row.length > 0) rows.push(row)
  return rows
}

function separatorOf(body: string): string {
  const head = body.slice(0, Math.max(0, body.indexOf('\n')))
  return head.split(';').length > head.split(',').length ? ';' : ','
}

/** One value from `at`, and the place behind it, which is a separator, a line end or the end of the text. */
function readValue(body: string, at: number, separator: string): { text: string; end: number } | undefined {
  if (body[at] !== '"') {
    let end = at
    while (end < body.length && body[end] !== separator && body[end] !== '\n' && body[end] !== '\r') end++
    return { text: body.slice(at, end), end }
  }
  let text = ''
  let from = at + 1
  for (;;) {
    const quote = body.indexOf('"', from)
    if (quote < 0) return undefined
    text += body.slice(from, quote)
    if (body[quote + 1] === '"') {
      text += '"'
      from = quote + 2
      continue
    }
    const after = body[quote + 1]
    const ends = after === undefined || after === separator || after === '\n' || after === '\r'
    return ends ? { text, end: quote + 1 } : undefined
  }
}

/** Writes rows as CSV with the separator; a value is quoted where it must be. Lines end with LF. */
export function formatCsv(rows: readonly (readonly (string | number)[])[], separator: ',' | ';'): string {
  const quote = (value: string): string => (/[",;\r\n]/.test(value) ? `"${value.replaceAll('"', '""')}"` : value)
  return `${rows.map((row) => row.map((value) => quote(String(value))).join(separator)).join('\n')}\n`
}
