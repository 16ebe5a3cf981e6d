import { resolve } from 'node:path'
import type { Audit, AuditAll } from '@signalbox/protocol'
import { checkTreeHeads, type TreeHeadsCheck, type TreeHeadsPlace } from '@signalbox/server'
import type { Command } from 'commander'
import { ERROR_TABLE } from 'signalbox/errors'
import { addDisclosuresCommand } from './commands-explain.ts'
import { addExposureCommand } from './commands-exposure.ts'
import { addKillCommands } from './commands-kill.ts'
import { addOverrideCommands } from './commands-override.ts'
import { addProveCommand, verifyProof } from './commands-proof.ts'
import { type Shell, withClient, withShared } from './context.ts'
import { type Output, printable } from './output.ts'

/** Adds the commands that verify histories and that stop things. */
export function addSystemCommands(program: Command, shell: Shell): void {
  addAudit(program, shell)
  addKillCommands(program, shell)
  addOverrideCommands(program, shell)
}

function addAudit(program: Command, shell: Shell): void {
  const audit = program.command('audit').description('verify histories')
  addProveCommand(audit, shell)
  addExposureCommand(audit, shell)
  addDisclosuresCommand(audit, shell)
  withShared(audit.command('verify [run]'))
    .description(
      'verify one history, or all: chain, sequence, end, meaning, signed tree heads; exit code 6 when something is wrong',
    )
    .option('--heads <folder>', 'signed tree heads; also SIGNALBOX_TREE_HEADS_DIR; default: heads in the data folder')
    .option('--public-key <file>', 'public key of the tree heads; default: audit.pub in the data folder')
    .option('--proof <file>', 'check a proof of `audit prove` with the public key alone, and nothing else')
    .action(async (id: string | undefined, options: AuditOptions, command: Command) => {
      if (options.proof !== undefined) {
        verifyProof(options.proof, options, shell)
        return
      }
      await withClient(command, shell, async ({ client, out }) => {
        const heads = await headsOf(options, shell, id)
        if (heads?.findings.some((each) => each.kind === 'removed_run' && each.run_id === id)) {
          // The server would answer that there is no such run.
          out.data({ run_id: id, ok: false, tree_heads: heads })
          out.text(headsText(heads, out))
          shell.setExitCode(ERROR_TABLE.AUDIT_FAILED.exit)
          return
        }
        const result = id === undefined ? await client.auditAll() : await client.audit({ params: { id } })
        const ok = result.ok && (heads?.ok ?? true)
        out.data({ ...result, ok, tree_heads: heads })
        out.text('failed' in result ? auditAllText(result, out) : auditText(result, out))
        out.text(headsText(heads, out))
        if (!ok) shell.setExitCode(ERROR_TABLE.AUDIT_FAILED.exit)
      })
    })
}

interface AuditOptions {
  readonly heads?: string
  readonly publicKey?: string
  readonly proof?: string
  readonly json?: boolean
  readonly url?: string
  readonly data: string
}

/** Heads beside the data that the server reads. Of a server elsewhere the data folder here says nothing. */
async function headsOf(options: AuditOptions, shell: Shell, run?: string): Promise<TreeHeadsCheck | null> {
  const { heads, publicKey, data, url } = options
  const { env } = shell.terminal
  const named = heads !== undefined || publicKey !== undefined
  if (!named && (url ?? env.SIGNALBOX_URL) !== undefined) return null
  const place: TreeHeadsPlace = {
    dataDir: resolve(data),
    env,
    ...(heads === undefined ? {} : { headsDir: resolve(heads) }),
    ...(publicKey === undefined ? {} : { publicKeyPath: resolve(publicKey) }),
  }
  return await checkTreeHeads(place, run)
}

function auditAllText(all: AuditAll, out: Output): string {
  const sound = all.runs - all.failed.length
  const failed = all.failed.map((each) => auditText(each, out))
  const runs = `${sound} of ${all.runs} histories verified, ${all.records} records`
  return [
    ...failed,
    runs,
    ...policyLines(all, out),
    ...chainLines('alerts', all.alerts, out),
    ...chainLines('kill switches', all.switches, out),
  ].join('\n')
}

function chainLines(of: string, chain: AuditAll['alerts'], out: Output): string[] {
  if (chain === undefined) return []
  const state = chain.ok ? out.color.green('verified') : out.color.red('does not verify')
  return [`history of ${of} ${state}, ${chain.events} events`, ...chain.findings.map((each) => `  ${printable(each)}`)]
}

function policyLines({ policy }: AuditAll, out: Output): string[] {
  if (policy === null) return []
  const state = policy.ok ? out.color.green('verified') : out.color.red('does not verify')
  const findings = policy.findings.map((each) => `  event ${each.seq ?? '?'}: ${each.code}: ${printable(each.text)}`)
  return [`policy history ${state}, ${policy.events} events`, ...findings]
}

function headsText(heads: TreeHeadsCheck | null, out: Output): string {
  if (!heads) return 'no tree heads checked: nothing outside the database vouches for it'
  const { last, findings } = heads
  const upTo = last ? `, the last one ${last.number} at ${last.time} over ${last.records} records` : ''
  const state = heads.ok ? out.color.green('verified') : out.color.red('do not verify')
  const lines = findings.map((each) => {
    const where =
      each.run_id === null ? '' : ` ${printable(each.run_id)}${each.seq === null ? '' : ` record ${each.seq}`}`
    return `  head ${each.head ?? '?'}${where}: ${each.kind}: ${printable(each.detail)}`
  })
  return [`${heads.heads} tree heads ${state}${upTo}; ${heads.uncovered_records} records came after`, ...lines].join(
    '\n',
  )
}

function auditText(audit: Audit, out: Output): string {
  const { color } = out
  if (audit.ok)
    return `${audit.run_id}  ${color.green('verified')}  ${audit.records} records, head ${audit.head.slice(0, 16)}`
  const findings = audit.findings.map((each) => `  record ${each.seq ?? '?'}: ${each.code}: ${printable(each.text)}`)
  return [`${audit.run_id}  ${color.red('does not verify')}  ${audit.records} records`, ...findings].join('\n')
}
