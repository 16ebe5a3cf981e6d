import { SignalboxError } from '@signalbox/protocol'
import { useId, useState } from 'react'
import { useChange, useSignedIn } from '../../api/queries.ts'
import { ConfirmDialog } from '../../ui/dialog.tsx'

const DAY_MS = 86_400_000
const LASTS: readonly (readonly [number, string])[] = [
  [1, '1 day'],
  [3, '3 days'],
  [7, '1 week'],
  [21, '3 weeks'],
]

/** Names somebody who answers in this person's place, with some of their roles, for a time. */
export function DelegateDialog({ onClose }: { onClose: () => void }) {
  const me = useSignedIn().principal
  const [delegate, setDelegate] = useState('')
  const [roles, setRoles] = useState<readonly string[]>(me.roles)
  const [days, setDays] = useState(1)
  const [problem, setProblem] = useState<string | null>(null)
  const who = useId()
  const change = useChange<string>((client, reason) =>
    client.delegate({
      body: {
        delegate: delegate.trim(),
        roles: [...roles],
        expires_at: new Date(Date.now() + days * DAY_MS).toISOString(),
        reason,
      },
    }),
  )
  const confirm = (reason: string) => {
    const lacks =
      delegate.trim() === ''
        ? 'name the person, such as `user:eva`'
        : roles.length === 0
          ? 'choose at least one role'
          : null
    setProblem(lacks)
    if (lacks === null) change.mutate(reason, { onSuccess: onClose })
  }
  return (
    <ConfirmDialog
      title="Name a stand-in"
      action="Name"
      pending={change.isPending}
      error={problem === null ? change.error : new SignalboxError('INPUT_INVALID', problem)}
      onClose={onClose}
      onConfirm={confirm}
    >
      <p className="text-muted">
        They answer in your place, recorded as one for the other. You and they count as one person.
      </p>
      <div>
        <label htmlFor={who} className="label">
          Person
        </label>
        <input
          id={who}
          className="field font-mono"
          autoComplete="off"
          spellCheck={false}
          placeholder="user:eva"
          value={delegate}
          onChange={(event) => setDelegate(event.target.value)}
        />
      </div>
      <Roles all={me.roles} chosen={roles} onChange={setRoles} />
      <Lasts days={days} onChange={setDays} />
    </ConfirmDialog>
  )
}

interface RolesProps {
  readonly all: readonly string[]
  readonly chosen: readonly string[]
  readonly onChange: (roles: readonly string[]) => void
}

function Roles({ all, chosen, onChange }: RolesProps) {
  return (
    <fieldset>
      <legend className="label">Roles that they may use</legend>
      {all.map((role) => (
        <label key={role} className="mr-4 inline-flex items-center gap-2 py-0.5 text-sm">
          <input
            type="checkbox"
            className="size-4 accent-accent"
            checked={chosen.includes(role)}
            onChange={(event) =>
              onChange(event.target.checked ? [...chosen, role] : chosen.filter((each) => each !== role))
            }
          />
          {role}
        </label>
      ))}
    </fieldset>
  )
}

function Lasts({ days, onChange }: { days: number; onChange: (days: number) => void }) {
  const id = useId()
  return (
    <div>
      <label htmlFor={id} className="label">
        Lasts
      </label>
      <select id={id} className="field" value={days} onChange={(event) => onChange(Number(event.target.value))}>
        {LASTS.map(([value, label]) => (
          <option key={value} value={value}>
            {label}
          </option>
        ))}
      </select>
    </div>
  )
}
