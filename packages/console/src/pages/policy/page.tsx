import { Tabs } from 'radix-ui'
import type { ReactNode } from 'react'
import { useNavigate, useParams } from 'react-router'
import { useTitle } from '../../lib/hooks.ts'
import { POLICY_VIEWS, type PolicyView, paths, policyViewOf } from '../../paths.ts'
import { AccessView } from './access.tsx'
import { BundleView } from './bundle.tsx'
import { DecisionLog } from './decisions.tsx'
import { SimulatorView } from './simulator.tsx'

const LABELS: Record<PolicyView, string> = {
  bundle: 'Bundle',
  decisions: 'Decisions',
  simulator: 'Simulator and replay',
  access: 'Roles, exemptions, credentials',
}

/** The policy: what is in force and who brought it there, what it decided, what it would decide, and who may do what. */
export function PolicyPage() {
  useTitle('Policy')
  const navigate = useNavigate()
  const view = policyViewOf(useParams().view)
  const bodies: Record<PolicyView, () => ReactNode> = {
    bundle: () => <BundleView />,
    decisions: () => <DecisionLog />,
    simulator: () => <SimulatorView />,
    access: () => <AccessView />,
  }
  return (
    <>
      <h1 className="mb-3 text-xl font-semibold tracking-tight">Policy</h1>
      <Tabs.Root
        value={view}
        onValueChange={(next) => navigate(paths.policy(policyViewOf(next)), { replace: true })}
        activationMode="manual"
        className="min-w-0"
      >
        <Tabs.List aria-label="Views of the policy" className="mb-3 flex flex-wrap gap-x-1 border-b border-line">
          {POLICY_VIEWS.map((name) => (
            <Tabs.Trigger
              key={name}
              value={name}
              className="-mb-px border-b-2 border-transparent px-2.5 py-2 text-sm font-semibold text-muted hover:text-ink data-[state=active]:border-accent data-[state=active]:text-ink"
            >
              {LABELS[name]}
            </Tabs.Trigger>
          ))}
        </Tabs.List>
        {POLICY_VIEWS.map((name) => (
          <Tabs.Content key={name} value={name} tabIndex={-1}>
            {bodies[name]()}
          </Tabs.Content>
        ))}
      </Tabs.Root>
    </>
  )
}
