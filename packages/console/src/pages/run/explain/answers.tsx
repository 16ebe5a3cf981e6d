import type { AnswersView } from '@signalbox/protocol'
import { type ReactNode, useId } from 'react'
import { Link } from 'react-router'
import { count, VERDICT } from '../../../lib/words.ts'
import { paths } from '../../../paths.ts'
import { State } from '../../../ui/basics.tsx'
import { Prose } from '../../../ui/prose.tsx'
import { RecordLink, RecordLinks } from '../../../ui/record-link.tsx'
import { NotKnown } from '../../../ui/states.tsx'
import { ApprovalAnswer } from './approval.tsx'
import { CostAnswer, ModelAnswer, OutsideAnswer, ResumeAnswer } from './answers-world.tsx'

/** The eight questions of an incident, each answered in a few words with links to the records behind it. */
export function Answers({ run, answers }: { run: string; answers: AnswersView }) {
  const { who, ran, why, approved, model, outside, resume, cost } = answers
  const all: readonly (readonly [string, readonly number[], ReactNode])[] = [
    ['Who asked?', who.seqs, <WhoAnswer key="who" who={who} />],
    ['What ran?', ran.seqs, <RanAnswer key="ran" run={run} ran={ran} />],
    ['Why, by which rule?', why.seqs, <WhyAnswer key="why" run={run} why={why} />],
    ['Who approved, and what did they see?', approved.seqs, <ApprovedAnswer key="ok" run={run} approved={approved} />],
    ['Which model and prompt?', model.seqs, <ModelAnswer key="model" run={run} model={model} />],
    ['What changed outside?', outside.seqs, <OutsideAnswer key="out" run={run} outside={outside} />],
    ['Where can it resume safely?', resume.seqs, <ResumeAnswer key="resume" run={run} resume={resume} />],
    ['What did it cost?', cost.seqs, <CostAnswer key="cost" run={run} cost={cost} />],
  ]
  return (
    <section aria-label="Eight answers" className="grid gap-3 md:grid-cols-2 2xl:grid-cols-4">
      {all.map(([question, seqs, body]) => (
        <Answer key={question} run={run} question={question} seqs={seqs}>
          {body}
        </Answer>
      ))}
    </section>
  )
}

interface AnswerProps {
  readonly run: string
  readonly question: string
  readonly seqs: readonly number[]
  readonly children: ReactNode
}

function Answer({ run, question, seqs, children }: AnswerProps) {
  const id = useId()
  return (
    <section aria-labelledby={id} className="card flex min-w-0 flex-col px-4 py-3">
      <h2 id={id} className="mb-1 text-sm font-semibold">
        {question}
      </h2>
      <div className="flex grow flex-col gap-1 text-sm breakable">{children}</div>
      <p className="mt-2 border-t border-line pt-1.5 text-xs text-muted">
        Rests on <RecordLinks run={run} seqs={seqs} />
      </p>
    </section>
  )
}

function WhoAnswer({ who }: { who: AnswersView['who'] }) {
  if (who.principal === null) return <NotKnown what="The start is not on record." />
  return (
    <>
      <p>
        <strong>{who.principal}</strong>
        {who.kind ? ` (${[who.kind, ...who.roles].join(', ')})` : null}
      </p>
      {who.via ? <p>Through the agent {who.via}.</p> : null}
      {who.request_id ? <p className="text-muted">Request {who.request_id}</p> : null}
      {who.credential ? <p className="text-muted">Credential {who.credential}</p> : null}
      {who.tenant ? <p className="text-muted">Tenant {who.tenant}</p> : null}
    </>
  )
}

function RanAnswer({ run, ran }: { run: string; ran: AnswersView['ran'] }) {
  return (
    <>
      <p>
        <strong>
          {ran.workflow ?? 'a workflow that is not on record'} {ran.version ?? ''}
        </strong>{' '}
        is {ran.status}
        {ran.code ? (
          <>
            {' '}
            with <code className="text-xs">{ran.code}</code>
          </>
        ) : null}
        .
      </p>
      {ran.reason ? (
        <p className="untrusted">
          <Prose text={ran.reason} />
        </p>
      ) : null}
      {ran.fork_of ? (
        <p>
          Forked from{' '}
          <Link className="link" to={paths.record(ran.fork_of.run, ran.fork_of.seq)}>
            record #{ran.fork_of.seq} of {ran.fork_of.run}
          </Link>
          .
        </p>
      ) : null}
      {ran.compensates ? (
        <p>
          Undoes{' '}
          <Link className="link" to={paths.explain(ran.compensates)}>
            {ran.compensates}
          </Link>
          .
        </p>
      ) : null}
      {ran.takeovers > 0 ? <p>Another worker took it over {count(ran.takeovers, 'time')}.</p> : null}
      {ran.overrides.map((each) => (
        <p key={each.seq}>
          {each.by}: {each.what.replaceAll('_', ' ')} <RecordLink run={run} seq={each.seq} />
        </p>
      ))}
      <p className="text-muted">Runtime {ran.runtime ?? 'not on record'}</p>
    </>
  )
}

const MOST_RULES = 6

function WhyAnswer({ run, why }: { run: string; why: AnswersView['why'] }) {
  // A read that policy or a reviewer needed says nothing about the effect that it was made for.
  const [reads, rules] = split(why.rules, ({ reason_code: code }) => code.startsWith('READ_FOR_'))
  const sorted = rules.toSorted((a, b) => Number(a.verdict === 'allow') - Number(b.verdict === 'allow'))
  return (
    <>
      {rules.length === 0 ? <p>No effect was judged, and nothing was denied.</p> : null}
      <ul className="flex flex-col gap-1.5">
        {sorted.slice(0, MOST_RULES).map((rule) => (
          <li key={`${rule.seq} ${rule.decision}`}>
            <VerdictWord verdict={rule.verdict} /> <span className="font-mono text-xs">{rule.subject}</span>{' '}
            <RecordLink run={run} seq={rule.seq} />
            <span className="block text-xs text-muted">
              <code>{rule.reason_code}</code> by {rule.policies.join(', ') || 'no named policy'}
              {rule.controls.map((each) => `; ${each.element}: ${each.verdict} (${each.reason_code})`)}
            </span>
          </li>
        ))}
      </ul>
      {rules.length > MOST_RULES ? (
        <Link className="link" to={paths.run(run, 'decisions')}>
          {count(rules.length - MOST_RULES, 'more verdict')}
        </Link>
      ) : null}
      {reads.length > 0 ? (
        <p className="text-xs text-muted">
          Reads made for these: <RecordLinks run={run} seqs={reads.map(({ seq }) => seq)} />
        </p>
      ) : null}
    </>
  )
}

function split<T>(all: readonly T[], belongs: (one: T) => boolean): readonly [readonly T[], readonly T[]] {
  return [all.filter(belongs), all.filter((one) => !belongs(one))]
}

function VerdictWord({ verdict }: { verdict: string }) {
  const phrase = Object.entries(VERDICT).find(([name]) => name === verdict)?.[1]
  return <State phrase={phrase ?? { word: verdict, tone: 'bad', icon: 'warning' }} />
}

function ApprovedAnswer({ run, approved }: { run: string; approved: AnswersView['approved'] }) {
  if (approved.approvals.length === 0) return <p>Nobody was asked.</p>
  return (
    <ul className="flex flex-col gap-2">
      {approved.approvals.map((each) => (
        <li key={each.approval}>
          <ApprovalAnswer run={run} approval={each} />
        </li>
      ))}
    </ul>
  )
}
