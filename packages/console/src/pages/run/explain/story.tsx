import type { ExplanationView as Explanation } from '@signalbox/protocol'
import { useEffect, useRef } from 'react'
import { CHAPTERS } from '../../../lib/markdown.ts'
import { State } from '../../../ui/basics.tsx'
import { Prose } from '../../../ui/prose.tsx'
import { RecordLink } from '../../../ui/record-link.tsx'
import { Clock } from '../../../ui/time.tsx'

type Sentence = Explanation['story'][number]
type Name = (typeof CHAPTERS)[number][0]

const NONE: Partial<Record<Name, string>> = {
  effects: 'Nothing: no effect was sent or refused so far.',
  unknown: 'Nothing: the records tell all of it.',
}

/** The run told by chapters. Every sentence links its record; `at` is the record whose sentences are pointed out. */
export function Story({ explanation, at }: { explanation: Explanation; at: number | null }) {
  const box = useRef<HTMLDivElement>(null)
  const found = at !== null && CHAPTERS.some(([name]) => explanation[name].some((each) => each.seq === at))
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
      {CHAPTERS.map(([name, title]) => (
        <Chapter key={name} run={explanation.run_id} name={name} title={title} sentences={explanation[name]} at={at} />
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

interface ChapterProps {
  readonly run: string
  readonly name: Name
  readonly title: string
  readonly sentences: readonly Sentence[]
  readonly at: number | null
}

function Chapter({ run, name, title, sentences, at }: ChapterProps) {
  const none = NONE[name]
  if (sentences.length === 0 && none === undefined) return null
  return (
    <section>
      <h2 className="mb-1 text-sm font-semibold">{title}</h2>
      {sentences.length === 0 ? <p className="text-sm text-muted">{none}</p> : null}
      <ol className="flex flex-col gap-0.5">
        {sentences.map((sentence, place) => (
          <li
            // biome-ignore lint/suspicious/noArrayIndexKey: sentences have no id and are never reordered
            key={place}
            aria-current={sentence.seq !== null && sentence.seq === at ? 'true' : undefined}
            className="flex flex-wrap gap-x-3 rounded px-1 py-0.5 text-sm aria-[current=true]:bg-accent-soft sm:flex-nowrap"
          >
            <Source run={run} sentence={sentence} />
            <span className="untrusted min-w-0">
              {name === 'unknown' ? (
                <span className="mr-2">
                  <State phrase={{ word: 'Unknown', tone: 'bad', icon: 'question' }} />
                </span>
              ) : null}
              <Prose text={sentence.text} />
            </span>
          </li>
        ))}
      </ol>
    </section>
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
