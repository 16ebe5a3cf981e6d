import { readFile } from 'node:fs/promises'
import { type AnyTool, agent, magentic, tool } from 'signalbox'
import { z } from 'zod'
import { findRollback, fleetHosts, Rollback, rollBack, Status, statusOf } from './fleet.ts'
import { contract } from './contract.ts'

const Incident = z.object({ service: z.string().regex(/^[a-z]+$/), symptom: z.string() })
const Report = z.object({ cause: z.string(), action: z.string() })

const searchLog = tool({
  name: 'logs.search',
  class: 'records.read',
  effect: 'none',
  input: z.object({ service: z.string().regex(/^[a-z]+$/), word: z.string() }),
  output: z.array(z.string()),
  execute: async ({ service, word }) => {
    const log = await readFile(new URL(`../data/${service}-log.txt`, import.meta.url), 'utf8')
    return log.split('\n').filter((line) => line.includes(word))
  },
})

const status = tool({
  name: 'releases.status',
  class: 'records.read',
  effect: 'none',
  input: z.object({ service: z.string() }),
  output: Status,
  hosts: fleetHosts,
  execute: statusOf,
})

const rollback = tool({
  name: 'releases.roll_back',
  class: 'releases.write', // the lead on call approves each, says the policy
  effect: 'reversible',
  input: Rollback,
  output: Status,
  effectKey: ({ service, from }) => ({ scope: 'tenant', key: `${service} ${from}` }),
  preview: async (args, ctx) => ({
    summary: `Put ${args.service} back from ${args.from} to ${args.to}`,
    target: { type: 'service', id: args.service, version: (await statusOf(args, ctx)).release },
    impact: {},
    rollback: `Release ${args.from} again.`,
  }),
  hosts: fleetHosts,
  timeoutSeconds: 8,
  settleAfterSeconds: 1,
  execute: rollBack,
  reconcile: findRollback,
})

const worker = (name: string, description: string, tools: readonly AnyTool[]) =>
  agent({
    name,
    model: process.env.SIGNALBOX_MODEL ?? `scripted/${name}`,
    instructions: `You are part of a team that looks into an incident; your part: ${description}. Report facts only.`,
    maxOutputTokens: 600,
    tools,
    input: Incident,
    output: z.string(),
  })
const team = {
  manager: 'directs the team',
  reader: 'reads logs',
  prober: 'asks services',
  operator: 'changes releases',
}

// #region incident
export const incident = magentic({
  name: 'incident',
  version: '1.0.0',
  input: Incident,
  output: Report,
  contract,
  budget: { maxTurns: 40, maxToolCalls: 12, maxRuntimeSeconds: 120, maxTokens: 400_000, maxCostUsd: '1.00' },
  manager: worker('manager', team.manager, []),
  participants: [
    { does: worker('reader', team.reader, [searchLog]), description: team.reader },
    { does: worker('prober', team.prober, [status]), description: team.prober },
    { does: worker('operator', team.operator, [rollback]), description: team.operator },
  ],
  maxRounds: 8,
  maxStalls: 1, // two rounds without progress: another plan
  maxResets: 1,
  planReview: { deadlineSeconds: 3_600 }, // a person sees each plan first
})
// #endregion incident
