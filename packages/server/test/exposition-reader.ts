/** Reads the text format 0.0.4 as a strict reader does; throws for what it would refuse. */

interface Read {
  readonly name: string
  readonly labels: Readonly<Record<string, string>>
  readonly value: number
}

/** What a page holds. `sum` adds up all samples of a name. */
export interface Exposition {
  readonly families: ReadonlyMap<string, string>
  readonly samples: readonly Read[]
  readonly labels: ReadonlySet<string>
  sum(name: string): number
}

const LINE = /^([a-zA-Z_:][\w:]*)(?:\{(.*)\})? (\+Inf|-?\d+(?:\.\d+)?(?:e[+-]?\d+)?)$/
const LABEL = /([a-zA-Z_]\w*)="((?:[^"\\]|\\["\\n])*)"(?:,|$)/gy

/** Reads a page. */
export function readExposition(text: string): Exposition {
  if (text !== '' && !text.endsWith('\n')) throw new Error('the last line does not end')
  const families = new Map<string, string>()
  const samples: Read[] = []
  let family = ''
  for (const line of text.split('\n').filter((each) => each !== '')) {
    const type = /^# TYPE (\S+) (counter|gauge|histogram)$/.exec(line)
    if (type) {
      family = type[1] ?? ''
      if (families.has(family)) throw new Error(`${family} comes twice`)
      families.set(family, type[2] ?? '')
    } else if (!line.startsWith('# HELP ')) samples.push(sampleOf(line, family, families.get(family)))
  }
  for (const [name, kind] of families) if (kind === 'histogram') checkHistogram(name, samples)
  const keys = samples.map(({ name, labels }) => JSON.stringify([name, labels]))
  if (new Set(keys).size < keys.length) throw new Error('a sample comes twice')
  return {
    families,
    samples,
    labels: new Set(samples.flatMap(({ labels }) => Object.keys(labels))),
    sum: (name) => samples.filter((each) => each.name === name).reduce((n, each) => n + each.value, 0),
  }
}

function sampleOf(line: string, family: string, kind: string | undefined): Read {
  const [, name = '', inside = '', number = ''] = LINE.exec(line) ?? []
  const suffix = name.slice(family.length)
  const fits = kind === 'histogram' ? ['_bucket', '_sum', '_count'].includes(suffix) : suffix === ''
  if (!kind || !name.startsWith(family) || !fits) throw new Error(`\`${line}\` belongs to no family`)
  if (kind === 'counter' && !name.endsWith('_total')) throw new Error(`\`${name}\` is no name of a counter`)
  const labels: Record<string, string> = {}
  let read = 0
  for (const [whole, label = '', value = ''] of inside.matchAll(LABEL)) {
    labels[label] = value.replaceAll(/\\(["\\n])/g, (_, c: string) => (c === 'n' ? '\n' : c))
    read += whole.length
  }
  if (read !== inside.length) throw new Error(`the labels of \`${line}\` cannot be read`)
  return { name, labels, value: number === '+Inf' ? Number.POSITIVE_INFINITY : Number(number) }
}

function checkHistogram(name: string, samples: readonly Read[]): void {
  const buckets = samples.filter((each) => each.name === `${name}_bucket`)
  const groups = Map.groupBy(buckets, ({ labels: { le: _le, ...rest } }) => JSON.stringify(rest))
  for (const [key, own] of groups) {
    const values = own.map(({ value }) => value)
    if (values.some((value, n) => value < (values[n - 1] ?? 0))) throw new Error(`${name} is not cumulative`)
    const count = samples.find((each) => each.name === `${name}_count` && JSON.stringify(each.labels) === key)
    if (own.at(-1)?.labels.le !== '+Inf' || own.at(-1)?.value !== count?.value) throw new Error(`${name} has no end`)
  }
}
