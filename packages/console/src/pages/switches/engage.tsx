import type { KillSwitchView } from '@signalbox/protocol'
import { useId, useState } from 'react'
import { useChange, useSignedIn, useWorkflows } from '../../api/queries.ts'
import { ConfirmDialog } from '../../ui/dialog.tsx'
import { BlastRadius } from './radius.tsx'

type Scope = KillSwitchView['scope']
type Mode = KillSwitchView['mode']

const SCOPES: readonly (readonly [Scope, string])[] = [
  ['tool', 'One tool'],
  ['class', 'One tool class'],
  ['workflow', 'One workflow'],
  ['server', 'One MCP server'],
  ['run', 'One run'],
  ['tenant', 'Everything of this tenant'],
  ['global', 'Everything of every tenant'],
]
const MODES: readonly (readonly [Mode, string, string])[] = [
  ['stop_now', 'Stop now', 'Refuses every send; ends the runs of a tenant, a workflow or a run.'],
  ['pause', 'Pause', 'Holds up sends and runs until it is lifted; nothing is lost.'],
  ['stop_new', 'Stop new', 'Refuses new runs; runs under way go on.'],
]
const ENDS: readonly (readonly [number, string])[] = [
  [0, 'When it is lifted'],
  [900, 'After 15 minutes'],
  [3600, 'After 1 hour'],
  [86_400, 'After 24 hours'],
]

/** Engages a kill switch: scope, target, mode, end, what it would touch, reason, and a typed word. */
export function EngageDialog({ onClose }: { onClose: () => void }) {
  const mayStopAll = useSignedIn().permissions.includes('kill_switches.global')
  const [scope, setScope] = useState<Scope>('tool')
  const [target, setTarget] = useState('')
  const [mode, setMode] = useState<Mode>('stop_now')
  const [ends, setEnds] = useState(0)
  const [missing, setMissing] = useState(false)
  const isWhole = scope === 'tenant' || scope === 'global'
  const named = isWhole ? '*' : target.trim()
  const engage = useChange<string>((client, reason) =>
    client.engageKillSwitch({
      body: {
        scope,
        target: named,
        mode,
        reason,
        ...(ends > 0 ? { expires_in_seconds: ends } : {}),
      },
    }),
  )
  const confirm = (reason: string) => {
    setMissing(named === '')
    if (named !== '') engage.mutate(reason, { onSuccess: onClose })
  }
  return (
    <ConfirmDialog
      title="Engage a kill switch"
      action="Engage"
      kind="danger"
      word="engage"
      pending={engage.isPending}
      error={missing ? new Error('name what is to be stopped') : engage.error}
      onClose={onClose}
      onConfirm={confirm}
    >
      <Choice
        label="Scope"
        value={scope}
        options={SCOPES.filter(([name]) => name !== 'global' || mayStopAll)}
        onChange={(text) => setScope(SCOPES.find(([name]) => name === text)?.[0] ?? 'tool')}
      />
      {isWhole ? null : <TargetField scope={scope} value={target} onChange={setTarget} />}
      <ModeField value={mode} onChange={setMode} />
      <Choice
        label="Ends"
        value={String(ends)}
        options={ENDS.map(([seconds, label]) => [String(seconds), label] as const)}
        onChange={(text) => setEnds(Number(text))}
      />
      <BlastRadius scope={scope} target={named} />
    </ConfirmDialog>
  )
}

interface ChoiceProps {
  readonly label: string
  readonly value: string
  readonly options: readonly (readonly [string, string])[]
  readonly onChange: (value: string) => void
}

function Choice({ label, value, options, onChange }: ChoiceProps) {
  const id = useId()
  return (
    <div>
      <label htmlFor={id} className="label">
        {label}
      </label>
      <select id={id} className="field" value={value} onChange={(event) => onChange(event.target.value)}>
        {options.map(([name, text]) => (
          <option key={name} value={name}>
            {text}
          </option>
        ))}
      </select>
    </div>
  )
}

const EXAMPLES: Record<Exclude<Scope, 'tenant' | 'global'>, string> = {
  tool: 'such as payments.pay',
  class: 'such as payments.write',
  workflow: 'such as payables',
  server: 'such as files',
  run: 'such as run_01j…',
}

interface TargetFieldProps {
  readonly scope: Exclude<Scope, 'tenant' | 'global'>
  readonly value: string
  readonly onChange: (text: string) => void
}

function TargetField({ scope, value, onChange }: TargetFieldProps) {
  const id = useId()
  const workflows = useWorkflows().data?.workflows ?? []
  return (
    <div>
      <label htmlFor={id} className="label">
        Name of the {scope === 'class' ? 'tool class' : scope}
      </label>
      <input
        id={id}
        className="field font-mono"
        value={value}
        autoComplete="off"
        spellCheck={false}
        required
        placeholder={EXAMPLES[scope]}
        list={scope === 'workflow' ? `${id}-names` : undefined}
        onChange={(event) => onChange(event.target.value)}
      />
      {scope === 'workflow' ? (
        <datalist id={`${id}-names`}>
          {[...new Set(workflows.map((each) => each.name))].map((name) => (
            <option key={name} value={name} />
          ))}
        </datalist>
      ) : null}
    </div>
  )
}

function ModeField({ value, onChange }: { value: Mode; onChange: (mode: Mode) => void }) {
  const name = useId()
  return (
    <fieldset>
      <legend className="label">Mode</legend>
      {MODES.map(([mode, label, what]) => (
        <label key={mode} className="flex items-start gap-2 py-0.5 text-sm">
          <input
            type="radio"
            name={name}
            className="mt-1 size-4 accent-accent"
            checked={value === mode}
            onChange={() => onChange(mode)}
          />
          <span>
            <strong className="font-semibold">{label}.</strong> <span className="text-muted">{what}</span>
          </span>
        </label>
      ))}
    </fieldset>
  )
}
