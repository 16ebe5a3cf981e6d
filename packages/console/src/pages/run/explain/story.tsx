import { EXPLANATION_PARTS, type ExplanationView as Explanation } from '@signalbox/protocol'
import { useEffect, useRef, useState } from 'react'
import { count } from '../../../lib/words.ts'
import { Button, State } from '../../../ui/basics.tsx'
import { Prose } from '../../../ui/prose.tsx'
import { RecordLink } from '../../../ui/record-link.tsx'
import { Clock } from '../../../ui/time.tsx'

type Sentence = Explanation['story'][number]
type Chapter = Explanation['chapters'][number]
type Name = (typeof EXPLANATION_PARTS)[number][0]

const NONE: Partial<Record<Name, string>> = {
  effects: 'Nothing: no effect was sent or refused so far.',
  unknown: 'Nothing: the records tell all of it.',
}

/** The run in a few sentences. */
export function Summary({ explanation: { run_id: run, status, summary } }: { explanation: Explanation }) {
  return (
    <section aria-label="In short" className="card px-4 py-3">
      <h2 className="untrusted mb-1 text-sm font-semibold">
        <Prose text={status} />
      </h2>
      <ol className="flex flex-col gap-0.5">
        {summary.map((sentence, place) => (
          // biome-ignore lint/suspicious/noArrayIndexKey: sentences have no id and are never reordered
          <Line key={place} run={run} sentence={sentence} at={null} />
        ))}
      </ol>
    </section>
  )
}

/** The run told by chapters. Every sentence links its record; `at` is the record whose sentences are pointed out. */
export function Story({ explanation, at }: { explanation: Explanation; at: number | null }) {
  const { run_id: run, story, chapters } = explanation
  const box = useRef<HTMLDivElement>(null)
  const [all, setAll] = useState(false)
  const found =
    at !== null &&
    [story, ...EXPLANATION_PARTS.map(([name]) => explanation[name])].some((part) =>
      part.some((each) => each.seq === at),
    )
  const folds = chapters.some((chapter) => chapter.lines.some((line) => line.text !== null))
  useEffect(() => {
    if (at !== null) box.current?.querySelector('[aria-current="true"]')?.scrollIntoView({ block: 'center' })
  }, [at])
  return (
    <div ref={box} className="card flex flex-col gap-5 px-4 py-4">
      {at !== null && !found ? (
        <p role="status" className="rounded-md bg-sunken px-3 py-2 text-sm">
          No sentence rests on record #{at} alone.
        </p>
      ) : null}
      <section>
        <div className="mb-1 flex flex-wrap items-center justify-between gap-2">
          <h2 className="text-sm font-semibold">What happened</h2>
          {folds ? (
            <Button aria-pressed={all} onClick={() => setAll(!all)}>
              {all ? 'Fold repetition' : 'Unfold everything'}
            </Button>
          ) : null}
        </div>
        <div className="flex flex-col gap-3">
          {chapters.map((chapter, place) => (
            // biome-ignore lint/suspicious/noArrayIndexKey: chapters have no id and are never reordered
            <StoryChapter key={place} run={run} chapter={chapter} story={story} at={at} all={all} />
          ))}
        </div>
      </section>
      {EXPLANATION_PARTS.map(([name, title]) => (
        <Part key={name} run={run} name={name} title={title} sentences={explanation[name]} at={at} />
      ))}
      <section>
        <h2 className="mb-1 text-sm font-semibold">Cost</h2>
        <p className="untrusted text-sm">
          <Prose text={explanation.cost} />
        </p>
      </section>
      <p className="text-xs text-muted">Made from the stored records alone, without a model.</p>
    </div>
  )
}

interface StoryChapterProps {
  readonly run: string
  readonly chapter: Chapter
  readonly story: readonly Sentence[]
  readonly at: number | null
  readonly all: boolean
}

function StoryChapter({ run, chapter, story, at, all }: StoryChapterProps) {
  return (
    <section>
      <h3 className="untrusted mb-0.5 text-xs font-semibold text-muted">
        <Prose text={chapter.title} />
      </h3>
      <ol className="flex flex-col gap-0.5">
        {chapter.lines.map((line) => {
          const own = line.sentences.flatMap((place) => story[place] ?? [])
          const key = line.sentences[0]
          if (line.text !== null)
            return <Folded key={key} run={run} text={line.text} sentences={own} at={at} all={all} />
          return own.map((sentence) => <Line key={key} run={run} sentence={sentence} at={at} unknown={line.unknown} />)
        })}
      </ol>
    </section>
  )
}

interface FoldedProps {
  readonly run: string
  readonly text: string
  readonly sentences: readonly Sentence[]
  readonly at: number | null
  readonly all: boolean
}

/** What several sentences say in common, with these behind it. It is open when the record that is looked for is among them. */
function Folded({ run, text, sentences, at, all }: FoldedProps) {
  const within = sentences.some((sentence) => sentence.seq !== null && sentence.seq === at)
  return (
    <li className="rounded px-1 py-0.5 text-sm">
      <details key={String(all)} open={all || within}>
        <summary className="cursor-pointer">
          <span className="untrusted">
            <Prose text={text} />
          </span>{' '}
          <span className="link text-xs">{count(sentences.length, 'sentence')}</span>
        </summary>
        <ol className="mt-0.5 flex flex-col gap-0.5 border-l border-line pl-2">
          {sentences.map((sentence) => (
            <Line key={sentence.seq} run={run} sentence={sentence} at={at} />
          ))}
        </ol>
      </details>
    </li>
  )
}

interface PartProps {
  readonly run: string
  readonly name: Name
  readonly title: string
  readonly sentences: readonly Sentence[]
  readonly at: number | null
}

function Part({ run, name, title, sentences, at }: PartProps) {
  const none = NONE[name]
  if (sentences.length === 0 && none === undefined) return null
  return (
    <section>
      <h2 className="mb-1 text-sm font-semibold">{title}</h2>
      {sentences.length === 0 ? <p className="text-sm text-muted">{none}</p> : null}
      <ol className="flex flex-col gap-0.5">
        {sentences.map((sentence, place) => (
          // biome-ignore lint/suspicious/noArrayIndexKey: sentences have no id and are never reordered
          <Line key={place} run={run} sentence={sentence} at={at} unknown={name === 'unknown'} />
        ))}
      </ol>
    </section>
  )
}

interface LineProps {
  readonly run: string
  readonly sentence: Sentence
  readonly at: number | null
  readonly unknown?: boolean
}

function Line({ run, sentence, at, unknown = false }: LineProps) {
  return (
    <li
      aria-current={sentence.seq !== null && sentence.seq === at ? 'true' : undefined}
      className="flex flex-wrap gap-x-3 rounded px-1 py-0.5 text-sm aria-[current=true]:bg-accent-soft sm:flex-nowrap"
    >
      <Source run={run} sentence={sentence} />
      <span className="untrusted min-w-0">
        {unknown ? (
          <span className="mr-2">
            <State phrase={{ word: 'Unknown', tone: 'bad', icon: 'question' }} />
          </span>
        ) : null}
        <Prose text={sentence.text} />
      </span>
    </li>
  )
}

function Source({ run, sentence }: { run: string; sentence: Sentence }) {
  return (
    <span className="w-full shrink-0 text-xs leading-5 text-muted tabular-nums sm:w-40">
      {sentence.seq === null ? null : <RecordLink run={run} seq={sentence.seq} />}
      {sentence.at === null ? null : (
        <>
          {sentence.seq === null ? null : ' · '}
          <Clock at={sentence.at} />
        </>
      )}
    </span>
  )
}
