import { z } from 'zod'
import type { Agent } from '../../contracts/workflow.ts'
import { magentic } from '../../orchestration/index.ts'
import { WIDE_BUDGET } from '../bench-box.ts'
import { lastAsked } from '../pattern-kit.ts'
import type { Built } from './form.ts'
import { outsideModel, payingScript, type World } from './world.ts'

const PLAN = {
  facts: { given: ['the task'], lookUp: [], derive: [], guesses: [] },
  plan: [{ who: 'payer', what: 'pay' }],
}

/** A team whose manager has one member pay. */
export function magenticForm(
  world: World,
  speaker: (name: string) => Agent<string, string>,
  payer: Agent<string, string>,
): Pick<Built, 'workflow' | 'models'> {
  const flow = magentic({
    name: 'team',
    version: '1.0.0',
    input: z.string(),
    output: z.string(),
    budget: WIDE_BUDGET,
    manager: speaker('boss'),
    participants: [
      { does: payer, description: 'pays' },
      { does: speaker('other'), description: 'looks' },
    ],
    maxRounds: 4,
  })
  return {
    workflow: flow,
    models: [
      outsideModel(world, 'boss', (request) => bossAnswer(lastAsked(request))),
      outsideModel(world, 'payer', payingScript(world)),
      outsideModel(world, 'other', () => 'fine'),
    ],
  }
}

function bossAnswer(asked: string): string {
  if (asked.includes('Give the final answer')) return asked.slice(-2_000)
  if (!asked.includes('Is the team in a loop')) return JSON.stringify(PLAN)
  const satisfied = /^payer:$/m.test(asked)
  const all = {
    satisfied,
    inLoop: false,
    progress: true,
    done: satisfied ? [1] : [],
    next: 'payer',
    instruction: 'pay',
  }
  return JSON.stringify(
    Object.fromEntries(Object.entries(all).map(([name, answer]) => [name, { answer, reason: 'so it is' }])),
  )
}
