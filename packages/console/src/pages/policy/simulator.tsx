import type { PolicyReplayResult } from '@signalbox/protocol'
import { type FormEvent, useState } from 'react'
import { Link } from 'react-router'
import { usePolicyQuestion, useRoleMatrix } from '../../api/policy.ts'
import { shortId } from '../../lib/format.ts'
import { paths } from '../../paths.ts'
import { Button, Card } from '../../ui/basics.tsx'
import { Empty, FormError } from '../../ui/states.tsx'
import { Table } from '../../ui/table.tsx'
import { Choice, TextArea, TextField } from './fields.tsx'
import { Told } from './told.tsx'

/** Asks the bundle in force, or a draft, a question without a run; and a draft about what was decided. */
export function SimulatorView() {
  const [draft, setDraft] = useState<Draft | null>(null)
  return (
    <div className="grid items-start gap-4 lg:grid-cols-2">
      <div className="lg:col-span-2">
        <DraftField draft={draft} onChange={setDraft} />
      </div>
      <Simulator draft={draft} />
      <Replay draft={draft} />
    </div>
  )
}

interface Draft {
  readonly names: readonly string[]
  readonly files: Readonly<Record<string, string>>
}

function DraftField({ draft, onChange }: { draft: Draft | null; onChange: (draft: Draft | null) => void }) {
  const read = async (list: FileList | null) => {
    const files = [...(list ?? [])].filter((file) => /\.(cedar|json)$/.test(file.name))
    if (files.length === 0) return onChange(null)
    const texts = await Promise.all(files.map(async (file) => [pathOf(file), await file.text()] as const))
    onChange({ names: texts.map(([name]) => name), files: Object.fromEntries(texts) })
  }
  return (
    <Card title="Which bundle is asked">
      <div className="flex flex-wrap items-center gap-3 text-sm">
        <label className="font-semibold">
          Files of a draft{' '}
          <input
            type="file"
            multiple
            accept=".cedar,.json"
            className="block text-sm font-normal"
            onChange={(event) => void read(event.target.files)}
          />
        </label>
        <p role="status" className="text-muted">
          {draft ? `A draft of ${draft.names.length} files: ${draft.names.join(', ')}` : 'The bundle in force.'}
        </p>
        {draft ? <Button onClick={() => onChange(null)}>Ask the bundle in force</Button> : null}
      </div>
    </Card>
  )
}

/** The path inside the chosen folder, where a folder was chosen. */
function pathOf(file: File): string {
  const parts = file.webkitRelativePath.split('/').slice(1)
  return parts.length > 0 ? parts.join('/') : file.name
}

function Simulator({ draft }: { draft: Draft | null }) {
  const matrix = useRoleMatrix().data
  const [roles, setRoles] = useState('')
  const [tool, setTool] = useState('')
  const [input, setInput] = useState('{}')
  const [facts, setFacts] = useState('{}')
  const [broken, setBroken] = useState<string | null>(null)
  const ask = usePolicyQuestion((client, body: Parameters<typeof client.simulatePolicy>[0]['body']) =>
    client.simulatePolicy({ body }),
  )
  const submit = (event: FormEvent) => {
    event.preventDefault()
    const [given, known] = [objectOf(input), objectOf(facts)]
    setBroken(given && known ? null : `${given ? 'Facts' : 'Input'} must be a JSON object.`)
    if (!given || !known) return
    const held = roles.split(/[\s,]+/).filter((role) => role !== '')
    ask.mutate({
      who: { id: 'user:somebody', kind: 'user', roles: held },
      tool,
      input: given,
      facts: known,
      ...(draft ? { files: { ...draft.files } } : {}),
    })
  }
  const tools = (matrix?.rows ?? []).map((row) => [row.tool, row.tool] as const)
  return (
    <Card title="What would be decided">
      <form onSubmit={submit} noValidate className="flex flex-col gap-3">
        <TextField
          label="Roles of the person"
          value={roles}
          onChange={setRoles}
          placeholder={matrix ? matrix.roles.slice(0, 3).join(', ') : ''}
        />
        <Choice label="Tool" value={tool} options={[['', 'Choose a tool'], ...tools]} onChange={setTool} />
        <TextArea label="Input" value={input} onChange={setInput} />
        <TextArea label="Facts" value={facts} onChange={setFacts} />
        {broken ? (
          <p role="alert" className="text-sm font-semibold text-bad">
            {broken}
          </p>
        ) : null}
        {ask.error ? <FormError error={ask.error} /> : null}
        <div className="flex justify-end">
          <Button type="submit" kind="primary" aria-disabled={ask.isPending}>
            {ask.isPending ? 'Asking…' : 'Ask'}
          </Button>
        </div>
      </form>
      <section aria-label="Answer" aria-live="polite" className="mt-3">
        {ask.data ? <Told told={ask.data} /> : null}
      </section>
    </Card>
  )
}

function objectOf(text: string): Record<string, unknown> | null {
  try {
    const value: unknown = JSON.parse(text)
    // A parsed object has text keys; the server checks the rest against the catalogue.
    return typeof value === 'object' && value !== null && !Array.isArray(value)
      ? (value as Record<string, unknown>)
      : null
  } catch {
    return null
  }
}

function Replay({ draft }: { draft: Draft | null }) {
  const [days, setDays] = useState('7')
  const ask = usePolicyQuestion((client, span: number) =>
    client.replayPolicy({ body: { days: span, ...(draft ? { files: { ...draft.files } } : {}) } }),
  )
  const submit = (event: FormEvent) => {
    event.preventDefault()
    ask.mutate(Number(days))
  }
  return (
    <Card title="What would have been decided otherwise">
      <form onSubmit={submit} className="mb-3 flex flex-wrap items-end gap-3">
        <Choice
          label="Decisions of"
          value={days}
          options={[
            ['1', 'the last day'],
            ['7', 'the last 7 days'],
            ['30', 'the last 30 days'],
          ]}
          onChange={setDays}
        />
        <Button type="submit" kind="primary" aria-disabled={ask.isPending}>
          {ask.isPending ? 'Asking again…' : 'Ask again'}
        </Button>
      </form>
      {ask.error ? <FormError error={ask.error} /> : null}
      <section aria-label="Replay" aria-live="polite">
        {ask.data ? <Flips result={ask.data} /> : null}
      </section>
    </Card>
  )
}

function Flips({ result }: { result: PolicyReplayResult }) {
  const not = Object.values(result.not_again).reduce((sum, count) => sum + count, 0)
  return (
    <div className="flex flex-col gap-2 text-sm">
      <p>
        <strong className="font-semibold">{result.flipped}</strong> of {result.decisions} decisions of {result.runs}{' '}
        runs come out otherwise, {result.same} the same{not > 0 ? `, ${not} could not be asked again` : ''}.
      </p>
      {result.flips.length === 0 ? (
        <Empty title="Nothing comes out otherwise" icon="check" />
      ) : (
        <Table
          label="What comes out otherwise"
          rows={result.flips}
          rowKey={(flip) => `${flip.name} ${flip.before} ${flip.after} ${flip.reason_code}`}
          columns={[
            { name: 'About', cell: (flip) => <span className="font-mono text-xs breakable">{flip.name}</span> },
            { name: 'Otherwise', cell: (flip) => `${wordOf(flip.before)} → ${wordOf(flip.after)}` },
            { name: 'By', cell: (flip) => <span className="breakable">{flip.policies.join(', ')}</span> },
            { name: 'How often', num: true, cell: (flip) => flip.count },
            {
              name: 'Such as',
              cell: (flip) => (
                <span className="flex flex-wrap gap-x-2">
                  {flip.examples.slice(0, 2).map((one) => (
                    <Link key={one.decision_id} className="link" to={paths.run(one.run_id, 'decisions')}>
                      {shortId(one.run_id)}
                    </Link>
                  ))}
                </span>
              ),
            },
          ]}
        />
      )}
    </div>
  )
}

function wordOf(verdict: string): string {
  return verdict.replaceAll('_', ' ')
}
