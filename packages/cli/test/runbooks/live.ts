/** Situations of runbooks that are followed on a running development server, one after another. */
import { appendFileSync, cpSync, existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { CONFIG, type Dev, dataFolder, type Ended, run, runProcess, startDev } from '../harness.ts'
import { type Pager, startPager } from './pager.ts'

/** The names in angle brackets that a runbook starts from. */
type Values = Readonly<Record<string, string>>

export interface Live {
  readonly dev: Dev
  readonly path: string
  /** What the outside system has on record, one line for each transfer. */
  readonly book: () => readonly string[]
  readonly cli: (...args: string[]) => Promise<Ended>
  /** Where messages to people go. */
  readonly pager: Pager
  readonly stop: () => Promise<void>
}

/** Starts a server on the sample project, with a copy of its policy, budgets and schedules. */
export async function startLive(): Promise<Live> {
  const data = dataFolder()
  const policy = join(data.path, 'policy')
  cpSync(join(dirname(CONFIG), 'policy'), policy, { recursive: true })
  const path = join(data.path, 'data')
  const book = join(data.path, 'book.txt')
  const pager = await startPager()
  const hook = { SAMPLE_HOOK: pager.url, SAMPLE_HOOK_SECRET: `whsec_${Buffer.alloc(32, 7).toString('base64')}` }
  const env = { ...hook, SAMPLE_POLICY: policy, SAMPLE_BOOK: book, SAMPLE_BUDGETS: '1', SAMPLE_SCHEDULES: '1' }
  const dev = await startDev(path, { env })
  return {
    dev,
    path: data.path,
    pager,
    book: () =>
      existsSync(book)
        ? readFileSync(book, 'utf8')
            .split('\n')
            .filter((line) => line !== '')
        : [],
    cli: (...args) => (args[0] === 'upgrade' ? checked(data.path, path, args) : run([...args, '--data', path])),
    stop: async () => {
      await dev.end('SIGTERM')
      await pager.close()
      data.remove()
    },
  }
}

/** The upgrade check writes its report beside the project: this one lies in the folder of the test. */
function checked(folder: string, data: string, args: readonly string[]): Promise<Ended> {
  const config = join(folder, 'signalbox.config.ts')
  writeFileSync(config, `export { default } from ${JSON.stringify(CONFIG)}\n`)
  return runProcess([...args, '--data', data, '--config', config], {}, folder)
}

async function json(live: Live, ...args: string[]) {
  const ended = await live.cli(...args, '--json')
  if (ended.code !== 0) throw new Error(`${args.join(' ')}: ${ended.stderr}`)
  return JSON.parse(ended.stdout)
}

/** Starts a run and waits until it stands: its id, and what it waits for. */
async function started(live: Live, workflow: string, to: string, amount: number): Promise<Values> {
  const input = JSON.stringify({ to, amount })
  const told = await json(live, 'run', workflow, '--input', input, '--wait', '--as', 'rita')
  return { run: told.run_id, open: told.open[0]?.id ?? '' }
}

async function until(met: () => Promise<boolean>): Promise<void> {
  while (!(await met())) await new Promise((resolve) => setTimeout(resolve, 100))
}

async function held(live: Live): Promise<Values> {
  const order = ['--mode', 'pause', '--wait', '--reason', 'odd bookings', '--as', 'olga']
  const { id } = await json(live, 'kill', 'tool', 'transfer.send', ...order)
  const input = JSON.stringify({ to: 'payroll', amount: 7 })
  const { run_id: runId } = await json(live, 'run', 'transfer', '--input', input, '--as', 'rita')
  await until(async () => (await json(live, 'show', runId)).held_up.length > 0)
  return { switch: id, run: runId }
}

/** Lifts what a runbook leaves standing on purpose: the next one begins without. */
export async function allLifted(live: Live): Promise<void> {
  const { kill_switches: all } = await json(live, 'kill', 'list')
  for (const { id, engaged } of all)
    if (engaged) await json(live, 'kill', 'lift', id, '--reason', 'the next runbook', '--as', 'olga')
}

/** Claims without progress, as those of workers whose process ends each time. */
async function quarantined(live: Live): Promise<Values> {
  const { run: runId = '', open = '' } = await started(live, 'transfer', 'quinn', 300)
  const database = new DatabaseSync(join(live.path, 'data', 'signalbox.db'), { timeout: 10_000 })
  database.prepare('UPDATE runs SET attempts = 5 WHERE run_id = ?').run(runId)
  database.close()
  await json(live, 'approve', open, '--reason', 'known payee', '--as', 'paul')
  await until(async () => (await json(live, 'show', runId)).run.status === 'parked')
  return { run: runId }
}

async function otherBundle(live: Live): Promise<Values> {
  const before = (await json(live, 'policy', 'status')).in_force.hash
  const core = join(live.path, 'policy', 'core.cedar')
  const draft = join(live.path, 'draft')
  await started(live, 'transfer', 'base', 1)
  cpSync(join(live.path, 'policy'), draft, { recursive: true })
  writeFileSync(join(draft, 'core.cedar'), `${readFileSync(core, 'utf8')}\n// Another one.\n`)
  const because = ['--reason', 'because']
  const { hash } = await json(live, 'policy', 'propose', draft, '--as', 'sam', ...because)
  await json(live, 'policy', 'activate', hash, '--as', 'pia', ...because)
  const { events } = await json(live, 'policy', 'history')
  return { hash: before.slice(0, 12), number: String(events.length + 1) }
}

/** What goes on while a tool is stopped: a run asks for it, and somebody removes the stop file again. */
export async function whileStopped(live: Live, command: string, values: Map<string, string>): Promise<void> {
  if (command.includes('kill tool <tool> --wait')) {
    const { run: runId = '' } = await started(live, 'transfer', 'dora', 8)
    values.set('stopped run', runId)
  }
  if (command.includes('--local')) rmSync(join(live.path, 'data', 'STOP'))
}

async function undelivered(live: Live): Promise<Values> {
  live.pager.refuseNext()
  await started(live, 'lost', 'dead', 12)
  const dead = async () => (await json(live, 'outbox', 'list', '--state', 'dead')).messages
  await until(async () => (await dead()).length > 0)
  return { channel: 'pager', message: (await dead())[0].id }
}

/** Somebody writes into the book by another way. */
async function foreignLine(live: Live): Promise<Values> {
  appendFileSync(join(live.path, 'book.txt'), 'by-hand mallory 500\n')
  return { key: 'by-hand' }
}

/** What each runbook starts from. */
export const LIVE: Readonly<Record<string, (live: Live) => Promise<Values>>> = {
  'stuck-approval': async (live) => {
    const { open = '', run: first = '' } = await started(live, 'transfer', 'ana', 500)
    const { run: other = '' } = await started(live, 'transfer', 'late', 500)
    return { approval: open, run: first, 'other run': other }
  },
  'manual-override': held,
  restore: async (live) => ({ ...(await started(live, 'transfer', 'rosa', 20)), record: '1' }),
  rollback: async (live) => ({ ...(await otherBundle(live)), workflow: 'transfer' }),
  'cost-runaway': async (live) => ({ ...(await started(live, 'transfer', 'loop', 700)), workflow: 'transfer' }),
  'compromised-tool': async (live) => ({ ...(await started(live, 'transfer', 'carl', 9)), tool: 'transfer.send' }),
  'unknown-effects': async (live) => {
    const { open = '', run: runId = '' } = await started(live, 'lost', 'uma', 30)
    return { question: open, run: runId }
  },
  'outside-differs': foreignLine,
  'telemetry-gap': async (live) => ({ run: (await started(live, 'transfer', 'tele', 2)).run ?? '' }),
  'dead-messages': undelivered,
  'stuck-run': (live) => started(live, 'transfer', 'stella', 600),
  clock: async () => ({ schedule: 'check-heads' }),
  leader: async () => ({ schedule: 'prune' }),
  'quarantined-run': quarantined,
  'disk-full': async () => ({}),
  'compensate-a-run': (live) => started(live, 'transfer', 'conny', 40),
  'erase-a-person': async (live) => {
    const input = JSON.stringify({ to: 'emil', amount: 3 })
    const order = ['--subject', 'customer-4711', '--wait', '--as', 'rita']
    return { run: (await json(live, 'run', 'transfer', '--input', input, ...order)).run_id }
  },
}
