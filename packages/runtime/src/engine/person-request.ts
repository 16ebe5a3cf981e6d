import type { PersonRequestRow } from '../contracts/store.ts'
import type { LiveRun } from './live-run.ts'

/** What is asked of a person; the run and the time come from where it is asked. */
type Asked = Pick<PersonRequestRow, 'id' | 'kind' | 'seq' | 'tool' | 'class' | 'effect' | 'approvers' | 'deadline'>

/** Lists an approval, question or port request as open, with the next commit of its run. */
export function listRequest(run: LiveRun, asked: Asked): void {
  run.with({
    request: {
      ...asked,
      tenant: run.tenant,
      runId: run.runId,
      workflow: run.spec.name,
      requester: run.principal.id,
      state: 'open',
      decidedBy: null,
      requestedAt: run.env.host.now(),
      decidedAt: null,
    },
  })
}
