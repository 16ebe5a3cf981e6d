import type { RunDetail } from '@signalbox/protocol'
import { Link } from 'react-router'
import type { Live } from '../../api/live.ts'
import { useScripted } from '../../api/queries.ts'
import { capital } from '../../lib/format.ts'
import { count, RUN_STATUS } from '../../lib/words.ts'
import { itemPath } from '../../paths.ts'
import { Badge, ScriptedTag } from '../../ui/basics.tsx'
import { Icon } from '../../ui/icon.tsx'
import { Prose } from '../../ui/prose.tsx'
import { Countdown } from '../../ui/time.tsx'
import { RunActions } from './actions.tsx'

/** Status in words, why, what it waits for, and what can be done about it. */
export function RunHeader({ detail, live }: { detail: RunDetail; live: Live }) {
  const { run } = detail
  const scripted = useScripted()
  const usesScript = detail.timeline.some((step) => step.activities.some((a) => a.kind === 'model' && scripted(a.name)))
  return (
    <header className="card px-4 py-4 sm:px-5">
      <div className="flex flex-wrap items-start justify-between gap-x-6 gap-y-3">
        <div className="min-w-0">
          <div className="flex flex-wrap items-center gap-x-3 gap-y-1.5">
            <h1 className="text-xl font-semibold tracking-tight breakable">
              {run.workflow} <span className="font-normal text-muted">{run.version}</span>
            </h1>
            <Badge phrase={RUN_STATUS[run.status]} />
            <LiveState live={live} />
            {usesScript ? <ScriptedTag /> : null}
          </div>
          <p className="mt-0.5 font-mono text-xs text-muted breakable">{run.run_id}</p>
        </div>
        <RunActions detail={detail} />
      </div>
      <p className="untrusted mt-3 max-w-prose text-base">
        <Prose text={capital(detail.why)} />
      </p>
      <DefinitionNote definition={detail.definition} />
      {detail.open.length > 0 ? <OpenRequests detail={detail} /> : null}
      <Ending detail={detail} />
    </header>
  )
}

/** By what the run ended, and what it left undone, each with its reason; nothing for one that did all it should. */
function Ending({ detail: { ending, undone } }: { detail: RunDetail }) {
  const left = ending?.left_undone ?? undone.map((what) => ({ what, why: '' }))
  const by = ending && ending.by !== 'completed' ? ending : null
  if (by === null && left.length === 0) return null
  return (
    <div className="mt-2 text-sm">
      {by ? (
        <p>
          <strong>Ended by:</strong> {by.by.replaceAll('_', ' ')}
          {by.code ? <code className="ml-1 text-xs">{by.code}</code> : null}
          {by.cycle.length > 0 ? <span className="breakable"> through {by.cycle.join(', ')}</span> : null}
        </p>
      ) : null}
      {left.length > 0 ? (
        <>
          <p className="font-semibold text-bad">{count(left.length, 'step')} left undone:</p>
          <ul className="list-disc pl-5">
            {left.map(({ what, why }) => (
              <li key={`${what} ${why}`} className="untrusted">
                <span className="font-mono text-xs breakable">{what}</span>
                {why === '' ? null : <span className="text-muted"> ({why})</span>}
              </li>
            ))}
          </ul>
        </>
      ) : null}
    </div>
  )
}

const OPEN_WORDS = {
  approval: (tool: string) => `Approval of ${tool}`,
  question: (tool: string) => `Did ${tool} happen?`,
  request: (tool: string) => `Answer for ${tool}`,
} as const

/** What another version of the code means for this run; nothing while it is with the one that is here. */
function DefinitionNote({ definition }: { definition: RunDetail['definition'] }) {
  if (definition === null || definition.standing === 'same') return null
  const { version, here, standing, stands, steps, changes, reason } = definition
  if (standing !== 'refused')
    return (
      <p className="mt-2 text-sm text-muted">
        Version {version} runs it; {here} is here and takes over when no worker has {version}{' '}
        {standing === 'upgrade' ? `(by the step ${steps.join(', ')})` : '(code alone differs)'}.
      </p>
    )
  return (
    <div className="mt-3 rounded-md bg-warn-soft px-3 py-2 text-sm" role="note">
      <p className="font-semibold">
        The version that is here cannot go on with this run ({version} then, {here ?? 'none'} now)
      </p>
      {changes.length > 0 ? (
        <ul className="mt-1 list-disc pl-5">
          {changes.map((change) => (
            <li key={change} className="untrusted breakable">
              <Prose text={change} />
            </li>
          ))}
        </ul>
      ) : (
        <p className="untrusted mt-1 breakable">
          <Prose text={reason ?? ''} />
        </p>
      )}
      {changes.length > 0 ? (
        <p className="mt-1">
          To go on, start a worker that has version {version}, or declare an upgrade from it
          {stands === 'barrier' ? '' : ' and go back to the last checkpoint: the run is inside a superstep'}.
        </p>
      ) : null}
    </div>
  )
}

function OpenRequests({ detail }: { detail: RunDetail }) {
  return (
    <ul className="mt-3 flex flex-col gap-1.5" aria-label="Waits for a person">
      {detail.open.map((each) => (
        <li
          key={each.id}
          className="flex flex-wrap items-center gap-x-3 gap-y-0.5 rounded-md bg-warn-soft px-3 py-1.5 text-sm"
        >
          <Icon name={each.kind === 'question' ? 'question' : 'person'} className="text-warn" />
          <Link className="link font-semibold" to={itemPath(each, 'open')}>
            {OPEN_WORDS[each.kind](each.tool)}
          </Link>
          <span className="text-muted">{each.class}</span>
          <span className="ml-auto">
            <Countdown deadline={each.deadline} />
          </span>
        </li>
      ))}
    </ul>
  )
}

const LIVE_WORDS: Record<Live['state'], string> = {
  connecting: 'Connecting',
  live: 'Live',
  lost: 'Live view lost, reading every 15 s',
  ended: '',
}

function LiveState({ live }: { live: Live }) {
  const words = LIVE_WORDS[live.state]
  return (
    <span role="status" className={words ? 'inline-flex items-center gap-1.5 text-xs text-muted' : 'sr-only'}>
      {words ? (
        <>
          <span
            aria-hidden="true"
            className={`size-1.5 rounded-full ${live.state === 'live' ? 'pulse bg-ok' : 'bg-line-strong'}`}
          />
          {words}
        </>
      ) : null}
    </span>
  )
}
