/**
 * The demo: plays one story by itself, and ends with exit code 0 only when everything that it tells is true.
 *
 * A payment is interrupted by killing its process after the bank booked it and before the bank answered; a new process
 * finds out and does not pay again; another payment waits for an approver. Everything is real but the money and the
 * model: processes, files, HTTP calls, SIGKILL.
 */
import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { styleText } from 'node:util'
import { type Principal, type RunRecord, type RunResult, type Signalbox, SignalboxError, systemHost } from 'signalbox'
import { money } from './case.ts'
import { openDemoDesk } from './demo-desk.ts'
import { audited, ended, explained, openApproval, TENANT } from './demo-watch.ts'
import { intake } from './desk.ts'
import { WORLD_URL } from './tools/index.ts'
import { type Booking, readBank } from './world/bank-store.ts'
import { makeWorldClient, makeWorldTestClient } from './world/client.ts'
import { spawnWorld } from './world/spawn.ts'

/** Paid through the endpoint that books every request, so that a repeated request would pay twice. */
const INTERRUPTED = 'inv-0029.json'
/** Above the limit of 1,000.00. */
const LARGE = 'inv-0097.json'
const LEGACY_PATH = '/v1/legacy-payments'

const RITA: Principal = { id: 'user:rita', kind: 'user', tenant: TENANT, roles: ['requester', 'payables-clerk'] }
const PAUL: Principal = { id: 'user:paul', kind: 'user', tenant: TENANT, roles: ['approver'] }

/** What the story leaves behind, to be checked. */
interface Played {
  readonly interrupted: RunResult
  readonly large: RunResult
  readonly selfApproval: string
}

let chapter = 0

function tell(text: string, ...details: readonly string[]): void {
  chapter += 1
  console.log(`\n${styleText('bold', `${chapter}. ${text}`)}`)
  for (const detail of details) console.log(`   ${detail}`)
}

/** Starts a worker process and waits until it takes runs. */
async function startWorker(folder: string, name: string): Promise<ChildProcess & { readonly pid: number }> {
  const child = fork(fileURLToPath(new URL('./demo-worker.ts', import.meta.url)), [folder, name])
  const [said]: unknown[] = await Promise.race([once(child, 'message'), once(child, 'exit')])
  if (said !== 'ready' || child.pid === undefined) throw new Error(`${name} ended before it was ready`)
  return Object.assign(child, { pid: child.pid })
}

async function kill(worker: ChildProcess, signal: 'SIGKILL' | 'SIGTERM'): Promise<void> {
  if (worker.exitCode !== null || worker.signalCode !== null) return
  const gone = once(worker, 'exit')
  worker.kill(signal)
  await gone
}

async function start(desk: Signalbox, file: string): Promise<string> {
  const [runId] = await intake(desk, [file], RITA)
  if (runId === undefined) throw new Error(`no run was started for ${file}`)
  return runId
}

async function interrupt(desk: Signalbox, folder: string, url: string): Promise<string> {
  const bank = makeWorldTestClient(fetch, url)
  await bank.order({ path: LEGACY_PATH, method: 'POST', mode: 'book_then_hang' })
  const first = await startWorker(folder, 'worker 1')
  const runId = await start(desk, INTERRUPTED)
  const { match } = await readCase(url, INTERRUPTED)
  tell(
    `Rita starts invoice ${INTERRUPTED}: ${match} is owed.`,
    `Run ${runId} is stored; worker 1 (process ${first.pid}) takes it. Its model is scripted/clerk, a script.`,
    'The vendor is paid through the endpoint that books every request: a repeat would pay twice.',
  )
  await bank.waitForHits(LEGACY_PATH, 'took_effect', 1, 30_000)
  await kill(first, 'SIGKILL')
  tell(
    'The bank has booked the payment and has not answered. Worker 1 is killed now, with SIGKILL.',
    'What is left: a stored intent to pay, and no outcome.',
  )
  return runId
}

async function readCase(url: string, file: string): Promise<{ readonly match: string }> {
  const { expected } = await makeWorldClient(fetch, url).match(file)
  return {
    match: expected ? `${money(expected.amount_minor, expected.currency)} to ${expected.payee_name}` : 'nothing',
  }
}

async function approve(desk: Signalbox, url: string): Promise<{ runId: string; selfApproval: string }> {
  const runId = await start(desk, LARGE)
  const asked = await openApproval(desk, runId)
  const { packet, packetHash, row } = asked
  if (packet === null || !('summary' in packet)) throw new Error('the approval has no packet')
  tell(
    `Meanwhile Rita starts invoice ${LARGE}: ${(await readCase(url, LARGE)).match} is owed.`,
    `That is above the limit. Run ${runId} stores a request to an approver and waits.`,
    `  Summary   ${packet.summary}`,
    `  Target    ${packet.target.type} ${packet.target.id}, version ${packet.target.version}`,
    `  Impact    ${packet.impact.text ?? ''}`,
    `  Rollback  ${packet.rollback}`,
  )
  const decision = { approvalId: row.id, answer: 'approved', reason: 'delivery checked', seen: packetHash } as const
  const selfApproval = await desk.runs.decide({ ...decision, by: RITA }).then(
    () => 'ACCEPTED',
    (error: unknown) => (error instanceof SignalboxError ? error.code : String(error)),
  )
  await desk.runs.decide({ ...decision, by: PAUL })
  tell(`Rita tries to approve her own payment: ${selfApproval}.`, 'Paul approves it, and says why: "delivery checked".')
  return { runId, selfApproval }
}

async function play(folder: string, url: string): Promise<Played & { readonly desk: Signalbox }> {
  const desk = await openDemoDesk(folder)
  const runId = await interrupt(desk, folder, url)
  const second = await startWorker(folder, 'worker 2')
  try {
    tell(
      `Worker 2 (process ${second.pid}) starts and takes over.`,
      'It waits until the lost request can no longer arrive, and then asks the bank by reference.',
    )
    const { runId: largeId, selfApproval } = await approve(desk, url)
    const large = await ended(desk, largeId)
    tell('The approved payment is made, and the vendor gets a notice.')
    const interrupted = await ended(desk, runId)
    tell('The bank says that it has the interrupted payment. It is not sent again, and the run goes on to its end.')
    return { desk, interrupted, large, selfApproval }
  } finally {
    await kill(second, 'SIGTERM')
  }
}

/** What must be true of the story, by the bank's own file and by the stored history. */
async function checks(desk: Signalbox, played: Played, booked: readonly Booking[], url: string) {
  const right = async (file: string) => {
    const { expected } = await makeWorldClient(fetch, url).match(file)
    const same = booked.filter((each) => each.reference === expected?.reference)
    const [only] = same
    return (
      same.length === 1 && only?.amount_minor === expected?.amount_minor && only?.payee_iban === expected?.payee_iban
    )
  }
  const records = await desk.runs.records(TENANT, played.interrupted.runId)
  const has = (test: (record: RunRecord) => boolean) => records.some(test)
  const largeRecords = await desk.runs.records(TENANT, played.large.runId)
  const isByPaul = (record: RunRecord) =>
    record.type === 'approval.decided' && record.answer === 'approved' && record.by?.id === PAUL.id
  return [
    ['the interrupted payment was booked once, in the right amount, to the right account', await right(INTERRUPTED)],
    ['the approved payment was booked once, in the right amount, to the right account', await right(LARGE)],
    ['the bank booked nothing else', booked.length === 2],
    ['both runs completed', played.interrupted.status === 'completed' && played.large.status === 'completed'],
    [
      'another worker took the killed one over',
      has((each) => each.type === 'segment.started' && each.why === 'takeover'),
    ],
    [
      'the lost payment was found by a look-up',
      has((each) => each.type === 'activity.outcome' && each.resolved_by === 'lookup'),
    ],
    [
      'the approver is Paul, and Rita was refused',
      largeRecords.some(isByPaul) && played.selfApproval === 'APPROVAL_SELF',
    ],
    [
      'both histories verify, hash by hash',
      (await audited(desk, played.interrupted.runId)).verified && (await audited(desk, played.large.runId)).verified,
    ],
  ] as const
}

async function report(
  played: Played & { readonly desk: Signalbox },
  worldFolder: string,
  url: string,
): Promise<boolean> {
  const { desk, interrupted } = played
  tell('The interrupted run explains itself, from its stored history and without a model:')
  console.log(`\n${await explained(desk, interrupted.runId)}`)
  const { bookings } = readBank(worldFolder)
  tell(
    'What the bank has in its own file, each payment once:',
    ...bookings.map(
      (each) =>
        `${each.reference}  ${money(each.amount_minor, each.currency)}  to ${each.payee_name}  (${each.endpoint})`,
    ),
  )
  const results = await checks(desk, played, bookings, url)
  tell('Checked:', ...results.map(([what, isTrue]) => `${isTrue ? 'yes' : 'NO '}  ${what}`))
  return results.every(([, isTrue]) => isTrue)
}

/** Plays the story in a folder of its own, which is removed afterwards. True when everything was as it has to be. */
export async function demo(): Promise<boolean> {
  const folder = mkdtempSync(join(tmpdir(), 'signalbox-demo-'))
  const worldFolder = join(folder, 'outside-world')
  const world = await spawnWorld({ dataFolder: worldFolder, testFaults: true })
  process.env[WORLD_URL] = world.baseUrl
  let desk: Signalbox | undefined
  try {
    tell(
      'A bank and a records service start in a process of their own, with 240 invoices in the inbox.',
      `Process ${world.pid} at ${world.baseUrl}; Signalbox keeps its history in ${join(folder, 'signalbox.db')}.`,
    )
    const played = await play(folder, world.baseUrl)
    desk = played.desk
    return await report(played, worldFolder, world.baseUrl)
  } finally {
    await desk?.close()
    await world.stop()
    rmSync(folder, { recursive: true, force: true })
  }
}

/** Longer than this means that something waits for what will not come. */
const LIMIT_MS = 90_000

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) {
  // Every process that the demo started ends with it.
  systemHost.after(LIMIT_MS, () => {
    console.log(`\nThe story did not end within ${LIMIT_MS / 1_000} s.`)
    process.exit(1)
  })
  const isRight = await demo()
  console.log(isRight ? '\nThe story is true.' : '\nThe story is NOT true: see the lines marked NO.')
  process.exitCode = isRight ? 0 : 1
}
