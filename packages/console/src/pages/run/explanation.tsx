import type { ExplanationView as Explanation } from '@signalbox/protocol'
import { useExplanation } from '../../api/queries.ts'
import { Prose } from '../../ui/prose.tsx'
import { Loaded } from '../../ui/states.tsx'
import { Clock } from '../../ui/time.tsx'

/** The run in plain sentences, each with the record that it rests on. */
export function ExplanationView({ id }: { id: string }) {
  const query = useExplanation(id, true)
  return (
    <div className="card">
      <Loaded query={query} what="the explanation">
        {(explanation) => (
          <div className="flex flex-col gap-5 px-4 py-4">
            <Part title="What happened" sentences={explanation.story} />
            <Part title="What it changed outside" sentences={explanation.effects} none="Nothing." />
            <Part title="What is open" sentences={explanation.open} />
            <Part title="What is not known" sentences={explanation.unknown} />
            <Part title="How to go on safely" sentences={explanation.resume} />
            <section>
              <h2 className="mb-1 text-sm font-semibold">Cost</h2>
              <p className="untrusted text-sm">
                <Prose text={explanation.cost} />
              </p>
            </section>
            <p className="text-xs text-muted">Made from the stored records alone, without a model.</p>
          </div>
        )}
      </Loaded>
    </div>
  )
}

function Part({ title, sentences, none }: { title: string; sentences: Explanation['story']; none?: string }) {
  if (sentences.length === 0 && none === undefined) return null
  return (
    <section>
      <h2 className="mb-1 text-sm font-semibold">{title}</h2>
      {sentences.length === 0 ? <p className="text-sm text-muted">{none}</p> : null}
      <ol className="flex flex-col gap-1">
        {sentences.map((sentence, at) => (
          // biome-ignore lint/suspicious/noArrayIndexKey: sentences have no id and are never reordered
          <li key={at} className="flex flex-wrap gap-x-3 text-sm sm:flex-nowrap">
            <span className="w-full shrink-0 text-xs leading-5 text-muted tabular-nums sm:w-36">
              {sentence.seq === null ? null : `#${sentence.seq}`}
              {sentence.at === null ? null : (
                <>
                  {sentence.seq === null ? null : ' · '}
                  <Clock at={sentence.at} />
                </>
              )}
            </span>
            <span className="untrusted min-w-0">
              <Prose text={sentence.text} />
            </span>
          </li>
        ))}
      </ol>
    </section>
  )
}
