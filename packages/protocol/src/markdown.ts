/** An explanation as Markdown, to be pasted where people talk about an incident. Pure. */
import type { ExplanationView } from './system.ts'

type Sentence = ExplanationView['story'][number]

/** The parts of an explanation that follow the story, in the order in which they are told. */
export const EXPLANATION_PARTS = [
  ['effects', 'What it changed outside'],
  ['open', 'What is open'],
  ['unknown', 'What is not known'],
  ['resume', 'How to go on safely'],
] as const satisfies readonly (readonly [keyof ExplanationView, string])[]

/** What the Markdown is to hold. */
export interface MarkdownOptions {
  /** Address of a record's page; without it records are named by their number. */
  readonly linkOf?: (seq: number) => string
  /** Every sentence, also those that only repeat another. Default: repetition is told once. */
  readonly all?: boolean
}

/**
 * Its text with one heading for each part and chapter; each sentence names its record, with a link where `linkOf` gives
 * one. Whatever contents and names hold becomes no link, mention, HTML, formula or heading.
 */
export function explanationMarkdown(told: ExplanationView, options: MarkdownOptions = {}): string {
  const bullets = (sentences: readonly Sentence[]): string =>
    sentences.map(({ seq, text }) => `- ${prose(text)}${recordText(seq, seq, options)}`).join('\n')
  const parts = EXPLANATION_PARTS.flatMap(([name, title]) =>
    told[name].length === 0 ? [] : [`## ${title}`, bullets(told[name])],
  )
  return [
    `# Run ${escaped(told.run_id)}`,
    prose(told.status),
    ...(told.summary.length > 0 ? [bullets(told.summary)] : []),
    '## What happened',
    ...told.chapters.flatMap(({ title, lines }) => [
      `### ${prose(title)}`,
      lines.flatMap((line) => lineTexts(line, told.story, options)).join('\n'),
    ]),
    ...parts,
    '## Cost',
    prose(told.cost),
    'Made from the stored records alone, without a model.',
    '',
  ].join('\n\n')
}

function lineTexts(
  { sentences, text, unknown }: ExplanationView['chapters'][number]['lines'][number],
  story: readonly Sentence[],
  options: MarkdownOptions,
): readonly string[] {
  const own = sentences.flatMap((place) => story[place] ?? [])
  const mark = unknown ? '**Not known:** ' : ''
  if (text === null || options.all === true)
    return own.map((one) => `- ${mark}${prose(one.text)}${recordText(one.seq, one.seq, options)}`)
  return [`- ${prose(text)}${recordText(own[0]?.seq ?? null, own.at(-1)?.seq ?? null, options)}`]
}

function recordText(first: number | null, last: number | null, { linkOf }: MarkdownOptions): string {
  if (first === null || last === null) return ''
  const text = first === last ? `record ${first}` : `records ${first} to ${last}`
  return linkOf ? ` ([${text}](${linkOf(first)}))` : ` (${text})`
}

/** Names between backticks stay code; everything else is text, whatever it holds. */
function prose(text: string): string {
  return text
    .replaceAll(/\s+/g, ' ')
    .split(/`([^`]+)`/)
    .map((part, at) => (at % 2 === 1 ? `\`${part}\`` : escaped(part)))
    .join('')
}

/** Addresses and names after an `@` become links by themselves in many places: a mark without width keeps them apart. */
function escaped(text: string): string {
  return text
    .replaceAll(/[\\`*_{}[\]<>#|!~$&]/g, '\\$&')
    .replaceAll('://', ':\u200b//')
    .replaceAll(/\bwww\./gi, (found) => `${found.slice(0, -1)}\u200b.`)
    .replaceAll('@', '@\u200b')
}
