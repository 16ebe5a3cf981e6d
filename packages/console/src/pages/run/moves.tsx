import type { LaterEffectView, MovePlanView } from '@signalbox/protocol'
import { useState } from 'react'
import { useNavigate } from 'react-router'
import { useChange, useMovePlan } from '../../api/queries.ts'
import { HANDLING, count } from '../../lib/words.ts'
import { paths } from '../../paths.ts'
import { ConfirmDialog } from '../../ui/dialog.tsx'
import { Loaded } from '../../ui/states.tsx'

/** Which way a run is to be taken up again, and from which record. */
export interface Move {
  readonly kind: MovePlanView['kind']
  readonly seq: number
}

type Action = 'reuse' | 'ask' | 'repeat'

const ACTIONS: readonly (readonly [Action, string])[] = [
  ['reuse', 'Answer it from the ledger'],
  ['ask', 'Ask a person'],
  ['repeat', 'Do it again, after a new approval'],
]

/** Says what a restore or fork will do to every later effect, asks for a reason, and does it. */
export function MoveDialog({ id, move, onClose }: { id: string; move: Move; onClose: () => void }) {
  const { kind, seq } = move
  const navigate = useNavigate()
  const query = useMovePlan(id, kind, seq)
  const [actions, setActions] = useState<ReadonlyMap<string, Action>>(new Map())
  const restore = useChange<string>((client, reason) => client.restore({ params: { id }, body: { seq, reason } }))
  const fork = useChange((client, reason: string) =>
    client.fork({ params: { id }, body: { seq, reason, plan: choicesOf(query.data?.effects ?? [], actions) } }),
  )
  const goTo = (run: string, replace: boolean) => {
    onClose()
    navigate(paths.run(run), { replace })
  }
  const confirm = (reason: string) => {
    if (kind === 'restore') restore.mutate(reason, { onSuccess: () => goTo(id, true) })
    else fork.mutate(reason, { onSuccess: (made) => goTo(made.run_id, false) })
  }
  const change = kind === 'restore' ? restore : fork
  const word = wordFor(kind, query.data, actions)
  return (
    <ConfirmDialog
      title={`${kind === 'restore' ? 'Restore to' : 'Fork from'} record #${seq}`}
      action={kind === 'restore' ? 'Restore' : 'Fork'}
      kind={word ? 'danger' : 'primary'}
      {...(word ? { word } : {})}
      pending={change.isPending || query.data === undefined}
      error={change.error}
      onClose={onClose}
      onConfirm={confirm}
    >
      <p>{INTRO[kind]}</p>
      <Loaded query={query} what="what would happen">
        {(plan) => (
          <PlanView
            plan={plan}
            actions={actions}
            choose={(effect, action) => setActions(new Map(actions).set(effect, action))}
          />
        )}
      </Loaded>
    </ConfirmDialog>
  )
}

const INTRO = {
  restore: 'The same run goes on from there as a new branch. Later records are kept. Budgets are not refilled.',
  fork: 'A new run starts with what this one had there; this one stays as it is. Approvals are asked anew.',
} as const

function wordFor(kind: Move['kind'], plan: MovePlanView | undefined, actions: ReadonlyMap<string, Action>) {
  const happened = plan?.effects.some((effect) => effect.handling !== 'again') === true
  if (kind === 'restore') return happened ? 'restore' : null
  return [...actions.values()].includes('repeat') ? 'repeat' : null
}

function choicesOf(effects: readonly LaterEffectView[], actions: ReadonlyMap<string, Action>) {
  return effects.flatMap(({ effect_id: effect, run_id, seq }) => {
    const action = actions.get(effect) ?? 'reuse'
    return action === 'reuse' ? [] : [{ run_id, seq, action }]
  })
}

interface PlanProps {
  readonly plan: MovePlanView
  readonly actions: ReadonlyMap<string, Action>
  readonly choose: (effect: string, action: Action) => void
}

function PlanView({ plan, actions, choose }: PlanProps) {
  const happened = plan.effects.filter((effect) => effect.handling !== 'again').length
  const { model_calls: models, reads } = plan.again
  return (
    <>
      {plan.refused ? (
        <p role="status" className="rounded-md bg-bad-soft px-3 py-2">
          <strong className="text-bad">Not now: </strong>
          <span className="untrusted">{plan.refused.message}</span> (<code>{plan.refused.code}</code>)
        </p>
      ) : null}
      {plan.effects.length > 0 ? (
        <div className="rounded-md bg-warn-soft px-3 py-2">
          <p className="font-semibold text-warn">
            {count(happened, 'effect')} came after this point and {happened === 1 ? 'stays' : 'stay'} in the outside
            world:
          </p>
          <ul className="flex flex-col gap-1.5">
            {plan.effects.map((effect) => (
              <EffectLine key={effect.effect_id} plan={plan} effect={effect} actions={actions} choose={choose} />
            ))}
          </ul>
        </div>
      ) : (
        <p>No effect came after this point.</p>
      )}
      {models + reads > 0 ? (
        <p className="text-muted">
          Made again when asked for: {count(models, 'model call')}, {count(reads, 'read')}.
        </p>
      ) : null}
      {plan.asked_anew.length > 0 ? (
        <p className="text-muted">
          Asked for approval anew: <span className="font-mono text-xs">{plan.asked_anew.join(', ')}</span>
        </p>
      ) : null}
    </>
  )
}

function EffectLine({ plan, effect, actions, choose }: PlanProps & { readonly effect: LaterEffectView }) {
  const choosable = plan.kind === 'fork' && (effect.handling === 'ledger' || effect.handling === 'waits')
  const place = effect.run_id === plan.run_id ? `#${effect.seq}` : `#${effect.seq} of ${effect.run_id}`
  return (
    <li className="flex flex-wrap items-center gap-x-2">
      <span className="font-mono text-xs breakable">{effect.tool}</span>
      <span className="text-xs text-muted breakable">{place}</span>
      {choosable ? (
        <select
          aria-label={`What a fork does about ${effect.tool}, record ${place}`}
          className="field w-auto py-0.5 text-xs"
          value={actions.get(effect.effect_id) ?? 'reuse'}
          onChange={(event) => {
            const action = ACTIONS.find(([name]) => name === event.target.value)
            if (action) choose(effect.effect_id, action[0])
          }}
        >
          {ACTIONS.map(([name, words]) => (
            <option key={name} value={name}>
              {words}
            </option>
          ))}
        </select>
      ) : (
        <span className="text-xs">{HANDLING[effect.handling]}</span>
      )}
    </li>
  )
}
