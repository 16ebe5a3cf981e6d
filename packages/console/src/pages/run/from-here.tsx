import { Link, useParams } from 'react-router'
import { paths } from '../../paths.ts'

/** A record's number, which leads to where the run of this page can be restored to it or forked from it. */
export function FromHere({ seq }: { seq: number }) {
  const { runId = '' } = useParams()
  return (
    <Link
      to={paths.move(runId, seq)}
      className="link inline-flex min-h-6 min-w-6 items-center"
      title="Restore or fork from here"
    >
      #{seq}
      <span className="sr-only">: restore or fork from here</span>
    </Link>
  )
}
