import type { AnswersView } from '@signalbox/protocol'
import { Link } from 'react-router'
import { dollars, grouped, prettyJson } from '../../../lib/format.ts'
import { count, HANDLING, type Phrase } from '../../../lib/words.ts'
import { paths } from '../../../paths.ts'
import { CodeBlock, State } from '../../../ui/basics.tsx'
import { Prose } from '../../../ui/prose.tsx'
import { RecordLink, RecordLinks } from '../../../ui/record-link.tsx'
import { NotKnown } from '../../../ui/states.tsx'

/** Which models answered, in whose place, and with which prompts. */
export function ModelAnswer({ run, model }: { run: string; model: AnswersView['model'] }) {
  if (model.models.length === 0) return <p>No model was asked: the nodes are plain functions.</p>
  return (
    <>
      {model.models.map((each) => (
        <p key={each.model}>
          <strong>{each.model}</strong>, {count(each.calls, 'call')}
          {each.agents.length > 0 ? ` for ${each.agents.join(', ')}` : ''}
          {each.not_succeeded > 0 ? `, ${each.not_succeeded} without success` : ''}
          {each.instead_of.map((other) => ` instead of ${other.model} (${other.trouble})`).join(',')}
          {each.troubles.length > 0 ? <span className="text-muted"> {each.troubles.join(', ')}</span> : null}
        </p>
      ))}
      {model.prompts === null ? (
        <NotKnown what="The prompts are not on record." />
      ) : (
        model.prompts.map((each) => (
          <p key={`${each.agent} ${each.seq}`} className="text-xs text-muted">
            Prompt of {each.agent} <code title={each.sha256}>{each.sha256.slice(0, 12)}</code>{' '}
            <RecordLink run={run} seq={each.seq} />
          </p>
        ))
      )}
    </>
  )
}

type Effect = AnswersView['outside']['effects'][number]

function happenedPhrase({ happened, status }: Effect): Phrase {
  if (happened === true) return { word: 'Happened', tone: 'ok', icon: 'check' }
  if (happened === null)
    return status === 'waiting' || status === 'open'
      ? { word: 'Not decided yet', tone: 'warn', icon: 'clock' }
      : { word: 'Unknown', tone: 'bad', icon: 'question' }
  return { word: 'Did not happen', tone: 'idle', icon: 'ban' }
}

/** Every effect that was asked for, and whether it happened. */
export function OutsideAnswer({ run, outside }: { run: string; outside: AnswersView['outside'] }) {
  if (outside.effects.length === 0 && outside.unmediated.length === 0) return <p>Nothing so far.</p>
  return (
    <>
      <ul className="flex flex-col gap-1.5">
        {outside.effects.map((each, at) => (
          // biome-ignore lint/suspicious/noArrayIndexKey: effects without a record have no id
          <li key={at}>
            <OutsideEffect run={run} effect={each} />
          </li>
        ))}
        {outside.unmediated.map((each) => (
          <li key={each.seq} className="flex flex-wrap items-center gap-x-2">
            <State phrase={{ word: 'Beside the door', tone: 'bad', icon: 'warning' }} />
            {each.host} <RecordLink run={run} seq={each.seq} />
          </li>
        ))}
      </ul>
      <Link className="link" to={paths.effects({ run_id: run })}>
        Where each came from
      </Link>
    </>
  )
}

function OutsideEffect({ run, effect }: { run: string; effect: Effect }) {
  return (
    <>
      <span className="flex flex-wrap items-center gap-x-2">
        <State phrase={happenedPhrase(effect)} />
        <span className="font-mono text-xs font-semibold">{effect.tool}</span>
        <span className="text-xs text-muted">
          {effect.effect}, {effect.status.replaceAll('_', ' ')}
          {effect.code ? ` (${effect.code})` : ''}
          {effect.from_ledger ? ', answered from the ledger' : ''}
        </span>
        {effect.seq === null ? null : <RecordLink run={run} seq={effect.seq} />}
      </span>
      {effect.undoes ? (
        <span className="block text-xs">
          Undoes {effect.undoes.tool},{' '}
          <Link className="link" to={paths.record(effect.undoes.run, effect.undoes.seq)}>
            record #{effect.undoes.seq} of {effect.undoes.run}
          </Link>
        </span>
      ) : null}
      {effect.arguments === null ? null : (
        <details>
          <summary className="link w-fit text-xs">Arguments of {effect.tool}</summary>
          <CodeBlock label={`Arguments of ${effect.tool}`} text={prettyJson(effect.arguments)} />
        </details>
      )}
    </>
  )
}

const GOES_ON: Record<AnswersView['resume']['goes_on'], string> = {
  ended: 'It has ended.',
  by_itself: 'It goes on by itself.',
  person: 'A person has to act.',
  elsewhere: 'It was moved to another store.',
  gone: 'It cannot go on: its contents are gone.',
}

const MOST_POINTS = 3

/** How it goes on, and the newest places where it can be taken up again. */
export function ResumeAnswer({ run, resume }: { run: string; resume: AnswersView['resume'] }) {
  const points = resume.points.slice(0, MOST_POINTS)
  return (
    <>
      <p>{GOES_ON[resume.goes_on]}</p>
      {resume.open.map((each) => (
        <p key={`${each.kind} ${each.id}`}>
          <Prose text={each.action} /> <RecordLink run={run} seq={each.seq} />
        </p>
      ))}
      <ul className="flex flex-col gap-1">
        {points.map((point) => (
          <li key={point.seq}>
            <span className="flex flex-wrap items-center gap-x-2">
              <State
                phrase={
                  point.safe
                    ? { word: 'Safe', tone: 'ok', icon: 'check' }
                    : { word: 'An effect is open after it', tone: 'bad', icon: 'warning' }
                }
              />
              <Link className="link" to={paths.move(run, point.seq)}>
                from record #{point.seq}
              </Link>
              <span className="text-xs text-muted">
                {point.superstep === null ? '' : `superstep ${point.superstep}`}
              </span>
            </span>
            {point.effects.map((effect) => (
              <span key={`${effect.seq} ${effect.tool}`} className="block text-xs text-muted">
                {effect.tool}: {HANDLING[effect.handling]}
              </span>
            ))}
          </li>
        ))}
      </ul>
      {resume.points.length > MOST_POINTS ? (
        <Link className="link" to={paths.run(run, 'checkpoints')}>
          {count(resume.points.length - MOST_POINTS, 'older point')}
        </Link>
      ) : null}
    </>
  )
}

/** What it cost, what is still reserved, and which limits are nearly used. */
export function CostAnswer({ run, cost }: { run: string; cost: AnswersView['cost'] }) {
  return (
    <>
      <p>
        <strong>{dollars(cost.cost_nano_usd)}</strong>
        {cost.limit_nano_usd === null ? '' : ` of ${dollars(cost.limit_nano_usd)}`}, {count(cost.turns, 'model turn')},{' '}
        {count(cost.tool_calls, 'tool call')}, {grouped(String(cost.tokens))} tokens
      </p>
      {BigInt(cost.held_nano_usd) > 0n ? (
        <p className="text-muted">{dollars(cost.held_nano_usd)} more is reserved for calls under way.</p>
      ) : null}
      {cost.estimated_seqs.length > 0 ? (
        <p>
          Estimated, not told by the provider: <RecordLinks run={run} seqs={cost.estimated_seqs} />
        </p>
      ) : null}
      {cost.limits_nearly_used.length > 0 ? (
        <p className="font-semibold text-warn">Nearly used: {cost.limits_nearly_used.join(', ')}</p>
      ) : null}
      <Link className="link" to={paths.run(run, 'cost')}>
        Every call with its price
      </Link>
    </>
  )
}
