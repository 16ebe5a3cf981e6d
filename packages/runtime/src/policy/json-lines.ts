const TOKEN = /"(?:[^"\\]|\\.)*"|[{}[\]:,]|[^\s{}[\]:,"]+/g

/** Where the values of a JSON text stand, so that an error can name a line. */
export interface JsonLines {
  /** Line (from 1) of the value at the path, or of the nearest parent that exists. */
  lineOf(path: readonly PropertyKey[]): number
  /** Keys given twice in one object, of which JSON would silently keep the last. */
  readonly duplicates: readonly { readonly key: string; readonly line: number }[]
}

/** Line (from 1) of a character offset. */
export function lineAtOffset(text: string, offset: number): number {
  let line = 1
  for (let at = text.indexOf('\n'); at !== -1 && at < offset; at = text.indexOf('\n', at + 1)) line += 1
  return line
}

/** Reads the places of all values. The text must be valid JSON. */
export function jsonLines(text: string): JsonLines {
  const tokens = [...text.matchAll(TOKEN)]
  const places = new Map<string, number>()
  const duplicates: { key: string; line: number }[] = []
  let at = 0
  const line = () => lineAtOffset(text, tokens[at]?.index ?? 0)
  const take = () => tokens[at++]?.[0]

  const members = (path: string, seen: Set<string>): void => {
    const where = line()
    const key = String(JSON.parse(take() ?? '""'))
    if (seen.has(key)) duplicates.push({ key, line: where })
    seen.add(key)
    at += 1
    value(`${path}\0${key}`, where)
  }
  const items = (close: string, each: (index: number) => void): void => {
    if (tokens[at]?.[0] === close) return void take()
    let index = 0
    do each(index++)
    while (take() === ',')
  }
  const value = (path: string, where: number): void => {
    places.set(path, where)
    const token = take()
    const seen = new Set<string>()
    if (token === '{') items('}', () => members(path, seen))
    else if (token === '[') items(']', (index) => value(`${path}\0${index}`, line()))
  }
  value('', line())
  return { duplicates, lineOf: (path) => nearest(places, path) }
}

function nearest(places: ReadonlyMap<string, number>, path: readonly PropertyKey[]): number {
  for (let length = path.length; length >= 0; length--) {
    const found = places.get(
      path
        .slice(0, length)
        .map((key) => `\0${String(key)}`)
        .join(''),
    )
    if (found !== undefined) return found
  }
  return 1
}
