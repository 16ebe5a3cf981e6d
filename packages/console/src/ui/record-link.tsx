import { Link } from 'react-router'
import { paths } from '../paths.ts'

/** A record of a run, as a link to it. */
export function RecordLink({ run, seq }: { run: string; seq: number }) {
  return (
    <Link className="link inline-block min-w-6 leading-6 tabular-nums" to={paths.record(run, seq)}>
      <span className="sr-only">record </span>#{seq}
    </Link>
  )
}

const MOST = 8

/** The records that an answer rests on; of many the first ones, and how many more. */
export function RecordLinks({ run, seqs }: { run: string; seqs: readonly number[] }) {
  const all = [...new Set(seqs)]
  if (all.length === 0) return <span>no record</span>
  return (
    <span className="inline-flex flex-wrap gap-x-1.5">
      {all.slice(0, MOST).map((seq) => (
        <RecordLink key={seq} run={run} seq={seq} />
      ))}
      {all.length > MOST ? <span>and {all.length - MOST} more</span> : null}
    </span>
  )
}
