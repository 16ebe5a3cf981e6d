import type { Chapter, ChapterLine } from './chapters.ts'
import type { Explanation } from './explain.ts'
import type { Sentence } from './story.ts'

/** The parts of an explanation that its text is made of. */
export type Rendered = Pick<
  Explanation,
  'status' | 'summary' | 'story' | 'chapters' | 'effects' | 'open' | 'resume' | 'cost' | 'unknown'
>

/** How to render: `all` tells every sentence, also those that only repeat another. Default: repetition is told once. */
export interface RenderOptions {
  readonly all?: boolean
}

/** The explanation as plain text for a terminal: the summary, then the chapters. No colours, no control characters. */
export function renderExplanation(explanation: Rendered, { all = false }: RenderOptions = {}): string {
  const { status, summary, effects, open, resume, cost, unknown } = explanation
  const section = (title: string, sentences: readonly Sentence[], none: string): string[] => [
    '',
    `## ${title}`,
    '',
    ...(sentences.length > 0 ? sentences.map((sentence) => line(sentence)) : [none]),
  ]
  return [
    `# ${status}`,
    ...(summary.length > 0 ? ['', ...summary.map(({ seq, text }) => line({ seq, at: null, text }))] : []),
    ...story(explanation, all),
    ...section('What changed outside', effects, 'Nothing was asked to change outside.'),
    ...section('What is open', open, 'Nothing is open.'),
    ...section('How to go on', resume, 'Nothing can or needs to be done.'),
    '',
    '## What it cost',
    '',
    cost,
    ...section('What is not known', unknown, 'Nothing that the records should tell is missing.'),
    '',
  ].join('\n')
}

function story({ story: sentences, chapters }: Rendered, all: boolean): string[] {
  const lines = chapters.flatMap((chapter) => chapterText(chapter, sentences, all))
  return ['', '## What happened', ...(lines.length > 0 ? lines : ['', 'Nothing yet.'])]
}

function chapterText({ title, lines }: Chapter, sentences: readonly Sentence[], all: boolean): string[] {
  return ['', `### ${title}`, '', ...lines.flatMap((each) => lineText(each, sentences, all))]
}

function lineText(
  { sentences: places, text, unknown }: ChapterLine,
  story: readonly Sentence[],
  all: boolean,
): string[] {
  const own = places.flatMap((place) => story[place] ?? [])
  const [first] = own
  const last = own.at(-1)
  if (text === null || all || !first || !last)
    return own.map((sentence) => line(sentence, unknown ? 'Not known: ' : ''))
  return [`- ${clock(first.at)}[${first.seq} to ${last.seq}] ${text}`]
}

function line(sentence: Sentence, mark = ''): string {
  const record = sentence.seq === null ? '' : `[${sentence.seq}] `
  return `- ${clock(sentence.at)}${record}${mark}${sentence.text}`
}

function clock(at: string | null): string {
  return at === null ? '' : `${at.slice(11, 19)} `
}
