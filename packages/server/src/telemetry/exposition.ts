/** One family of the text format 0.0.4. */
export interface Family {
  /** With the suffix that its kind asks for. */
  readonly name: string
  readonly help: string
  readonly type: 'counter' | 'gauge' | 'histogram'
  readonly samples: readonly Sample[]
}

/** One line of a family: its labels and its value, in the unit of the family. */
export interface Sample {
  /** What comes after the family's name: `_bucket`, `_sum`, `_count`, or nothing. */
  readonly suffix?: string
  readonly labels: readonly (readonly [string, string])[]
  readonly value: number
}

/** Content type of the format. */
export const EXPOSITION_TYPE = 'text/plain; version=0.0.4; charset=utf-8'

/** Writes families in the text format 0.0.4. Families without a sample are left out. */
export function exposition(families: readonly Family[]): string {
  return families
    .filter(({ samples }) => samples.length > 0)
    .map(({ name, help, type, samples }) =>
      [
        `# HELP ${name} ${escaped(help)}`,
        `# TYPE ${name} ${type}`,
        ...samples.map((each) => lineOf(name, each)),
        '',
      ].join('\n'),
    )
    .join('')
}

/** A name of the contract as the format has it: dots are underscores, the unit comes last. */
export function familyName(name: string, unit: string, type: Family['type']): string {
  const units: Readonly<Record<string, string>> = { s: '_seconds', USD: '_usd' }
  return `${name.replaceAll(/[^a-zA-Z0-9_]/g, '_')}${units[unit] ?? ''}${type === 'counter' ? '_total' : ''}`
}

function lineOf(name: string, { suffix = '', labels, value }: Sample): string {
  const inside = labels.map(([label, text]) => `${label.replaceAll(/[^a-zA-Z0-9_]/g, '_')}="${quoted(text)}"`).join(',')
  return `${name}${suffix}${inside === '' ? '' : `{${inside}}`} ${numberText(value)}`
}

function numberText(value: number): string {
  return value === Number.POSITIVE_INFINITY ? '+Inf' : String(value)
}

function escaped(text: string): string {
  return text.replaceAll('\\', '\\\\').replaceAll('\n', '\\n')
}

function quoted(text: string): string {
  return escaped(text).replaceAll('"', '\\"')
}
