import type { DecisionToldView } from '@signalbox/protocol'
import { type Phrase, VERDICT } from '../../lib/words.ts'
import { State } from '../../ui/basics.tsx'

type Told = DecisionToldView['policies'][number]

const STOOD: Record<Told['stood'], Phrase> = {
  decided: { word: 'decided', tone: 'info', icon: 'flag' },
  matched: { word: 'matched', tone: 'ok', icon: 'check' },
  not_matched: { word: 'did not match', tone: 'idle', icon: 'dot' },
  error: { word: 'failed', tone: 'bad', icon: 'warning' },
}

/** A decision in words: the verdict, who may answer, and how each policy about the action stood. */
export function Told({ told }: { told: DecisionToldView }) {
  const decisive = [...told.policies].sort((a, b) => ORDER.indexOf(a.stood) - ORDER.indexOf(b.stood))
  return (
    <div className="flex flex-col gap-2 text-sm">
      <p className="flex flex-wrap items-center gap-2">
        <State phrase={VERDICT[told.verdict]} />
        <code className="text-2xs">{told.reason_code}</code>
        {told.sentence ? <span>{told.sentence}</span> : null}
      </p>
      {told.approvers.map(({ policy, roles }) => (
        <p key={policy}>
          <code className="text-2xs">{policy}</code> asks a person: one of {roles.join(', ')}.
        </p>
      ))}
      <ul aria-label="Policies about this action" className="flex flex-col gap-1">
        {decisive.map((one) => (
          <li key={one.id} className="rounded-md bg-sunken px-3 py-1.5">
            <span className="flex flex-wrap items-center gap-x-2">
              <State phrase={STOOD[one.stood]} />
              <span className="font-mono text-xs">{one.id}</span>
              <span className="text-xs text-muted">
                {one.kind.replace('_', ' ')}, {one.owner}, {one.file}:{one.line}
              </span>
            </span>
            {one.because ? <code className="mt-0.5 block text-2xs breakable">{one.because}</code> : null}
            {Object.entries(one.values).map(([name, value]) => (
              <span key={name} className="untrusted mr-3 text-xs text-muted breakable">
                {name} = {value}
              </span>
            ))}
          </li>
        ))}
      </ul>
      <p className="text-xs text-muted">
        {told.other_actions} policies are about other actions. Asked of {told.bundle.slice(0, 40)}.
      </p>
    </div>
  )
}

const ORDER: readonly Told['stood'][] = ['error', 'decided', 'matched', 'not_matched']
