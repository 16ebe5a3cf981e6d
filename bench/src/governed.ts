/**
 * Turns of an agent with a governed call: one model call and one call of a tool with an effect a turn, under a bundle of
 * policies, a budget and the ledger of effects; intents are on disk before anything is sent.
 */
import {
  agent,
  loadBundle,
  type ModelMessage,
  type ModelPort,
  type PolicyBundle,
  type Signalbox,
  type Store,
  tool,
  workflow,
} from 'signalbox'
import { scriptedModel } from 'signalbox/testing'
import { z } from 'zod'
import { answerOf, resultOf } from '../peers/src/payload.ts'
import { ended, openBox, USER } from './box.ts'

const CORE = `
@id("call.models")
@owner("bench")
permit (principal is Signalbox::Run, action in Signalbox::Action::"class:model.call", resource is Signalbox::Target);

@id("rows.write")
@owner("bench")
permit (principal is Signalbox::Run, action in Signalbox::Action::"class:records.write", resource is Signalbox::Target)
when { principal.tenant == resource.tenant && principal.user in Signalbox::Role::"requester" };

@id("rows.limit")
@owner("bench")
@effect("require_approval")
@approvers("role:approver")
@reason("ROW_ABOVE_LIMIT")
forbid (principal is Signalbox::Run, action in Signalbox::Action::"class:records.write", resource is Signalbox::Target)
when { context.input.row > 1000000 }
unless {
  context has approval && context.approval.bound && context.approval.fresh &&
  context.approval.approver in Signalbox::Role::"approver" && context.approval.approver != principal.user
};
`

/** The policies of the measurement: evaluated for every model call and every call of the tool. */
function bundle(): PolicyBundle {
  return loadBundle({
    'bundle.json': JSON.stringify({
      name: 'bench',
      version: '1.0.0',
      owner: 'bench',
      roles: ['requester', 'approver'],
      reasons: { ROW_ABOVE_LIMIT: 'a row above the limit needs an approver' },
    }),
    'catalogue.json': JSON.stringify({
      tools: [
        {
          name: 'bench.record',
          class: 'records.write',
          effect: 'irreversible',
          owner: 'bench',
          blast_radius: 'writes one row of the measurement',
          input: { row: 'Long' },
          facts: {},
        },
      ],
      models: [{ name: 'scripted/*', owner: 'bench' }],
      workflows: [{ name: 'bench-turns', owner: 'bench', roles: ['requester'] }],
    }),
    'core.cedar': CORE,
  })
}

/** Called by the model when the given turn of a conversation of `turns` begins; what it waits for holds the turn. */
export type OnTurn = (turn: number, turns: number) => void | Promise<void>

/** A turn by which the messages of the one before are measured. */
const MEASURED_TURN = 10

function models(onTurn: OnTurn, onMessages: (bytes: number) => void): ModelPort {
  const handle = scriptedModel('recorder', async ({ messages }) => {
    const turn = (messages.length - 2) / 2 + 1
    const turns = turnsOf(messages[1])
    if (turn === MEASURED_TURN) onMessages(Buffer.byteLength(JSON.stringify(messages.slice(-2))))
    if (turn > turns) return 'done'
    await onTurn(turn, turns)
    return { calls: [{ tool: 'bench.record', args: { row: turn, text: answerOf(turn) } }] }
  })
  return { resolve: () => handle }
}

/** A conversation is told apart by its length, which is its prompt. */
function turnsOf(message: ModelMessage | undefined): number {
  const part = message?.role === 'user' ? message.content[0] : undefined
  return part?.type === 'text' ? Number(part.text) : 0
}

function desk(onExecute: () => void) {
  const record = tool({
    name: 'bench.record',
    class: 'records.write',
    effect: 'irreversible',
    input: z.object({ row: z.int(), text: z.string() }),
    output: z.object({ text: z.string() }),
    effectKey: ({ row }) => ({ scope: 'run', key: String(row) }),
    execute: async ({ row }) => {
      onExecute()
      return { text: resultOf(row) }
    },
  })
  const recorder = agent({
    name: 'recorder',
    model: 'scripted/recorder',
    instructions: 'Record one row after the other.',
    maxOutputTokens: 400,
    tools: [record],
    input: z.object({ turns: z.int() }),
    output: z.string(),
  })
  return workflow({
    name: 'bench-turns',
    version: '1.0.0',
    input: z.object({ turns: z.int() }),
    output: z.string(),
    budget: {
      maxTurns: 100_000,
      maxToolCalls: 100_000,
      maxRuntimeSeconds: 3_000,
      maxTokens: 1_000_000_000_000,
      maxCostUsd: '100000000',
    },
    state: {},
  })
    .agent('recorder', recorder, { prompt: ({ turns }) => String(turns) })
    .start('recorder')
    .output('recorder')
    .build()
}

/** A runtime on which conversations of given lengths run. */
export class GovernedBox {
  readonly box: Signalbox
  /** How often the outside system was called: the measure of what happened. */
  executed = 0
  /** Bytes of the two messages of a turn as the model sees them, as JSON. */
  messageBytes = 0
  /** Turns that ended, by the runs that ended well. */
  finished = 0

  constructor(store: Store, onTurn: OnTurn = () => undefined) {
    const workflows = [
      desk(() => {
        this.executed += 1
      }),
    ]
    this.box = openBox(store, workflows, {
      policy: bundle(),
      models: models(onTurn, (bytes) => {
        this.messageBytes = bytes
      }),
    })
  }

  /** Stores a conversation that a worker takes up. */
  async start(turns: number): Promise<void> {
    await this.box.runs.start({ workflow: 'bench-turns', input: { turns }, principal: USER })
  }

  /** Runs `runs` concurrent conversations of `each` turns; turns a second, from the first claim to the last end. */
  async rate(runs: number, each: number): Promise<number> {
    for (let i = 0; i < runs; i++) await this.start(each)
    const done = ended(this.box, runs)
    const from = performance.now()
    const worker = this.box.work({ concurrency: runs })
    await done
    const ms = performance.now() - from
    await worker.stop()
    this.finished += runs * each
    return (runs * each * 1_000) / ms
  }

  close(): Promise<void> {
    return this.box.close()
  }
}
