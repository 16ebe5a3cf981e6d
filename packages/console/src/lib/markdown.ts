/** An explanation as Markdown, to be pasted where people talk about an incident. Pure. */
import type { ExplanationView } from '@signalbox/protocol'

type Sentence = ExplanationView['story'][number]

/** The parts of an explanation, in the order in which they are told. */
export const CHAPTERS = [
  ['story', 'What happened'],
  ['effects', 'What it changed outside'],
  ['open', 'What is open'],
  ['unknown', 'What is not known'],
  ['resume', 'How to go on safely'],
] as const satisfies readonly (readonly [keyof ExplanationView, string])[]

/** Its text with one heading for each part; each sentence names its record, with a link where `linkOf` gives one. */
export function explanationMarkdown(told: ExplanationView, linkOf: (seq: number) => string): string {
  const chapters = CHAPTERS.flatMap(([name, title]) => chapter(title, told[name], linkOf))
  return [
    `# Run ${escaped(told.run_id)}`,
    prose(told.status),
    ...chapters,
    '## Cost',
    prose(told.cost),
    'Made from the stored records alone, without a model.',
    '',
  ].join('\n\n')
}

function chapter(title: string, sentences: readonly Sentence[], linkOf: (seq: number) => string): string[] {
  if (sentences.length === 0) return []
  const lines = sentences.map(({ seq, text }) => {
    const record = seq === null ? '' : ` ([record ${seq}](${linkOf(seq)}))`
    return `- ${prose(text)}${record}`
  })
  return [`## ${title}`, lines.join('\n')]
}

/** Names between backticks stay code; everything else is text, whatever it holds. */
function prose(text: string): string {
  return text
    .replaceAll(/\s+/g, ' ')
    .split(/`([^`]+)`/)
    .map((part, at) => (at % 2 === 1 ? `\`${part}\`` : escaped(part)))
    .join('')
}

function escaped(text: string): string {
  return text.replaceAll(/[\\`*_{}[\]<>#|!~]/g, '\\$&')
}
