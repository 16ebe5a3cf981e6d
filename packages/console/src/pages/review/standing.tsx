import { type ApprovalDetail, SignalboxError } from '@signalbox/protocol'
import { useId, useState } from 'react'
import { useChange } from '../../api/queries.ts'
import { type ConstraintLine, EMPTY_LINE, linesLike, readConstraints } from '../../lib/standing-form.ts'
import { Button } from '../../ui/basics.tsx'
import { ConfirmDialog } from '../../ui/dialog.tsx'

const DAY_MS = 86_400_000

interface Typed {
  readonly tool: string
  readonly workflow: string
  readonly principal: string
  readonly uses: string
  readonly days: string
  readonly amountField: string
  readonly amount: string
}

const START: Typed = { tool: '', workflow: '', principal: '', uses: '10', days: '7', amountField: '', amount: '' }
/** Label and example of each text, in the order of the form. */
const TEXTS = [
  ['tool', 'Tool', 'records.tag'],
  ['workflow', 'Workflow', 'payables'],
  ['principal', 'Requested by', 'user:rita'],
] as const
const NUMBERS = [
  ['uses', 'At most so many times', '10'],
  ['days', 'For so many days', '7'],
  ['amountField', 'Field that is added up (may be left out)', 'amount_minor'],
  ['amount', 'Its sum at most (may be left out)', '100000'],
] as const

/** Lets a kind of action happen without asking each time; starts from one that was asked, where there is one. */
export function StandingDialog({ like, onClose }: { like?: ApprovalDetail; onClose: () => void }) {
  const [typed, setTyped] = useState<Typed>(
    like ? { ...START, tool: like.tool, workflow: like.workflow, principal: like.requester } : START,
  )
  const [lines, setLines] = useState<readonly ConstraintLine[]>(() => linesLike(like?.packet?.arguments))
  const [problem, setProblem] = useState<string | null>(null)
  const change = useChange<{ reason: string; constraints: Constraints }>((client, { reason, constraints }) =>
    client.giveStanding({ body: bodyOf(typed, constraints, reason) }),
  )
  const confirm = (reason: string) => {
    const constraints = readConstraints(lines)
    const lacks = 'problem' in constraints ? constraints.problem : lacking(typed)
    setProblem(lacks)
    if (lacks === null && !('problem' in constraints)) change.mutate({ reason, constraints }, { onSuccess: onClose })
  }
  const set = (name: keyof Typed) => (text: string) => setTyped({ ...typed, [name]: text })
  return (
    <ConfirmDialog
      wide
      title="Give a standing approval"
      action="Give it"
      kind="danger"
      word="standing"
      pending={change.isPending}
      error={problem === null ? change.error : new SignalboxError('INPUT_INVALID', problem)}
      onClose={onClose}
      onConfirm={confirm}
    >
      <p className="text-muted">
        What fits it exactly is carried out without asking a person, until it is used up, ends or is revoked. Policy
        still decides before each act, and each use is on record.
      </p>
      <div className="grid gap-2 sm:grid-cols-3">
        {TEXTS.map(([name, label, example]) => (
          <TextField key={name} label={label} example={example} value={typed[name]} onChange={set(name)} />
        ))}
      </div>
      <Lines lines={lines} onChange={setLines} />
      <div className="grid gap-2 sm:grid-cols-2">
        {NUMBERS.map(([name, label, example]) => (
          <TextField key={name} label={label} example={example} value={typed[name]} onChange={set(name)} />
        ))}
      </div>
    </ConfirmDialog>
  )
}

type Constraints = Exclude<ReturnType<typeof readConstraints>, { readonly problem: string }>

function bodyOf(typed: Typed, constraints: Constraints, reason: string) {
  return {
    tool: typed.tool.trim(),
    workflow: typed.workflow.trim(),
    principal: typed.principal.trim(),
    constraints: [...constraints],
    ...(typed.amountField.trim() === '' ? {} : { amount_field: typed.amountField.trim() }),
    ...(typed.amount.trim() === '' ? {} : { max_amount: Number(typed.amount) }),
    max_uses: Number(typed.uses),
    expires_at: new Date(Date.now() + Number(typed.days) * DAY_MS).toISOString(),
    reason,
  }
}

function lacking(typed: Typed): string | null {
  const empty = TEXTS.find(([name]) => typed[name].trim() === '')
  if (empty) return `fill in “${empty[1]}”`
  const whole = (text: string) => Number.isSafeInteger(Number(text)) && Number(text) > 0
  if (!whole(typed.uses)) return 'the number of times must be a whole number above zero'
  if (!whole(typed.days) || Number(typed.days) > 366) return 'the days must be a whole number from 1 to 366'
  return typed.amount.trim() === '' || whole(typed.amount) ? null : 'the sum must be a whole number above zero'
}

interface TextFieldProps {
  readonly label: string
  readonly example: string
  readonly value: string
  readonly onChange: (text: string) => void
}

function TextField({ label, example, value, onChange }: TextFieldProps) {
  const id = useId()
  return (
    <div className="min-w-0">
      <label htmlFor={id} className="label">
        {label}
      </label>
      <input
        id={id}
        className="field font-mono"
        autoComplete="off"
        spellCheck={false}
        placeholder={example}
        value={value}
        onChange={(event) => onChange(event.target.value)}
      />
    </div>
  )
}

interface LinesProps {
  readonly lines: readonly ConstraintLine[]
  readonly onChange: (lines: readonly ConstraintLine[]) => void
}

function Lines({ lines, onChange }: LinesProps) {
  const put = (at: number, part: Partial<ConstraintLine>) =>
    onChange(lines.map((line, index) => (index === at ? { ...line, ...part } : line)))
  return (
    <fieldset>
      <legend className="label">Only where each of these is so</legend>
      <div className="flex flex-col gap-1.5">
        {lines.map((line, at) => (
          // biome-ignore lint/suspicious/noArrayIndexKey: lines have no id, and are only added at the end or removed
          <div key={at} className="grid grid-cols-[minmax(0,1fr)_7rem_minmax(0,1fr)_auto] gap-1.5">
            <input
              className="field font-mono"
              aria-label={`Field ${at + 1}`}
              placeholder="field"
              value={line.field}
              onChange={(event) => put(at, { field: event.target.value })}
            />
            <select
              className="field"
              aria-label={`Comparison ${at + 1}`}
              value={line.is}
              onChange={(event) => put(at, { is: IS.find(([name]) => name === event.target.value)?.[0] ?? 'equals' })}
            >
              {IS.map(([name, label]) => (
                <option key={name} value={name}>
                  {label}
                </option>
              ))}
            </select>
            <input
              className="field font-mono"
              aria-label={`Value ${at + 1}`}
              placeholder={line.is === 'one_of' ? 'a, b, c' : 'value'}
              value={line.text}
              onChange={(event) => put(at, { text: event.target.value })}
            />
            <Button kind="quiet" onClick={() => onChange(lines.filter((_, index) => index !== at))}>
              Remove<span className="sr-only"> line {at + 1}</span>
            </Button>
          </div>
        ))}
      </div>
      <Button kind="quiet" className="mt-1" onClick={() => onChange([...lines, EMPTY_LINE])}>
        Add a line
      </Button>
    </fieldset>
  )
}

const IS: readonly (readonly [ConstraintLine['is'], string])[] = [
  ['equals', 'is'],
  ['at_most', 'is at most'],
  ['one_of', 'is one of'],
]
