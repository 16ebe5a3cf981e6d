import { usePolicyFindings } from '../../api/policy.ts'
import type { Phrase } from '../../lib/words.ts'
import { Card, State } from '../../ui/basics.tsx'
import { Empty, Loaded } from '../../ui/states.tsx'
import { Table } from '../../ui/table.tsx'

const SEVERITY: Record<'error' | 'warning' | 'notice', Phrase> = {
  error: { word: 'Error', tone: 'bad', icon: 'warning' },
  warning: { word: 'Warning', tone: 'warn', icon: 'flag' },
  notice: { word: 'Notice', tone: 'idle', icon: 'dot' },
}

/** What a check of the bundle in force finds, such as an effect that nobody has to approve. */
export function Findings() {
  const query = usePolicyFindings()
  return (
    <Card title="What a check finds" flush>
      <Loaded query={query} what="findings">
        {({ findings }) =>
          findings.length === 0 ? (
            <Empty title="Nothing to mend" icon="check" />
          ) : (
            <Table
              label="Findings"
              rows={findings}
              rowKey={(row) => `${row.code} ${row.file} ${row.line} ${row.subject}`}
              columns={[
                { name: 'Severity', cell: (row) => <State phrase={SEVERITY[row.severity]} /> },
                { name: 'Code', cell: (row) => <code className="text-2xs breakable">{row.code}</code> },
                {
                  name: 'Place',
                  cell: (row) => <code className="text-2xs breakable">{`${row.file}:${row.line}`}</code>,
                },
                { name: 'What', wide: true, cell: (row) => row.message },
              ]}
            />
          )
        }
      </Loaded>
    </Card>
  )
}
