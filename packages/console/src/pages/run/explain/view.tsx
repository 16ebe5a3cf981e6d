import { explanationMarkdown, type ExplanationView as Explanation, type Lineage } from '@signalbox/protocol'
import { useState } from 'react'
import { useSearchParams } from 'react-router'
import { useExplanation, useLineage } from '../../../api/record.ts'
import { download } from '../../../lib/download.ts'
import { count, type Phrase } from '../../../lib/words.ts'
import { paths } from '../../../paths.ts'
import { Badge, Button } from '../../../ui/basics.tsx'
import { RecordLink } from '../../../ui/record-link.tsx'
import { Loaded } from '../../../ui/states.tsx'
import { Answers } from './answers.tsx'
import { EvidenceButton } from './evidence.tsx'
import { Story, Summary } from './story.tsx'

/** A run explained from its records: eight answers, then the story, every sentence with the record that it rests on. */
export function ExplainView({ id }: { id: string }) {
  const query = useExplanation(id)
  const at = useSearchParams()[0].get('at')
  return (
    <Loaded query={query} what="the explanation">
      {(explanation) => (
        <div className="flex flex-col gap-4">
          <div className="flex flex-wrap items-center justify-between gap-3">
            <LineageBadge id={id} />
            <Exports explanation={explanation} />
          </div>
          <Summary explanation={explanation} />
          <Answers run={id} answers={explanation.answers} />
          <Story explanation={explanation} at={at === null ? null : Number(at)} />
        </div>
      )}
    </Loaded>
  )
}

const COMPLETE: Phrase = { word: 'Lineage complete', tone: 'ok', icon: 'check' }

function LineageBadge({ id }: { id: string }) {
  const { data, error } = useLineage(id)
  if (error && !data) return <Badge phrase={{ word: 'Lineage not known', tone: 'idle', icon: 'question' }} />
  if (!data) return <span className="text-xs text-muted">Checking the lineage…</span>
  if (data.complete) {
    return (
      <span className="flex flex-wrap items-center gap-2 text-sm">
        <Badge phrase={COMPLETE} />
        <span className="text-muted">
          {data.effects.length === 0
            ? 'No effect was sent or refused so far.'
            : `${count(data.effects.length, 'effect has', 'effects have')} a decision, an outcome and where they came from on record.`}
        </span>
      </span>
    )
  }
  return <Gaps id={id} lineage={data} />
}

function Gaps({ id, lineage }: { id: string; lineage: Lineage }) {
  const word =
    lineage.gaps.length === 0 ? 'Lineage not complete yet' : `Lineage has ${count(lineage.gaps.length, 'gap')}`
  return (
    <div className="min-w-0">
      <Badge phrase={{ word, tone: 'bad', icon: 'warning' }} />
      <ul aria-label="Gaps of the lineage" className="mt-1 list-disc pl-5 text-sm">
        {lineage.gaps.map((gap) => (
          <li key={`${gap.seq} ${gap.code} ${gap.text}`} className="breakable">
            <code className="text-2xs">{gap.code}</code> {gap.text}{' '}
            {gap.seq === null ? null : <RecordLink run={id} seq={gap.seq} />}
          </li>
        ))}
      </ul>
    </div>
  )
}

/** Takes the explanation along: as Markdown into the clipboard, as JSON into a file. */
function Exports({ explanation }: { explanation: Explanation }) {
  const [said, setSaid] = useState('')
  const copy = async () => {
    const { origin } = location
    const text = explanationMarkdown(explanation, {
      linkOf: (seq) => `${origin}${paths.record(explanation.run_id, seq)}`,
    })
    try {
      await navigator.clipboard.writeText(text)
      setSaid('Copied.')
    } catch {
      setSaid('The browser does not let the page copy. Download it instead.')
    }
  }
  return (
    <div className="flex flex-wrap items-center gap-2">
      <span role="status" className="text-xs text-muted">
        {said}
      </span>
      <Button onClick={() => void copy()}>Copy as Markdown</Button>
      <Button
        onClick={() => download(`${explanation.run_id}.json`, JSON.stringify(explanation, null, 2), 'application/json')}
      >
        Download JSON
      </Button>
      <EvidenceButton run={explanation.run_id} />
    </div>
  )
}
