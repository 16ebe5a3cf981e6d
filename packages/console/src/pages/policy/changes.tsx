import type { BundleChange } from '@signalbox/protocol'
import { State } from '../../ui/basics.tsx'

/** The difference of two bundles; what may let something pass is marked and comes first. */
export function Changes({ changes }: { changes: readonly BundleChange[] }) {
  if (changes.length === 0) return <p className="text-sm text-muted">No difference to the bundle in force.</p>
  return (
    <ul aria-label="Changes" className="flex flex-col gap-1 text-sm">
      {[...changes]
        .sort((a, b) => Number(b.loosens) - Number(a.loosens))
        .map((one) => (
          <li key={`${one.what} ${one.name} ${one.how}`} className="rounded-md bg-sunken px-3 py-1.5">
            <span className="flex flex-wrap items-center gap-x-2">
              <span>
                {one.what} <code className="text-xs">{one.name}</code> {one.how}
              </span>
              {one.loosens ? (
                <State phrase={{ word: 'lets more pass', tone: 'bad', icon: 'warning' }} />
              ) : (
                <State phrase={{ word: 'lets no more pass', tone: 'idle', icon: 'check' }} />
              )}
            </span>
            {one.details.map((detail) => (
              <code key={detail} className="block text-2xs text-muted breakable">
                {detail}
              </code>
            ))}
          </li>
        ))}
    </ul>
  )
}
