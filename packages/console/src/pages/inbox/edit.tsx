import { type ApprovalDetail, SignalboxError } from '@signalbox/protocol'
import { useId, useMemo, useState } from 'react'
import { useChange } from '../../api/queries.ts'
import { type EditField, fieldsOf, readForm } from '../../lib/edit-form.ts'
import { prettyJson } from '../../lib/format.ts'
import { CodeBlock } from '../../ui/basics.tsx'
import { ConfirmDialog } from '../../ui/dialog.tsx'

interface EditDialogProps {
  readonly seen: ApprovalDetail
  readonly onClose: () => void
  readonly onDone: () => void
}

/** The one field for arguments that are not an object. */
const WHOLE = 'arguments'

/** Changes the arguments and approves them so: what was proposed stands beside what is sent. */
export function EditDialog({ seen, onClose, onDone }: EditDialogProps) {
  const { id, packet, packet_hash } = seen
  const { fields, whole } = useMemo(() => formOf(seen), [seen])
  const [texts, setTexts] = useState<Readonly<Record<string, string>>>({})
  const [problem, setProblem] = useState<string | null>(null)
  const edit = useChange<{ args: unknown; reason: string }>((client, { args, reason }) =>
    client.editApproval({ params: { id }, body: { arguments: args, reason, packet_hash } }),
  )
  const confirm = (reason: string) => {
    const read = readForm(fields, texts)
    if ('problem' in read) return setProblem(read.problem)
    const changed = fields.some((field) => isChanged(field, texts[field.name]))
    setProblem(changed ? null : 'nothing is changed: approve it as it is, or change a value')
    if (!changed) return
    const args = whole ? read.value[WHOLE] : read.value
    const onSuccess = () => {
      onDone()
      onClose()
    }
    edit.mutate({ args, reason }, { onSuccess })
  }
  return (
    <ConfirmDialog
      wide
      title="Edit and approve"
      action="Approve as edited"
      {...(packet?.effect === 'irreversible'
        ? { word: packet.target.id, wordWhy: 'This cannot be undone. It acts on the target.' }
        : {})}
      pending={edit.isPending}
      error={problem === null ? edit.error : new SignalboxError('INPUT_INVALID', problem)}
      onClose={onClose}
      onConfirm={confirm}
    >
      <p className="text-muted">
        What you write is carried out in the place of what was proposed, if the tool and policy accept it. Both stay on
        record.
      </p>
      {fields.map((field) => (
        <Field
          key={field.name}
          field={field}
          text={texts[field.name] ?? field.proposed ?? ''}
          onChange={(text) => setTexts({ ...texts, [field.name]: text })}
        />
      ))}
    </ConfirmDialog>
  )
}

/** One field for each argument; a single one for arguments that are not an object. */
function formOf({ packet, arguments_schema: schema }: ApprovalDetail): {
  readonly fields: readonly EditField[]
  readonly whole: boolean
} {
  const proposed: unknown = packet ? JSON.parse(packet.arguments) : null
  const fields = fieldsOf(schema, proposed)
  if (fields) return { fields, whole: false }
  const one = { name: WHOLE, kind: 'json', options: [], required: true, about: null } as const
  return { fields: [{ ...one, proposed: JSON.stringify(proposed) }], whole: true }
}

function isChanged(field: EditField, text: string | undefined): boolean {
  return text !== undefined && text !== (field.proposed ?? '')
}

interface FieldProps {
  readonly field: EditField
  readonly text: string
  readonly onChange: (text: string) => void
}

function Field({ field, text, onChange }: FieldProps) {
  const id = useId()
  const changed = isChanged(field, text)
  return (
    <div className="grid gap-x-4 gap-y-1 border-t border-line pt-2 sm:grid-cols-2">
      <div className="min-w-0">
        <p className="label">
          <span className="font-mono">{field.name}</span> as proposed
        </p>
        {field.proposed === null ? (
          <p className="text-sm text-muted">left out</p>
        ) : field.kind === 'json' ? (
          <CodeBlock label={`${field.name} as proposed`} text={prettyJson(field.proposed)} />
        ) : (
          <p className="untrusted rounded-md bg-sunken px-2.5 py-1.5 font-mono text-xs">{field.proposed}</p>
        )}
      </div>
      <div className="min-w-0">
        <label htmlFor={id} className="label">
          <span className="font-mono">{field.name}</span> as edited
          {changed ? <span className="ml-2 text-warn">changed</span> : null}
        </label>
        <Input id={id} field={field} text={text} onChange={onChange} />
        {field.about ? <p className="mt-1 text-xs text-muted">{field.about}</p> : null}
      </div>
    </div>
  )
}

function Input({ id, field, text, onChange }: FieldProps & { id: string }) {
  const options = field.kind === 'boolean' ? ['true', 'false'] : field.options
  if (field.kind === 'json') {
    return (
      <textarea
        id={id}
        className="field h-auto font-mono text-xs"
        rows={Math.min(10, text.split('\n').length + 1)}
        spellCheck={false}
        value={text}
        onChange={(event) => onChange(event.target.value)}
      />
    )
  }
  if (options.length > 0) {
    return (
      <select id={id} className="field" value={text} onChange={(event) => onChange(event.target.value)}>
        {[...(options.includes(text) ? [] : [text]), ...options].map((one) => (
          <option key={one} value={one}>
            {one === '' ? 'leave out' : one}
          </option>
        ))}
      </select>
    )
  }
  return (
    <input
      id={id}
      className="field font-mono"
      inputMode={field.kind === 'text' ? 'text' : 'decimal'}
      autoComplete="off"
      spellCheck={false}
      value={text}
      onChange={(event) => onChange(event.target.value)}
    />
  )
}
