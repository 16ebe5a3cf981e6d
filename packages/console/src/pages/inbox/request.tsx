import type { PortRequestDetail } from '@signalbox/protocol'
import { type FormEvent, useId, useState } from 'react'
import { hasCode } from '../../api/problem.ts'
import { useChange, useRequest } from '../../api/queries.ts'
import { prettyJson } from '../../lib/format.ts'
import { decideBlocked } from '../../lib/permissions.ts'
import { skeletonOf } from '../../lib/skeleton.ts'
import { Button, CodeBlock, Facts, GuardedButton } from '../../ui/basics.tsx'
import { FormError, Loaded } from '../../ui/states.tsx'
import { Clock } from '../../ui/time.tsx'
import { ItemFrame, Sent, SomeoneElse } from './frame.tsx'

/** One request of a port node: what it asks, and the form for its answer. */
export function RequestDetailView({ id }: { id: string }) {
  const query = useRequest(id)
  return (
    <div className={query.data ? '' : 'card'}>
      <Loaded query={query} what="the request">
        {(request) => <Request request={request} />}
      </Loaded>
    </div>
  )
}

function Request({ request }: { request: PortRequestDetail }) {
  const [sent, setSent] = useState(false)
  const [conflict, setConflict] = useState(false)
  const open = request.state === 'open'
  return (
    <ItemFrame item={request} title={`Answer for ${request.tool}`}>
      {conflict ? <SomeoneElse item={request} /> : null}
      {open && sent ? <Sent word="answered" /> : null}
      <div className="flex flex-col gap-4 px-4 py-4">
        <Facts
          rows={[
            ['Port', <code key="p" className="text-xs">{`${request.tool} of ${request.workflow}`}</code>],
            ['Requested by', request.requester],
            ['Deadline', <Clock key="d" at={request.deadline} />],
          ]}
        />
        <section>
          <h3 className="eyebrow mb-1">What is asked</h3>
          {request.payload === null ? (
            <p className="text-sm text-muted">The content was erased.</p>
          ) : (
            <CodeBlock label="What is asked" text={prettyJson(request.payload)} />
          )}
        </section>
        {open && !sent ? (
          <AnswerForm request={request} onDone={() => setSent(true)} onConflict={() => setConflict(true)} />
        ) : null}
      </div>
    </ItemFrame>
  )
}

interface AnswerFormProps {
  readonly request: PortRequestDetail
  readonly onDone: () => void
  readonly onConflict: () => void
}

function AnswerForm({ request, onDone, onConflict }: AnswerFormProps) {
  const [text, setText] = useState(() => skeletonOf(request.response_schema))
  const [broken, setBroken] = useState<string | null>(null)
  const blocked = decideBlocked(request)
  const field = useId()
  const respond = useChange<unknown>((client, value) => client.respond({ params: { id: request.id }, body: { value } }))
  const taken = (error: unknown) => hasCode(error, 'APPROVAL_DECIDED', 'CONFLICT')
  const submit = (event: FormEvent) => {
    event.preventDefault()
    const value = parsed(text)
    setBroken(value === undefined ? 'This is not JSON: check quotes, commas and braces.' : null)
    if (value === undefined) return
    respond.mutate(value, {
      onSuccess: onDone,
      onError: (error) => (taken(error) ? onConflict() : undefined),
    })
  }
  return (
    <form onSubmit={submit} className="flex flex-col gap-2" aria-label="Answer">
      <label htmlFor={field} className="eyebrow">
        Your answer, as JSON
      </label>
      <textarea
        id={field}
        value={text}
        onChange={(event) => setText(event.target.value)}
        rows={Math.min(16, text.split('\n').length + 1)}
        spellCheck={false}
        disabled={blocked !== null}
        aria-invalid={broken !== null}
        aria-describedby={broken === null ? undefined : `${field}-broken`}
        className="field h-auto font-mono text-xs"
      />
      {broken === null ? null : (
        <p id={`${field}-broken`} role="alert" className="text-sm text-bad">
          {broken}
        </p>
      )}
      <details className="text-sm">
        <summary className="link cursor-pointer">The shape that it must have</summary>
        <CodeBlock label="Shape of the answer" text={JSON.stringify(request.response_schema, null, 2)} />
      </details>
      {respond.error && !taken(respond.error) ? <FormError error={respond.error} /> : null}
      <div>
        {blocked === null ? (
          <Button kind="primary" type="submit" disabled={respond.isPending}>
            Send the answer
          </Button>
        ) : (
          <GuardedButton blocked={blocked} showWhy onClick={() => undefined}>
            Send the answer
          </GuardedButton>
        )}
      </div>
    </form>
  )
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}
