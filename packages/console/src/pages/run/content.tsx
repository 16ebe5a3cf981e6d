import type { RunDetail } from '@signalbox/protocol'
import { CodeBlock } from '../../ui/basics.tsx'

/** What the run was given and what it gave back. */
export function ContentView({ detail }: { detail: RunDetail }) {
  return (
    <div className="card flex flex-col gap-4 px-4 py-4">
      <Value title="Input" value={detail.input} none="Not shown: erased." />
      <Value title="Output" value={detail.output} none="There is none yet, or it was erased." />
    </div>
  )
}

function Value({ title, value, none }: { title: string; value: unknown; none: string }) {
  return (
    <section>
      <h2 className="mb-1 text-sm font-semibold">{title}</h2>
      {value === null || value === undefined ? (
        <p className="text-sm text-muted">{none}</p>
      ) : (
        <CodeBlock label={title} text={JSON.stringify(value, null, 2)} />
      )}
    </section>
  )
}
