import { existsSync, readFileSync } from 'node:fs'
import { resolve } from 'node:path'
import { headsDirOf, proveFromHeads, publicKeyPath, readPublicKey } from '@signalbox/server'
import type { Command } from 'commander'
import { checkRunProof, SignalboxError } from 'signalbox'
import { ERROR_TABLE } from 'signalbox/errors'
import type { Shell } from './context.ts'
import { writeNew } from './new-file.ts'
import { outputOf } from './output.ts'

interface ProofOptions {
  readonly data: string
  readonly heads?: string
  readonly publicKey?: string
  readonly out?: string
  readonly json?: boolean
}

/** Adds `audit prove`: it reads the tree heads, and no store. */
export function addProveCommand(audit: Command, shell: Shell): void {
  audit
    .command('prove <run>')
    .description('a proof that the last signed tree head covers a run, for someone who has only the public key')
    .option('--out <file>', 'write it to this new file; default: stdout')
    .option('--data <folder>', 'data folder', './.signalbox')
    .option('--heads <folder>', 'signed tree heads; also SIGNALBOX_TREE_HEADS_DIR; default: heads in the data folder')
    .option('--public-key <file>', 'public key of the tree heads; default: audit.pub in the data folder')
    .option('--json', 'write one JSON value to stdout and nothing else')
    .action((run: string, options: ProofOptions) => {
      const dir = resolve(options.heads ?? headsDirOf(resolve(options.data), shell.terminal.env))
      const proof = proveFromHeads({ dir, key: keyOf(options) }, run)
      const text = `${JSON.stringify(proof, null, 2)}\n`
      if (options.out === undefined) {
        shell.terminal.stdout.write(text)
        return
      }
      writeNew(resolve(options.out), text)
      const out = outputOf(shell.terminal, options.json === true)
      out.data({ file: resolve(options.out), run_id: run, seq: proof.leaf.seq })
      out.text(`${resolve(options.out)}: run ${run} at record ${proof.leaf.seq}`)
      out.text('Check it with: signalbox audit verify --proof <file> --public-key <audit.pub>')
    })
}

function keyOf({ publicKey, data }: Pick<ProofOptions, 'publicKey' | 'data'>) {
  return readPublicKey(publicKey === undefined ? publicKeyPath(resolve(data)) : resolve(publicKey))
}

/** Checks a proof with the public key alone. Exit code 6 when it shows nothing. */
export function verifyProof(
  file: string,
  options: { readonly publicKey?: string; readonly data: string; readonly json?: boolean },
  shell: Shell,
): void {
  const path = resolve(file)
  if (!existsSync(path)) throw new SignalboxError('NOT_FOUND', `there is no proof \`${path}\``)
  const out = outputOf(shell.terminal, options.json === true)
  const shown = checkRunProof(readFileSync(path, 'utf8'), keyOf(options))
  if ('fault' in shown) {
    out.data({ ok: false, fault: shown.fault })
    out.text(`${out.color.red('does not verify')}: ${shown.fault}`)
    shell.setExitCode(ERROR_TABLE.AUDIT_FAILED.exit)
    return
  }
  const { tenant, runId, seq, head, head_number: number, time } = shown
  out.data({ ok: true, tenant, run_id: runId, seq, head, tree_head: number, time })
  out.text(`${runId}  ${out.color.green('verified')}  of tenant ${tenant}`)
  out.text(`its history stood at record ${seq} with hash ${head} when tree head ${number} was signed at ${time}`)
}
