import type { PolicyPort } from '../src/contracts/policy.ts'
import { KIT_TOOLS, lookUp, payTool } from '../src/testing/engine-kit.ts'
import type { OutsideBank } from '../src/testing/outside-bank.ts'
import { payDesk, threeLevels } from '../src/testing/scope-kit.ts'
import { scriptedPolicy } from '../src/testing/scripted-policy.ts'

/** Three levels that pay twice at a bank in another process. */
export function nestedFlow(host: string) {
  // The tool uses nothing of the bank but its host.
  const bank = { host } as OutsideBank
  const found = lookUp(bank)
  return threeLevels(
    payDesk(payTool(bank, { found, lookup: 'authoritative', settleAfterSeconds: 0, timeoutSeconds: 1 })),
  )
}

/** Allows everything that is nested and the payments. */
export function nestedPolicy(): PolicyPort {
  const enter = { class: 'workflows.enter', effect: 'none' } as const
  return scriptedPolicy({ tools: { ...KIT_TOOLS, 'workflows.middle': enter, 'workflows.pay-desk': enter } })
}
