import type { QuestionDetail } from '@signalbox/protocol'
import { useState } from 'react'
import { hasCode } from '../../api/problem.ts'
import { useChange, useQuestion } from '../../api/queries.ts'
import { prettyJson } from '../../lib/format.ts'
import { decideBlocked } from '../../lib/permissions.ts'
import { ACTIVITY_STATUS, approversText } from '../../lib/words.ts'
import { Button, type ButtonKind, CodeBlock, Facts, GuardedButton, Tag } from '../../ui/basics.tsx'
import { ConfirmDialog } from '../../ui/dialog.tsx'
import { Loaded } from '../../ui/states.tsx'
import { Clock } from '../../ui/time.tsx'
import { ItemFrame, Sent, SomeoneElse } from './frame.tsx'

type Answer = 'happened' | 'did_not' | 'stop'

interface Choice {
  readonly answer: Answer
  readonly label: string
  readonly consequence: string
  readonly kind: ButtonKind
}

const CHOICES: readonly Choice[] = [
  {
    answer: 'happened',
    label: 'It happened',
    consequence: 'The effect is recorded as done, told by you. It is not sent again.',
    kind: 'plain',
  },
  {
    answer: 'did_not',
    label: 'It did not happen',
    consequence: 'The run may send it again. If it did happen, it then happens twice: look in the target system first.',
    kind: 'plain',
  },
  {
    answer: 'stop',
    label: 'Stop the run',
    consequence: 'The run ends and the effect stays recorded as unknown.',
    kind: 'danger',
  },
]

/** One question about an effect whose outcome nobody knows: what was sent, and the three answers. */
export function QuestionDetailView({ id }: { id: string }) {
  const query = useQuestion(id)
  return (
    <div className={query.data ? '' : 'card'}>
      <Loaded query={query} what="the question">
        {(question) => <Question question={question} />}
      </Loaded>
    </div>
  )
}

function Question({ question }: { question: QuestionDetail }) {
  const [asked, setAsked] = useState<Choice | null>(null)
  const [sent, setSent] = useState(false)
  const [conflict, setConflict] = useState(false)
  const open = question.state === 'open'
  return (
    <ItemFrame
      item={question}
      title={
        question.packet?.earlier
          ? `${question.tool} was asked again with other arguments`
          : `Did ${question.tool} happen?`
      }
    >
      {conflict ? <SomeoneElse item={question} /> : null}
      {open && sent ? <Sent word="answered" /> : null}
      {open && !sent ? (
        <Choices again={Boolean(question.packet?.earlier)} blocked={decideBlocked(question)} onAsk={setAsked} />
      ) : null}
      <Packet question={question} />
      {asked ? (
        <AnswerDialog
          id={question.id}
          choice={asked}
          onClose={() => setAsked(null)}
          onDone={() => {
            setSent(true)
            setAsked(null)
          }}
          onConflict={() => {
            setConflict(true)
            setAsked(null)
          }}
        />
      ) : null}
    </ItemFrame>
  )
}

interface ChoicesProps {
  /** The same effect was asked again with other arguments. */
  readonly again: boolean
  readonly blocked: string | null
  readonly onAsk: (choice: Choice) => void
}

function Choices({ again, blocked, onAsk }: ChoicesProps) {
  return (
    <div className="border-b border-line px-4 py-3">
      <p className="mb-2 max-w-prose text-sm">
        {again
          ? 'The ledger holds this effect with other arguments. Look in the target system, then say what is true there.'
          : 'The call was sent and its answer was lost. Look in the target system, then say what is true there.'}
      </p>
      <div className="flex flex-wrap items-center gap-2">
        {CHOICES.map((choice, at) =>
          blocked === null ? (
            <Button key={choice.answer} kind={choice.kind} onClick={() => onAsk(choice)}>
              {choice.label}
            </Button>
          ) : (
            <GuardedButton
              key={choice.answer}
              blocked={blocked}
              showWhy={at === CHOICES.length - 1}
              onClick={() => undefined}
            >
              {choice.label}
            </GuardedButton>
          ),
        )}
      </div>
    </div>
  )
}

function Packet({ question }: { question: QuestionDetail }) {
  const { packet } = question
  return (
    <div className="flex flex-col gap-4 px-4 py-4">
      <Facts
        rows={[
          [
            'Tool',
            <span key="t" className="inline-flex flex-wrap items-center gap-x-2">
              <code className="text-xs">{question.tool}</code>
              <Tag mono>{question.class}</Tag>
            </span>,
          ],
          ['Sent', packet ? <Clock key="s" at={packet.sent_at} /> : 'not known: the content was erased'],
          [
            'Search for key',
            <code key="k" className="text-xs">
              {packet?.idempotency_key ?? 'erased'}
            </code>,
          ],
          ['Requested by', question.requester],
          ['May answer', approversText(question.approvers) || 'an operator or approver'],
          ['Deadline', <Clock key="d" at={question.deadline} />],
        ]}
      />
      {packet ? (
        <section>
          <h3 className="eyebrow mb-1">What was sent</h3>
          <CodeBlock label="What was sent" text={prettyJson(packet.arguments)} />
        </section>
      ) : null}
      {packet?.earlier ? <Earlier earlier={packet.earlier} /> : null}
    </div>
  )
}

function Earlier({ earlier }: { earlier: { run: string; arguments: string | null; status: string } }) {
  const phrase = Object.entries(ACTIVITY_STATUS).find(([name]) => name === earlier.status)?.[1]
  return (
    <section>
      <h3 className="eyebrow mb-1">The ledger holds the same effect with other arguments</h3>
      <p className="mb-1 text-sm breakable">
        From run <code className="text-xs">{earlier.run}</code>: {phrase?.word.toLowerCase() ?? earlier.status}.
      </p>
      {earlier.arguments === null ? (
        <p className="text-sm text-muted">Its arguments were erased.</p>
      ) : (
        <CodeBlock label="Earlier arguments" text={prettyJson(earlier.arguments)} />
      )}
    </section>
  )
}

interface AnswerDialogProps {
  readonly id: string
  readonly choice: Choice
  readonly onClose: () => void
  readonly onDone: () => void
  readonly onConflict: () => void
}

function AnswerDialog({ id, choice, onClose, onDone, onConflict }: AnswerDialogProps) {
  const answer = useChange<string>((client, reason) =>
    client.answer({ params: { id }, body: { answer: choice.answer, reason } }),
  )
  const taken = (error: unknown) => hasCode(error, 'APPROVAL_DECIDED', 'CONFLICT')
  return (
    <ConfirmDialog
      title={choice.label}
      action={choice.label}
      kind={choice.answer === 'stop' ? 'danger' : 'primary'}
      reasonLabel="How do you know"
      pending={answer.isPending}
      error={taken(answer.error) ? null : answer.error}
      onClose={onClose}
      onConfirm={(reason) =>
        answer.mutate(reason, { onSuccess: onDone, onError: (error) => (taken(error) ? onConflict() : undefined) })
      }
    >
      <p>{choice.consequence}</p>
    </ConfirmDialog>
  )
}
