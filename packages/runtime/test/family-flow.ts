import type { PolicyPort } from '../src/contracts/policy.ts'
import { KIT_TOOLS, lookUp, oneNode, payTool } from '../src/testing/engine-kit.ts'
import type { OutsideBank } from '../src/testing/outside-bank.ts'
import { scriptedPolicy } from '../src/testing/scripted-policy.ts'

/** A workflow that pays once what the function says for its run, at a bank in another process. */
export function familyFlow(host: string, amount: (run: string) => number) {
  // The tool uses nothing of the bank but its host.
  const bank = { host } as OutsideBank
  const pay = payTool(bank, {
    found: lookUp(bank),
    lookup: 'authoritative',
    settleAfterSeconds: 0,
    timeoutSeconds: 1,
  })
  return oneNode(async (_input, ctx) => (await ctx.call(pay, { to: 'bob', amount: amount(ctx.runId) })).status, {
    tools: [pay],
  })
}

/** Allows the payment. */
export function familyPolicy(): PolicyPort {
  return scriptedPolicy({ tools: KIT_TOOLS })
}
