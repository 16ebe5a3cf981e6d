import { z } from 'zod'
import { type Script, scriptedHandle } from '../../agents/scripted.ts'
import type { ModelHandle, ModelRequest } from '../../contracts/model.ts'
import type { Tool } from '../../contracts/tool.ts'
import { loadPrices } from '../../price-file.ts'
import { tool } from '../../tools/index.ts'
import type { Peer } from './outside.ts'

/** What one cell of the matrix plays in. A gate changes it while the cell runs. */
export interface World {
  readonly peer: Peer
  /** Under this name the outside process keeps its book. */
  readonly cell: string
  /** The arguments no longer fit the tool's schema. */
  unfit: boolean
  /** The facts for the policy cannot be read. */
  factsFail: boolean
  /** The tool may reach no host at all. */
  noHost: boolean
  /** Version of what is paid for, as a reviewer sees it. */
  target: string
  /** The next attempt of a node that asks this fails before it asks for anything. */
  failOnce: boolean
  /** How far the process slept beyond its clock's timers, in milliseconds. */
  sleptMs: number
  /** The store that failed answers again, so that its process can be ended. */
  healed: boolean
}

/** A world in which every gate is open. */
export function openWorld(peer: Peer, cell: string): World {
  const open = {
    unfit: false,
    factsFail: false,
    noHost: false,
    target: '1',
    failOnce: false,
    sleptMs: 0,
    healed: false,
  }
  return { peer, cell, ...open }
}

const RECEIPT = z.object({ receipt: z.string() })
const ORDER = z.object({ to: z.string(), amount: z.int() })

/** The tool of the matrix: it pays at the outside process. */
export type Pay = Tool<z.output<typeof ORDER>, z.output<typeof RECEIPT>>

/** Pays at the outside process. Its identity counts in the whole tenant, so that the ledger knows it. */
export function payTool(world: World, { name = 'pay.send', undo }: { name?: string; undo?: Pay } = {}): Pay {
  return tool({
    name,
    class: 'payments.write',
    effect: 'irreversible',
    input: ORDER.refine(() => !world.unfit || name !== 'pay.send', 'this is no payment'),
    output: RECEIPT,
    hosts: () => (world.noHost && name === 'pay.send' ? ['127.0.0.1:9'] : [world.peer.host]),
    facts: {
      schema: z.object({ open: z.boolean() }),
      read: async () => {
        if (world.factsFail) throw new Error('the account cannot be read')
        return { open: true }
      },
    },
    effectKey: ({ to, amount }) => ({ scope: 'tenant', key: `${to} ${amount}` }),
    preview: async ({ to, amount }) => ({
      summary: `pay ${to}`,
      target: { type: 'account', id: to, version: world.target },
      impact: { money: { minor: amount, currency: 'EUR' } },
      rollback: 'none',
    }),
    execute: async (args, { fetch: send }) => {
      const answer = await send(`http://${world.peer.host}/${world.cell}/pay`, {
        method: 'POST',
        body: JSON.stringify(args),
      })
      return RECEIPT.parse(await answer.json())
    },
    ...(undo ? { undo: { tool: undo, args: (args: z.output<typeof ORDER>) => args } } : {}),
  })
}

/** A model whose provider is the outside process: each call arrives there with all that the model is shown. */
export function outsideModel(world: World, name: string, script: Script): ModelHandle {
  const id = `scripted/${name}`
  const asked: Script = async (request, signal) => {
    await fetch(`http://${world.peer.host}/${world.cell}/model`, {
      method: 'POST',
      body: JSON.stringify(request.messages),
    })
    return script(request, signal)
  }
  return scriptedHandle(id, asked, loadPrices().lookup(id))
}

/** Pays once, then tells what came of it. */
export function payingScript(
  world: World,
  tool = 'pay.send',
  args: Record<string, string | number> = ORDER_OF_5,
): Script {
  return (request) => {
    if (world.failOnce) {
      world.failOnce = false
      throw new Error('the first attempt fails')
    }
    const told = toldBy(request)
    return told === null ? { calls: [{ tool, args }] } : told
  }
}

/** What every row of the matrix pays. */
export const ORDER_OF_5 = { to: 'bob', amount: 5 } as const

/** The results of the calls since somebody last spoke, as text; null when none was made. */
export function toldBy({ messages }: ModelRequest): string | null {
  const last = messages.at(-1)
  return last?.role === 'tool' ? JSON.stringify(last.content) : null
}

/** What a node tells of the call that it made. */
export function toldOf(end: { readonly status: string }): string {
  return end.status === 'succeeded' && 'output' in end ? JSON.stringify(end.output) : end.status
}
