import type { DecisionRow } from '@signalbox/protocol'
import { useId, useState } from 'react'
import { Link } from 'react-router'
import { type DecisionFilter, useDecision, useDecisions } from '../../api/policy.ts'
import { shortId } from '../../lib/format.ts'
import { VERDICT } from '../../lib/words.ts'
import { paths } from '../../paths.ts'
import { Button, CodeBlock, Facts, State } from '../../ui/basics.tsx'
import { Dialog } from '../../ui/dialog.tsx'
import { RecordLink } from '../../ui/record-link.tsx'
import { Empty, Loaded } from '../../ui/states.tsx'
import { Table } from '../../ui/table.tsx'
import { Age } from '../../ui/time.tsx'
import { Choice, TextField } from './fields.tsx'
import { Told } from './told.tsx'

const START: DecisionFilter = { days: 1, verdict: '', tool: '', policy: '', principal: '', run: '' }
const SPANS: readonly (readonly [string, string])[] = [
  ['1', 'Last day'],
  ['7', 'Last 7 days'],
  ['30', 'Last 30 days'],
  ['365', 'Last year'],
]

/** What policy decided, newest first, with filters; each decision can be read in plain words. */
export function DecisionLog() {
  const [filter, setFilter] = useState(START)
  const [chosen, setChosen] = useState<DecisionRow | null>(null)
  const query = useDecisions(filter)
  return (
    <>
      <p className="mb-3 text-sm">
        <Link className="link" to={paths.effects()}>
          What came of them: the log of effects
        </Link>
      </p>
      <Filter value={filter} onChange={setFilter} />
      <div className="card">
        <Loaded query={query} what="decisions">
          {({ decisions: rows, more }) =>
            rows.length === 0 ? (
              <Empty title="No such decision">
                Nothing was decided in this time that the filter lets through. A longer time or fewer words show more.
              </Empty>
            ) : (
              <>
                <DecisionTable rows={rows} onChoose={setChosen} />
                {more ? <p className="px-4 py-2 text-sm text-muted">There are more: narrow the filter.</p> : null}
              </>
            )
          }
        </Loaded>
      </div>
      {chosen ? <DecisionDialog row={chosen} onClose={() => setChosen(null)} /> : null}
    </>
  )
}

function Filter({ value, onChange }: { value: DecisionFilter; onChange: (filter: DecisionFilter) => void }) {
  const set = (change: Partial<DecisionFilter>) => onChange({ ...value, ...change })
  const verdicts = Object.entries(VERDICT).map(([name, { word }]) => [name, word] as const)
  return (
    <search aria-label="Filter of decisions" className="mb-3 grid grid-cols-1 gap-3 sm:grid-cols-3 xl:grid-cols-6">
      <Choice label="Time" value={`${value.days}`} options={SPANS} onChange={(days) => set({ days: Number(days) })} />
      <Choice
        label="Verdict"
        value={value.verdict}
        options={[['', 'Every verdict'], ...verdicts]}
        onChange={(verdict) => set({ verdict })}
      />
      <TextField label="Tool, model or point" value={value.tool} onChange={(tool) => set({ tool })} />
      <TextField label="Policy" value={value.policy} onChange={(policy) => set({ policy })} />
      <TextField label="User" value={value.principal} onChange={(principal) => set({ principal })} />
      <TextField label="Run" value={value.run} onChange={(run) => set({ run })} />
    </search>
  )
}

function DecisionTable({ rows, onChoose }: { rows: readonly DecisionRow[]; onChoose: (row: DecisionRow) => void }) {
  return (
    <Table
      label="Decisions"
      rows={rows}
      rowKey={(row) => row.id}
      columns={[
        { name: 'When', cell: (row) => <Age at={row.at} /> },
        { name: 'Verdict', cell: (row) => <State phrase={VERDICT[row.verdict]} /> },
        { name: 'About', cell: (row) => <span className="font-mono text-xs breakable">{row.name}</span> },
        { name: 'For', cell: (row) => <span className="breakable">{row.principal}</span> },
        {
          name: 'Reason',
          cell: (row) => (
            <span className="breakable">
              <code className="text-2xs">{row.reason_code}</code>
              <span className="block text-xs text-muted">{row.policies.join(', ')}</span>
            </span>
          ),
        },
        {
          name: 'Run',
          cell: (row) => (
            <>
              <Link className="link" to={paths.run(row.run_id, 'decisions')}>
                {shortId(row.run_id)}
              </Link>{' '}
              <RecordLink run={row.run_id} seq={row.seq} />
            </>
          ),
        },
        {
          name: 'Why',
          cell: (row) => (
            <Button onClick={() => onChoose(row)}>
              Why<span className="sr-only"> {row.name} was decided so</span>
            </Button>
          ),
        },
      ]}
    />
  )
}

function DecisionDialog({ row, onClose }: { row: DecisionRow; onClose: () => void }) {
  const query = useDecision(row.id, row.run_id)
  const id = useId()
  return (
    <Dialog title={`Why ${row.name} was decided so`} onClose={onClose}>
      <Loaded query={query} what="the decision">
        {({ decision, sentence, asked, told, not_told: notTold, approval }) => (
          <div className="flex flex-col gap-3 text-sm">
            <Facts
              rows={[
                ['Verdict', <State key="v" phrase={VERDICT[decision.verdict]} />],
                ['Reason', sentence ?? decision.reason_code],
                ['For', asked ? `${asked.principal.id} (${asked.principal.roles.join(', ')})` : decision.principal],
                ['Bundle', decision.bundle],
                ...(approval
                  ? ([['Approval', `${approval.answer ?? 'open'}${approval.by ? ` by ${approval.by}` : ''}`]] as const)
                  : []),
              ]}
            />
            {asked ? (
              <CodeBlock
                label="What policy was asked"
                text={JSON.stringify({ ...asked.input, ...asked.facts }, null, 2)}
              />
            ) : null}
            {told ? <Told told={told} /> : <p className="text-muted">{notTold}</p>}
          </div>
        )}
      </Loaded>
      <div className="mt-3 flex justify-end">
        <Button id={id} onClick={onClose}>
          Close
        </Button>
      </div>
    </Dialog>
  )
}
