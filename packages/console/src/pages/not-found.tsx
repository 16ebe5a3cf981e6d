import { Link } from 'react-router'
import { useTitle } from '../lib/hooks.ts'
import { paths } from '../paths.ts'
import { Empty } from '../ui/states.tsx'

/** An address that the console does not have. */
export function NotFoundPage() {
  useTitle('Not found')
  return (
    <div className="card">
      <h1 className="sr-only">Not found</h1>
      <Empty title="There is no such page" icon="question">
        The address may be mistyped or old.{' '}
        <Link to={paths.runs()} className="link">
          Go to the runs
        </Link>
        .
      </Empty>
    </div>
  )
}
