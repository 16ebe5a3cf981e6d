import type { SwitchStatusView } from '@signalbox/protocol'
import type { Phrase } from '../../lib/words.ts'
import { State } from '../../ui/basics.tsx'
import { Age } from '../../ui/time.tsx'

type Status = SwitchStatusView['switches'][number]
type Worker = Status['workers'][number]

const PHRASES: Readonly<Record<Worker['state'], Phrase>> = {
  acknowledged: { word: 'acts on it', tone: 'ok', icon: 'check' },
  waiting: { word: 'not yet', tone: 'warn', icon: 'clock' },
  dead: { word: 'silent: sends nothing', tone: 'bad', icon: 'warning' },
  ended: { word: 'ended', tone: 'idle', icon: 'dot' },
}

/** Which workers act on a switch in force: the count, and each by name. */
export function Workers({ status }: { status: Status | undefined }) {
  if (!status) return <span className="text-muted">not in force</span>
  const live = status.workers.filter((one) => one.state !== 'ended')
  const acting = live.filter((one) => one.state === 'acknowledged').length
  return (
    <details>
      <summary className="cursor-pointer">
        <State
          phrase={
            status.acknowledged
              ? { word: `all ${live.length} act on it`, tone: 'ok', icon: 'check' }
              : { word: `${acting} of ${live.length} act on it`, tone: 'warn', icon: 'clock' }
          }
        />
      </summary>
      <ul className="mt-1">
        {status.workers.map((one) => (
          <li key={one.worker} className="flex flex-wrap items-center gap-x-2">
            <span className="font-mono text-xs">{one.worker}</span>
            <State phrase={PHRASES[one.state]} />
            <span className="text-xs text-muted">
              {one.at ? (
                <>
                  since <Age at={one.at} />
                </>
              ) : (
                <>
                  seen <Age at={one.seen_at} />
                </>
              )}
            </span>
          </li>
        ))}
      </ul>
    </details>
  )
}
