/** Other products, each a process of its own with packages of its own; they are measured only where they are installed. */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { Mark, PeerTask } from '../peers/src/serve.ts'
import type { Line, Subject } from './subject.ts'

/** What is known of a peer before it runs. */
export interface PeerSpec {
  readonly name: string
  /** Its file in `bench/peers/src`. */
  readonly file: string
  readonly durable: string
  /** The package whose presence says that it is installed. */
  readonly needs: string
  /** Its flushes are counted: it keeps steps on disk. */
  readonly keepsSteps: boolean
  /** A further word on its command line. */
  readonly mode?: string
}

const PEERS_FOLDER = fileURLToPath(new URL('../peers/', import.meta.url))

/** LangGraph's agent without durability: what a governed turn should take less time than. */
export const LANGGRAPH_AGENT = 'LangGraph agent'

/** The products that are compared, and what each has on disk when a step is over; read in their code, counted by strace. */
export const PEERS: readonly PeerSpec[] = [
  {
    name: 'LangGraph',
    file: join(PEERS_FOLDER, 'src/langgraph.ts'),
    needs: '@langchain/langgraph',
    keepsSteps: true,
    durable:
      'the whole state as a checkpoint, and the writes of the node: two commits, synchronous = FULL set by hand (its driver leaves the flush out), durability sync',
  },
  {
    name: 'Mastra',
    file: join(PEERS_FOLDER, 'src/mastra.ts'),
    needs: '@mastra/core',
    keepsSteps: true,
    durable:
      "the run's whole snapshot when the next step begins, replacing the one before: one commit, synchronous = FULL set by hand (its storage sets NORMAL, without a flush)",
  },
  {
    name: 'Restate',
    file: join(PEERS_FOLDER, 'src/restate.ts'),
    needs: '@restatedev/restate-server',
    keepsSteps: true,
    durable:
      'the result of the step in the log of its server before the next begins: flushed, shared between runs (its default); one node, no replication',
  },
  {
    name: 'AI SDK',
    file: join(PEERS_FOLDER, 'src/ai-sdk.ts'),
    needs: 'ai',
    keepsSteps: false,
    durable: 'nothing: the loop of streamText lives in memory',
  },
  {
    name: 'OpenAI Agents',
    file: join(PEERS_FOLDER, 'src/openai-agents.ts'),
    needs: '@openai/agents',
    keepsSteps: false,
    durable: 'nothing: the run lives in memory, tracing off',
  },
  {
    name: LANGGRAPH_AGENT,
    file: join(PEERS_FOLDER, 'src/langgraph-agent.ts'),
    needs: '@langchain/langgraph',
    keepsSteps: false,
    durable: 'nothing: no checkpointer',
  },
  {
    name: 'LangGraph agent on SQLite',
    file: join(PEERS_FOLDER, 'src/langgraph-agent.ts'),
    needs: '@langchain/langgraph',
    keepsSteps: false,
    mode: 'sqlite',
    durable:
      'its checkpoints, synchronous = FULL set by hand, durability sync; messages and nothing of policy or budget',
  },
]

/** The peers that are installed. */
export function installedPeers(): readonly PeerSpec[] {
  return PEERS.filter(({ needs }) => existsSync(join(PEERS_FOLDER, 'node_modules', needs)))
}

/** A running peer. */
export class PeerProcess implements Subject {
  readonly name: string
  readonly durable: string
  readonly #child: ChildProcess

  private constructor(spec: PeerSpec, child: ChildProcess) {
    this.name = spec.name
    this.durable = spec.durable
    this.#child = child
  }

  /**
   * Starts the peer on an empty folder of its own. `sync: 'off'` is the planted fault; `before` is put in front of its
   * command line (strace). Rejects when it ends instead of getting ready.
   */
  static async start(
    spec: PeerSpec,
    folder: string,
    options: { readonly sync?: 'full' | 'off'; readonly before?: readonly string[] } = {},
  ): Promise<PeerProcess> {
    const own = join(folder, spec.name.toLowerCase().replaceAll(' ', '-'))
    mkdirSync(own, { recursive: true })
    const [command = '', ...args] = [
      ...(options.before ?? []),
      ...[
        process.execPath,
        '--no-warnings',
        '--conditions=signalbox-source',
        spec.file,
        own,
        options.sync ?? 'full',
        spec.mode ?? '',
      ],
    ]
    const child = spawn(command, args, { stdio: ['ignore', 'ignore', 'inherit', 'ipc'] })
    await answerOf(spec.name, child)
    return new PeerProcess(spec, child)
  }

  async rate(line: Line, runs: number, each: number): Promise<number | null> {
    const { ms } = await this.#ask({ kind: line, runs, each })
    return typeof ms === 'number' ? (runs * each * 1_000) / ms : null
  }

  /** Marks of one conversation at the given turns; none when the peer has no such measurement. */
  async conversation(turns: number, marks: readonly number[]): Promise<readonly Mark[]> {
    const answer = await this.#ask({ kind: 'conversation', turns, marks })
    // The peer's own protocol says so (`serve.ts`).
    return Array.isArray(answer.marks) ? (answer.marks as Mark[]) : []
  }

  async close(): Promise<void> {
    const gone = once(this.#child, 'exit')
    await this.#ask({ kind: 'close' })
    await gone
  }

  #ask(task: PeerTask): Promise<Readonly<Record<string, unknown>>> {
    const answer = answerOf(this.name, this.#child)
    this.#child.send(task)
    return answer
  }
}

/** The next message of a process. Rejects when it ends or tells an error instead. */
export function answerOf(name: string, child: ChildProcess): Promise<Readonly<Record<string, unknown>>> {
  return new Promise((resolve, reject) => {
    const ended = (code: number | null): void => reject(new Error(`${name} ended with exit code ${code}`))
    child.once('exit', ended)
    child.once('error', reject)
    child.once('message', (message) => {
      child.off('exit', ended)
      child.off('error', reject)
      const answer: Readonly<Record<string, unknown>> = Object.fromEntries(Object.entries(message))
      if (typeof answer.error === 'string') reject(new Error(`${name}: ${answer.error}`))
      else resolve(answer)
    })
  })
}
