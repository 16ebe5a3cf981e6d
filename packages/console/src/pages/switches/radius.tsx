import type { BlastRadiusView, KillSwitchView } from '@signalbox/protocol'
import { useBlastRadius } from '../../api/switches.ts'
import { FormError } from '../../ui/states.tsx'

/** What a switch would touch, before it is thrown. */
export function BlastRadius({ scope, target }: { scope: KillSwitchView['scope']; target: string }) {
  const { data, error, isFetching } = useBlastRadius(scope, target)
  return (
    <section aria-label="What it would touch" aria-live="polite" className="rounded-md bg-sunken px-3 py-2">
      <p className="font-semibold">What it would touch now</p>
      {target === '' ? <p className="text-muted">Name what is to be stopped.</p> : null}
      {target !== '' && !data ? <p className="text-muted">{isFetching || !error ? 'Looking…' : ''}</p> : null}
      {error ? <FormError error={error} /> : null}
      {target !== '' && data ? <Radius radius={data} /> : null}
    </section>
  )
}

function Radius({ radius }: { radius: BlastRadiusView }) {
  const least = radius.cut ? 'at least ' : ''
  const lines: readonly (readonly [number, string, readonly string[]])[] = [
    [radius.open_runs, 'open runs', radius.runs.map((run) => `${run.workflow} ${run.run_id}, ${run.status}`)],
    [radius.waiting_approvals, 'waiting approvals', radius.approvals.map((one) => `${one.tool} of ${one.run_id}`)],
    [radius.effects_in_flight, 'effects in flight', radius.in_flight.map((one) => `${one.tool} of ${one.run_id}`)],
    [radius.schedules.length, 'schedules', radius.schedules],
  ]
  return (
    <ul>
      {lines.map(([count, what, names]) => (
        <li key={what}>
          {names.length === 0 ? (
            <span>
              {least}
              {count} {what}
            </span>
          ) : (
            <details>
              <summary className="cursor-pointer">
                {least}
                <strong className="font-semibold">{count}</strong> {what}
              </summary>
              <ul className="max-h-32 overflow-y-auto pl-4 font-mono text-xs breakable">
                {names.map((name) => (
                  <li key={name}>{name}</li>
                ))}
              </ul>
            </details>
          )}
        </li>
      ))}
    </ul>
  )
}
