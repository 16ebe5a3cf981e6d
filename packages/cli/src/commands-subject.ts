import type { ErasureView } from '@signalbox/protocol'
import type { Command } from 'commander'
import { SignalboxError, sleep, systemHost } from 'signalbox'
import { type CommandContext, type Shell, withClient, withShared } from './context.ts'
import { time } from './format.ts'
import type { Output } from './output.ts'

interface EraseOptions {
  readonly tenant?: string
  readonly reason: string
  readonly dryRun?: boolean
  readonly cancel?: boolean
}

/** Adds `subject erase`: destroying what is stored about one person. */
export function addSubjectCommands(program: Command, shell: Shell): void {
  const group = program.command('subject').description('what is stored about one person')
  withShared(group.command('erase <subject>'))
    .description('destroy the contents of every run about this person; histories stay and verify; role privacy')
    .requiredOption('--reason <text>', 'why; stored with your name, so it must not name the person')
    .option('--tenant <tenant>', 'refuse when your credential is of another tenant')
    .option('--dry-run', 'tell what it would reach and change nothing')
    .option('--cancel', 'cancel runs about the person that have not ended, and wait for their end')
    .action(async (subject: string, options: EraseOptions, command: Command) => {
      await withClient(command, shell, (context) => erase(subject, options, context))
    })
}

async function erase(subject: string, options: EraseOptions, { client, out, direct }: CommandContext): Promise<void> {
  const { tenant } = (await client.me()).principal
  if (options.tenant !== undefined && options.tenant !== tenant)
    throw new SignalboxError('FORBIDDEN', `your credential is of tenant \`${tenant}\`, not of \`${options.tenant}\``)
  const ask = (over: { dry_run?: boolean; cancel?: boolean }): Promise<ErasureView> =>
    client.eraseSubject({ body: { subject, reason: options.reason, ...over } })
  const cancel = options.cancel === true
  const result =
    options.dryRun === true ? await ask({ dry_run: true }) : await untilEnded(() => ask({ cancel }), direct)
  out.data(result)
  tell(result, out)
}

const TRIES = 60
const PAUSE_MS = 500

/** Orders again while cancelled runs come to their end. Throws RUN_STATE when they do not. */
async function untilEnded(order: () => Promise<ErasureView>, direct: boolean): Promise<ErasureView> {
  for (let n = 1; ; n++) {
    const result = await order()
    if (result.state !== 'cancelling') return result
    if (direct || n >= TRIES)
      throw new SignalboxError(
        'RUN_STATE',
        `${result.open_runs.length} runs about this person are cancelled and have not ended: ${direct ? 'start a server, which ends them' : 'look at them'}, then order it again`,
        { details: { open_runs: result.open_runs } },
      )
    await sleep(systemHost, PAUSE_MS)
  }
}

function tell(result: ErasureView, out: Output): void {
  const { runs, contents, open_runs: open } = result
  out.text(`person ${result.subject_digest}: ${runs} runs, ${contents} records with contents`)
  if (result.erased_before !== null) out.text(`their key was destroyed before, at ${time(result.erased_before)} UTC`)
  if (open.length > 0) out.text(`not ended, and in the way: ${open.join(', ')}`)
  if (result.state === 'planned') {
    out.text('Nothing was changed. Without --dry-run the key and these contents are destroyed for good.')
    return
  }
  out.text(`erased: the key is destroyed, and the contents of ${result.erased_runs} runs; histories stay and verify`)
  out.text('Not reached: backups made before (delete them), the ids in records, what tools sent elsewhere.')
}
